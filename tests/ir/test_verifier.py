from __future__ import annotations

import numpy as np
import pytest

from redsc.errors import MalformedModel, UnsupportedError
from redsc.ir import (
    NO_ATTRS,
    Add,
    DType,
    Graph,
    LeakyRelu,
    Quant,
    Reshape,
    TensorType,
    Value,
    parse_graph,
    verify_graph,
)
from redsc.ir.verifier import graph_problems, scale_problems, signature_of
from tests.helpers import residual_net, small_net

INT8 = TensorType((4,), DType.INT8, Quant.per_tensor(0.5))
FLOATS = TensorType((4,), DType.FLOAT32)


def _relu(source: TensorType = FLOATS, result: TensorType = FLOATS) -> Graph:
    x, y = Value("x", source), Value("y", result)
    graph = Graph(inputs=[x], outputs=[y])
    graph.append("RELU", [x], [y], NO_ATTRS)
    return graph


def _problems(text: str) -> list[str]:
    graph = parse_graph(text)
    return list(graph_problems(graph)) or list(scale_problems(graph))


@pytest.mark.parametrize(
    "graph", [small_net(), small_net(DType.FLOAT32), residual_net(), _relu(), _relu(INT8, INT8)]
)
def test_a_sound_graph_has_no_problems(graph: Graph) -> None:
    assert list(graph_problems(graph)) == []


def test_names_are_unique() -> None:
    graph = _relu()
    graph.outputs[0].name = "x"
    assert list(graph_problems(graph)) == ["the name 'x' is used twice"]


def test_ops_are_known() -> None:
    graph = _relu()
    graph.nodes[0].op = "RELU7"
    assert list(graph_problems(graph)) == ["unknown op RELU7"]


def test_attributes_belong_to_the_op() -> None:
    graph = _relu()
    graph.nodes[0].attrs = Add()
    assert list(graph_problems(graph)) == ["RELU 'y': attributes are Add"]


@pytest.mark.parametrize(
    ("op", "attrs", "problem"),
    [
        ("LEAKY_RELU", LeakyRelu(1e39), "alpha is 1e+39, which is no float32"),
        ("LEAKY_RELU", LeakyRelu(float("nan")), "alpha is nan, which is no float32"),
        ("RESHAPE", Reshape((4, 2**31)), "new_shape is 2147483648, beyond 32 bits"),
    ],
)
def test_attributes_fit_where_files_have_them(op: str, attrs: object, problem: str) -> None:
    graph = _relu()
    graph.nodes[0].op, graph.nodes[0].attrs = op, attrs
    assert f"{op} 'y': {problem}" in graph_problems(graph)


def test_operands_are_there() -> None:
    x, y = Value("x", FLOATS), Value("y", FLOATS)
    graph = Graph(inputs=[x], outputs=[y])
    graph.append("ADD", [x, None], [y], Add())
    assert list(graph_problems(graph)) == ["ADD 'y': needs 2 inputs"]


def test_a_value_is_made_before_it_is_read() -> None:
    graph = small_net()
    graph.nodes.reverse()
    assert "FULLY_CONNECTED 'fully_connected6' reads 'reshape5' before it is made" in list(graph_problems(graph))


def test_a_cycle_is_no_schedule() -> None:
    graph = _relu()
    graph.set_input(graph.nodes[0], 0, graph.outputs[0])
    assert list(graph_problems(graph)) == ["RELU 'y' reads 'y' before it is made"]


def test_outputs_are_made() -> None:
    graph = _relu()
    graph.outputs.append(Value("z", FLOATS))
    assert list(graph_problems(graph)) == ["the output 'z' is never made"]


def test_use_lists_agree_with_the_nodes() -> None:
    graph = _relu()
    graph.inputs[0].uses.clear()
    assert list(graph_problems(graph)) == ["'x' has 0 uses on record, 1 in the graph"]


def test_a_value_knows_its_producer() -> None:
    graph = _relu()
    graph.outputs[0].producer = None
    assert list(graph_problems(graph)) == ["'y' does not know its producer 'y'"]


@pytest.mark.parametrize("shape", [(0,), (-1, 4), (2, 0, 2)])
def test_shapes_are_positive(shape: tuple[int, ...]) -> None:
    graph = _relu(TensorType(shape, DType.FLOAT32), TensorType(shape, DType.FLOAT32))
    assert list(graph_problems(graph)) == [f"'x' has the shape {list(shape)}", f"'y' has the shape {list(shape)}"]


def test_a_constant_holds_what_its_type_says() -> None:
    graph = _relu()
    graph.set_input(graph.nodes[0], 0, constant := Value.constant("c", np.zeros(4, np.float32)))
    constant.type = TensorType((2,), DType.FLOAT32)
    assert list(graph_problems(graph)) == ["'c' holds float32[4], its type says otherwise"]


def test_constants_are_read_only() -> None:
    graph = _relu()
    graph.set_input(graph.nodes[0], 0, constant := Value.constant("c", np.zeros(4, np.float32)))
    constant.data = np.zeros(4, np.float32)
    assert list(graph_problems(graph)) == ["'c' is a writable constant"]


@pytest.mark.parametrize(
    ("quant", "problem"),
    [
        (None, "'x' is int8 without a scale"),
        (Quant((0.0,), (0,)), "'x' has a scale that is not positive"),
        (Quant((-1.0,), (0,)), "'x' has a scale that is not positive"),
        (Quant((float("inf"),), (0,)), "'x' has a scale that is not positive"),
        (Quant((float("nan"),), (0,)), "'x' has a scale that is not positive"),
        (Quant((1.0, 2.0), (0,)), "'x' has 2 scales along axis 0 of [4]"),
        (Quant((1.0,) * 4, (0,), axis=1), "'x' has 4 scales along axis 1 of [4]"),
        (Quant((1.0,) * 4, (0,), axis=-1), "'x' has 4 scales along axis -1 of [4]"),
        (Quant((1.0,), (0, 0, 0)), "'x' has 1 scales and 3 zero points"),
    ],
)
def test_quantisation_is_sound(quant: Quant | None, problem: str) -> None:
    assert list(graph_problems(_relu(TensorType((4,), DType.INT8, quant), INT8))) == [problem]


def test_shapes_are_what_the_op_makes() -> None:
    graph = _relu(FLOATS, TensorType((5,), DType.FLOAT32))
    assert list(graph_problems(graph)) == ["RELU 'y': outputs have the shapes ((5,),), the operands give ((4,),)"]


def test_operands_fit_together() -> None:
    text = "graph @g { input %x: f32[2] input %z: f32[3] %y: f32[3] = ADD(%x, %z) output %y }"
    assert _problems(text) == ["ADD 'y': shapes [(2,), (3,)] do not broadcast"]


def test_element_types_are_a_signature() -> None:
    graph = _relu(FLOATS, INT8)
    assert list(graph_problems(graph)) == ["RELU 'y': no signature of RELU takes ['f32'] and gives i8"]


def test_too_many_operands_are_no_signature() -> None:
    text = "graph @g { input %x: f32[2] %y: f32[2] = RELU(%x, %x) output %y }"
    assert _problems(text) == ["RELU 'y': no signature of RELU takes ['f32', 'f32'] and gives f32"]


def test_softmax_has_the_scale_of_its_kernel() -> None:
    text = "graph @g { input %x: i8[2] q(1.0,0) %y: i8[2] q(0.5,0) = SOFTMAX(%x) {beta=1.0} output %y }"
    assert _problems(text) == ["SOFTMAX 'y': the output needs scale 0.00390625, zero point -128"]


@pytest.mark.parametrize("quant", ["q(0.25,1)", "q(0.5,0)"])
def test_ops_that_copy_keep_scale_and_zero_point(quant: str) -> None:
    text = f"graph @g {{ input %x: i8[2] q(0.25,0) %y: i8[2] {quant} = RESHAPE(%x) {{new_shape=[2]}} output %y }}"
    assert _problems(text) == ["RESHAPE 'y': input and output must have the same scale and zero point"]


def test_scales_that_a_kernel_ignores_are_unsupported_not_malformed() -> None:
    text = "graph @g { input %x: i8[2] q(0.25,0) %y: i8[2] q(0.5,0) = RESHAPE(%x) {new_shape=[2]} output %y }"
    with pytest.raises(UnsupportedError, match="do not take the scales of 1 operator") as caught:
        verify_graph(parse_graph(text))
    assert caught.value.diagnostic.code == "N408"


def test_ops_that_copy_may_round_the_scale() -> None:
    text = "graph @g { input %x: i8[2] q(0.25,0) %y: i8[2] q(0.2500005,0) = RESHAPE(%x) {new_shape=[2]} output %y }"
    assert _problems(text) == []


def test_all_problems_are_reported_together() -> None:
    graph = _relu(TensorType((4,), DType.INT8), TensorType((4,), DType.INT8))
    with pytest.raises(MalformedModel, match=r"graph 'main' breaks 2 rule\(s\)") as caught:
        verify_graph(graph)
    assert caught.value.diagnostic.evidence == ("'x' is int8 without a scale", "'y' is int8 without a scale")


def test_the_signature_of_a_node_allows_a_missing_bias() -> None:
    text = """graph @g {
      input %x: f32[1,2]
      const %w: f32[1,2] = [1.0,2.0]
      %y: f32[1,1] = FULLY_CONNECTED(%x, %w, none)
      output %y
    }"""
    signature = signature_of(parse_graph(text).nodes[0])
    assert signature is not None
    assert signature.output is DType.FLOAT32
