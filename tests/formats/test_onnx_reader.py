from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from redsc.errors import LimitExceeded, MalformedModel, UnsupportedError
from redsc.formats import load_model, write_tflite
from redsc.formats.model import port
from redsc.formats.onnx.ops import ONNX_OPS
from redsc.formats.onnx.reader import OnnxImport, read_onnx
from redsc.formats.tables import Refusal
from redsc.ir import Array, Graph, print_graph
from redsc.limits import Limits
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import FLOAT_TOLERANCE, difference
from tests.conftest import ROOT, Golden


def weights(*shape: int) -> Array:
    return np.random.default_rng(shape).standard_normal(shape).astype(np.float32)


def onnx_model(
    nodes: list[Any],
    inputs: dict[str, list[Any]],
    constants: dict[str, Array],
    opset: int = 18,
) -> bytes:
    """Return a model with the output `y`, whose shape onnx infers."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.example", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return bytes(model.SerializeToString())


def one_node(op: str, inputs: list[str], shape: list[Any], opset: int = 18, **fields: Any) -> bytes:
    """Return a model with one node over `x`; arrays among the fields are constants, the rest attributes."""
    constants = {name: item for name, item in fields.items() if isinstance(item, np.ndarray)}
    attributes = {name: item for name, item in fields.items() if name not in constants}
    node = helper.make_node(op, inputs, ["y"], name="node", **attributes)
    return onnx_model([node], {"x": shape}, constants, opset)


def read(data: bytes) -> Graph:
    return read_onnx(data).graph


def assert_same_answers(data: bytes, found: OnnxImport, tolerance: float = FLOAT_TOLERANCE) -> None:
    """Compare the graph in LiteRT with the file in onnxruntime, in the layouts of each."""
    ports = [port(*pair) for pair in zip(found.graph.inputs, found.inputs, strict=True)]
    outputs = [port(*pair) for pair in zip(found.graph.outputs, found.outputs, strict=True)]
    source = [[weights(*item.source_shape) for item in ports] for _ in range(2)]
    mine = [[np.ascontiguousarray(p.to_graph(a)) for a, p in zip(row, ports, strict=True)] for row in source]
    expected = [
        [np.ascontiguousarray(p.to_graph(a)) for a, p in zip(row, outputs, strict=True)]
        for row in EXECUTORS["onnxruntime"].run(data, source)
    ]
    answers = EXECUTORS["litert"].run(write_tflite(found.graph), mine)
    assert difference(expected, answers, tolerance) is None


W, B = weights(4, 3, 3, 3), weights(4)
HANDLED: dict[str, tuple[bytes, list[str]]] = {
    "conv": (one_node("Conv", ["x", "w", "b"], [1, 3, 7, 6], w=W, b=B), ["CONV_2D"]),
    "conv-without-bias": (one_node("Conv", ["x", "w"], [1, 3, 7, 6], w=W), ["CONV_2D"]),
    "conv-same": (one_node("Conv", ["x", "w"], [1, 3, 7, 6], w=W, pads=[1, 1, 1, 1]), ["CONV_2D"]),
    "conv-stride": (one_node("Conv", ["x", "w"], [1, 3, 7, 7], w=W, pads=[1] * 4, strides=[2, 2]), ["CONV_2D"]),
    "conv-stride-even": (
        one_node("Conv", ["x", "w"], [1, 3, 8, 8], w=W, pads=[1] * 4, strides=[2, 2]),
        ["PAD", "CONV_2D"],  # SAME pads an even size at the end only
    ),
    "conv-uneven-pads": (
        one_node("Conv", ["x", "w"], [1, 3, 7, 6], w=W, pads=[0, 1, 2, 3], strides=[1, 2]),
        ["PAD", "CONV_2D"],
    ),
    "conv-dilated": (
        one_node("Conv", ["x", "w"], [1, 3, 9, 8], w=W, pads=[2, 3, 2, 3], dilations=[2, 3]),
        ["CONV_2D"],
    ),
    "conv-valid": (one_node("Conv", ["x", "w"], [1, 3, 7, 6], w=W, auto_pad="VALID"), ["CONV_2D"]),
    "depthwise": (
        one_node("Conv", ["x", "w", "b"], [1, 4, 7, 6], w=weights(4, 1, 3, 3), b=B, group=4),
        ["DEPTHWISE_CONV_2D"],
    ),
    "depthwise-multiplier": (
        one_node("Conv", ["x", "w"], [1, 4, 7, 6], w=weights(8, 1, 3, 2), group=4),
        ["DEPTHWISE_CONV_2D"],
    ),
    "conv-of-one-channel": (
        one_node("Conv", ["x", "w"], [1, 1, 7, 6], w=weights(8, 1, 3, 2), group=1),
        ["CONV_2D"],
    ),
    "relu": (one_node("Relu", ["x"], [1, 5]), ["RELU"]),
    "global-pool": (one_node("GlobalAveragePool", ["x"], [1, 3, 7, 6]), ["MEAN"]),
    "reduce-mean-17": (one_node("ReduceMean", ["x"], [2, 3, 4], opset=17, axes=[-1], keepdims=0), ["MEAN"]),
    "reduce-mean-18": (one_node("ReduceMean", ["x", "a"], [2, 3, 4], a=np.array([0, 2])), ["MEAN"]),
    "reshape": (one_node("Reshape", ["x", "s"], [1, 12], s=np.array([2, -1])), ["RESHAPE"]),
    "flatten": (one_node("Flatten", ["x"], [1, 3, 4]), ["RESHAPE"]),
    "gemm": (one_node("Gemm", ["x", "w", "b"], [2, 3], w=weights(3, 4), b=B), ["FULLY_CONNECTED"]),
    "gemm-scaled": (
        one_node("Gemm", ["x", "w", "b"], [1, 3], w=weights(4, 3), b=B, transB=1, alpha=0.5, beta=2.0),
        ["FULLY_CONNECTED"],
    ),
    "gemm-scalar-bias": (one_node("Gemm", ["x", "w", "b"], [1, 3], w=weights(3, 4), b=B[:1]), ["FULLY_CONNECTED"]),
    "gemm-without-bias": (one_node("Gemm", ["x", "w"], [1, 3], w=weights(3, 4)), ["FULLY_CONNECTED"]),
}
REFUSED = {
    "conv-weights": onnx_model(
        [helper.make_node("Conv", ["x", "w"], ["y"], name="node")], {"x": [1, 3, 7, 6], "w": [4, 3, 3, 3]}, {}
    ),
    "conv-1d": one_node("Conv", ["x", "w"], [1, 3, 7], w=weights(4, 3, 3)),
    "conv-3d": one_node("Conv", ["x", "w"], [1, 3, 7, 6, 5], w=weights(4, 3, 3, 3, 3)),
    "conv-groups": one_node("Conv", ["x", "w"], [1, 4, 7, 6], w=weights(4, 2, 3, 3), group=2),
    "conv-auto-pad": one_node("Conv", ["x", "w"], [1, 3, 7, 6], w=W, auto_pad="SAME_UPPER"),
    "mean-drops-image": onnx_model(
        [
            helper.make_node("Conv", ["x", "w"], ["c"]),
            helper.make_node("ReduceMean", ["c", "a"], ["y"], name="node", keepdims=0),
        ],
        {"x": [1, 3, 7, 6]},
        {"w": W, "a": np.array([2, 3])},
    ),
    "mean-axes": one_node("ReduceMean", ["x"], [2, 3, 4]),
    "reshape-image": onnx_model(
        [
            helper.make_node("Conv", ["x", "w"], ["c"]),
            helper.make_node("Flatten", ["c"], ["y"], name="node"),
        ],
        {"x": [1, 3, 7, 6]},
        {"w": W},
    ),
    "gemm-weights": onnx_model(
        [helper.make_node("Gemm", ["x", "w"], ["y"], name="node")], {"x": [2, 3], "w": [3, 4]}, {}
    ),
    "gemm-transposed": one_node("Gemm", ["x", "w"], [3, 1], w=weights(3, 4), transA=1),
    "gemm-bias": one_node("Gemm", ["x", "w", "b"], [2, 3], w=weights(3, 4), b=weights(2, 4)),
    "unknown-domain": onnx_model(
        [helper.make_node("Relu", ["x"], ["y"], name="node", domain="com.example")], {"x": [1]}, {}
    ),
    "two-ops": onnx_model(
        [helper.make_node("Sin", ["x"], ["c"], name="wave"), helper.make_node("Det", ["c"], ["y"], name="node")],
        {"x": [2, 2]},
        {},
    ),
}


@pytest.mark.parametrize("case", HANDLED)
def test_a_translated_op_answers_as_in_onnxruntime(case: str) -> None:
    data, ops = HANDLED[case]
    graph, moved = read_onnx(data)
    assert [node.op for node in graph.nodes] == ops
    assert_same_answers(data, graph, moved)


def test_every_handler_has_a_case() -> None:
    rows = {name for name, row in ONNX_OPS.items() if not isinstance(row, Refusal)}
    nodes = [node.op_type for data, _ in HANDLED.values() for node in onnx.load_from_string(data).graph.node]
    assert rows <= set(nodes)


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_why(case: str, golden: Golden) -> None:
    with pytest.raises(UnsupportedError) as caught:
        read(REFUSED[case])
    golden(f"{caught.value}\n")


def test_the_example_has_no_transpose_and_few_reshapes() -> None:
    graph = load_model(ROOT / "examples" / "fashion_dscnn.onnx").graph
    ops = [node.op for node in graph.nodes]
    assert "TRANSPOSE" not in ops
    assert graph.inputs[0].type.shape == (1, 28, 28, 1)
    assert ops.count("RESHAPE") <= 1


def test_the_example_answers_as_in_onnxruntime() -> None:
    model = load_model(ROOT / "examples" / "fashion_dscnn.onnx")
    images = np.load(ROOT / "examples" / "fashion_eval.npz")["x"][:8]
    shape = model.inputs[0].source_shape
    samples = [[image.reshape(shape).astype(np.float32)] for image in images]
    mine = [[np.ascontiguousarray(model.inputs[0].to_graph(image))] for (image,) in samples]
    expected = EXECUTORS["onnxruntime"].run(model.source, samples)
    assert difference(expected, EXECUTORS["litert"].run(write_tflite(model.graph), mine), 1e-5) is None


def test_layouts_spread_through_layout_free_ops() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Conv", ["r", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    graph, moved = read_onnx(onnx_model(nodes, {"x": [1, 3, 7, 6]}, {"w": W}))
    assert moved == {"x", "r", "c", "y"}
    assert [value.type.shape for value in graph.activations()] == [
        *((1, 7, 6, 3), (1, 7, 6, 3), (1, 5, 4, 4), (1, 5, 4, 4)),
    ]


def test_a_tensor_that_reaches_no_image_op_keeps_its_layout() -> None:
    graph, moved = read_onnx(one_node("Relu", ["x"], [1, 3, 7, 6]))
    assert moved == frozenset()
    assert graph.inputs[0].type.shape == (1, 3, 7, 6)


def test_an_unknown_batch_becomes_1() -> None:
    for batch in ("N", 0):
        assert read(one_node("Relu", ["x"], [batch, 5])).inputs[0].type.shape == (1, 5)


def test_other_unknown_sizes_are_refused(golden: Golden) -> None:
    with pytest.raises(UnsupportedError) as caught:
        read(one_node("Relu", ["x"], ["N", "time"]))
    golden(f"{caught.value}\n")


def test_names_are_those_of_the_modules_that_own_the_weights() -> None:
    nodes = [helper.make_node("Gemm", ["x", "block.0.weight"], ["y"], name="node_7")]
    data = onnx_model(nodes, {"x": [1, 3]}, {"block.0.weight": weights(3, 2)})
    assert read(data).nodes[0].origin == ("block.0", "node_7")


def test_reading_is_deterministic() -> None:
    data = (ROOT / "examples" / "fashion_dscnn.onnx").read_bytes()
    assert print_graph(read(data)) == print_graph(read(data))


def test_unsupported_ops_are_named_before_their_constants() -> None:
    """A quantised export holds int8 constants; that it has QuantizeLinear is what its user must know."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], name="node"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    data = onnx_model(nodes, {"x": [4]}, {"s": np.array(0.5, np.float32), "z": np.array(0, np.int8)})
    with pytest.raises(UnsupportedError, match="at QuantizeLinear 'node': redsc does not translate it yet"):
        read(data)


def test_unsupported_ops_are_named_before_their_shapes() -> None:
    nodes = [
        helper.make_node("NonZero", ["x"], ["i"], name="node"),
        helper.make_node("Cast", ["i"], ["y"], to=TensorProto.FLOAT),
    ]
    with pytest.raises(UnsupportedError, match="at NonZero 'node': tflite-micro has no kernel for it"):
        read(onnx_model(nodes, {"x": [4]}, {}))


def test_an_unsupported_op_is_not_called_damage() -> None:
    """onnx infers nothing for an operator that is newer than its own tables."""
    with pytest.raises(UnsupportedError, match="at Splendid 'node': redsc does not know this operator"):
        read(one_node("Splendid", ["x"], [4]))


@pytest.mark.parametrize("dtype", [np.float64, np.int8, np.float16])
def test_constants_of_other_types_are_refused(dtype: Any) -> None:
    with pytest.raises(UnsupportedError) as caught:
        read(one_node("Relu", ["x"], [1], other=np.zeros(2, dtype)))
    assert caught.value.diagnostic.code == "N405"


def test_weights_in_another_file_are_refused() -> None:
    model = onnx.load_from_string(HANDLED["gemm"][0])
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    with pytest.raises(UnsupportedError) as caught:
        read(model.SerializeToString())
    assert caught.value.diagnostic.code == "N404"


def test_limits_hold() -> None:
    data = HANDLED["gemm"][0]
    for limits in (Limits(file_bytes=len(data) - 1), Limits(nodes=0), Limits(tensors=1), Limits(rank=1)):
        with pytest.raises(LimitExceeded):
            read_onnx(data, limits)
    with pytest.raises(MalformedModel):
        read_onnx(data, Limits(tensor_elements=5))
