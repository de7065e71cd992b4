from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.errors import MalformedModel
from redsc.ir import DType, Graph, GraphBuilder, Quant, Value, parse_graph, print_graph, verify_graph
from tests.conftest import Golden
from tests.helpers import residual_net
from tests.strategies import graphs

DENSE = """graph @main {
  input %x: i8[1,8] q(0.5,-128)
  const %w: i8[2,8] q([0.25,0.5],[0],axis=0) = [1,2,3,4,5,6,7,8,-1,-2,-3,-4,-5,-6,-7,-8]
  %y: i8[1,2] q(0.5,0) = FULLY_CONNECTED(%x, %w, none) {keep_num_dims=false, activation=NONE} @"a" @"dense/b"
  output %y
}
"""


@given(graphs())
def test_a_printed_graph_parses_to_the_same_text(graph: Graph) -> None:
    parsed = parse_graph(print_graph(graph))
    assert print_graph(parsed) == print_graph(graph)
    verify_graph(parsed)


@given(graphs())
def test_a_parsed_graph_has_the_same_types_attributes_and_constants(graph: Graph) -> None:
    parsed = parse_graph(print_graph(graph))
    assert [(v.name, v.type) for v in parsed.values()] == [(v.name, v.type) for v in graph.values()]
    assert [(n.op, n.attrs, n.origin) for n in parsed.nodes] == [(n.op, n.attrs, n.origin) for n in graph.nodes]
    for left, right in zip(parsed.constants(), graph.constants(), strict=True):
        np.testing.assert_array_equal(np.asarray(left.data), np.asarray(right.data))


@given(st.lists(st.floats(width=32), min_size=1, max_size=4))
def test_short_float_constants_keep_every_bit(numbers: list[float]) -> None:
    builder = GraphBuilder()
    data = np.array(numbers, np.float32)
    graph = builder.output(builder.op("RELU", builder.constant("c", data)))
    (constant,) = parse_graph(print_graph(graph)).constants()
    np.testing.assert_array_equal(np.asarray(constant.data), data)


@given(st.floats(2.0**-126, 2.0**127, width=32), st.integers(-128, 127))
def test_scales_keep_every_bit(scale: float, zero_point: int) -> None:
    graph = Graph(inputs=[x := GraphBuilder().input("x", (1,), DType.INT8, Quant((scale,), (zero_point,)))])
    graph.outputs = [x]
    assert parse_graph(print_graph(graph)).inputs[0].type == x.type


@given(st.text(min_size=1))
def test_any_name_survives(name: str) -> None:
    builder = GraphBuilder(name)
    graph = builder.output(builder.op("RELU", builder.input(name, (1,)), name=f"{name}.y", origin=[name]))
    parsed = parse_graph(print_graph(graph))
    assert (parsed.name, parsed.inputs[0].name, parsed.nodes[0].origin) == (name, name, (name,))


@pytest.mark.parametrize("dtype", [dtype for dtype in DType if dtype is not DType.INT8])
@pytest.mark.parametrize("count", [1, 16, 17])
def test_constants_of_every_element_type_survive(dtype: DType, count: int) -> None:
    data = (np.arange(count) % 2).astype(dtype.numpy)
    graph = Graph(outputs=[Value.constant("c", data)])
    (constant,) = parse_graph(print_graph(graph)).outputs
    assert constant.type.dtype is dtype
    np.testing.assert_array_equal(np.asarray(constant.data), data)


def test_the_text_is_its_own_print() -> None:
    assert print_graph(parse_graph(DENSE)) == DENSE


def test_print_a_network(golden: Golden) -> None:
    golden(print_graph(residual_net()))


def test_white_space_does_not_matter() -> None:
    assert print_graph(parse_graph(DENSE.replace("\n", "  ").replace(",", " , "))) == DENSE


def test_attributes_have_defaults() -> None:
    text = "graph @g { input %x: f32[2] %y: f32[2] = SOFTMAX(%x) output %y }"
    assert parse_graph(text).nodes[0].attrs.beta == 1.0


ERRORS = {
    "empty": "",
    "no-graph": "grph @g {}",
    "unknown-character": "graph @g {\n  input %x: f32[2]\n  ?\n}",
    "unclosed": "graph @g {\n  input %x: f32[2]\n",
    "unknown-type": "graph @g {\n  input %x: f64[2]\n}",
    "unknown-value": "graph @g {\n  output %x\n}",
    "unknown-op": "graph @g {\n  input %x: f32[2]\n  %y: f32[2] = RELUU(%x)\n}",
    "unknown-attribute": "graph @g {\n  input %x: f32[2]\n  %y: f32[2] = SOFTMAX(%x) {gamma=1.0}\n}",
    "name-taken": "graph @g {\n  input %x: f32[2]\n  input %x: f32[2]\n}",
    "too-few-elements": "graph @g {\n  const %x: f32[3] = [1.0,2.0]\n}",
    "missing-comma": "graph @g {\n  input %x: f32[2]\n  %y: f32[2] = ADD(%x %x)\n}",
}


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_says_where(case: str, golden: Golden) -> None:
    with pytest.raises(MalformedModel) as caught:
        parse_graph(ERRORS[case])
    golden(f"{caught.value}\n")


@pytest.mark.parametrize(
    "text",
    [
        "graph @g { input %x: f32[a] }",
        "graph @g { input %x: f32[1.5] }",
        "graph @g { input %x: i8[1] q(0.5,0.5) }",
        "graph @g { const %x: i32[1] = [oops] }",
        "graph @g { const %x: i8[1] = [300] }",
        'graph @g { const %x: f32[20] = base64"!" }',
        "graph @g { input %x: f32[2] %y: f32[2] = ADD(%x, %x) {activation=GELU} }",
        "graph @g { input %x: f32[2] %y: f32[2] = SOFTMAX(%x) {beta=hot} }",
        "graph @g { input %x: f32[2] %y: f32[2] = RESHAPE(%x) {new_shape=2} }",
    ],
)
def test_a_wrong_literal_is_an_error_with_its_line(text: str) -> None:
    with pytest.raises(MalformedModel, match="at line 1"):
        parse_graph(text)


def test_a_value_that_is_made_twice_is_an_error_in_the_text() -> None:
    text = "graph @g {\n input %x: f32[2]\n %x: f32[2] = RELU(%x)\n}"
    with pytest.raises(MalformedModel, match="at line 3"):
        parse_graph(text)
