"""Absorbed quantisation: the float graph, and the int8 forms that it notes on its tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from redsc.errors import UnsupportedError
from redsc.formats.onnx.reader import read_onnx
from redsc.ir import Array, Graph, Quant
from tests.conftest import Golden
from tests.formats.onnx_models import answers, floats, ints, make_node, onnx_model, ops, read, weights

X = {"x": [1, 3, 6, 5]}
SCALE, START = 0.05, Quant.per_tensor(0.05, -128)


def i8(*numbers: int) -> Array:
    return np.array(numbers if len(numbers) > 1 else numbers[0], np.int8)


def u8(number: int) -> Array:
    return np.array(number, np.uint8)


def scalar(number: float) -> Array:
    return np.array(number, np.float32)


def pair(source: str, target: str, scale: str = "s", zero: str = "z", **fields: Any) -> list[Any]:
    """Return Q and DQ between two tensors; an empty name leaves the zero point out."""
    operands = [scale] if not zero else [scale, zero]
    return [
        make_node("QuantizeLinear", [source, *operands], [f"{target}/q"], name=f"{target}/Q", **fields),
        make_node("DequantizeLinear", [f"{target}/q", *operands], [target], name=f"{target}/DQ", **fields),
    ]


def notes(graph: Graph) -> dict[str, Quant | None]:
    return {value.name: value.type.quant for value in graph.activations()}


def net(nodes: list[Any], opset: int = 13, inputs: dict[str, list[Any]] | None = None, **constants: Array) -> bytes:
    known = {"s": scalar(SCALE), "z": i8(3)} | constants
    return onnx_model(nodes, X if inputs is None else inputs, known, opset)


def conv(weight: list[Any], bias: str = "", opset: int = 13, **constants: Array) -> Graph:
    """Return the graph of Q-DQ, convolution by `w`, which `weight` makes, Q-DQ."""
    inputs = ["a", "w", bias] if bias else ["a", "w"]
    nodes = [*pair("x", "a"), *weight, make_node("Conv", inputs, ["c"], name="conv"), *pair("c", "y")]
    return read(net(nodes, opset, **constants))


def dequantized(scale: str = "ws", zero: str = "wz", **fields: Any) -> list[Any]:
    operands = ["wq", scale, zero] if zero else ["wq", scale]
    return [make_node("DequantizeLinear", operands, ["w"], name="w/DQ", **fields)]


WQ = np.random.default_rng(0).integers(-127, 128, (4, 3, 3, 3), np.int8)
CHANNELS = np.array([0.01, 0.02, 0.03, 0.04], np.float32)


@pytest.mark.parametrize(
    ("zero", "wanted"), [(i8(3), 3), (i8(-128), -128), (u8(131), 3), (u8(0), -128), (u8(255), 127)]
)
def test_zero_points_become_int8(zero: Array, wanted: int) -> None:
    graph = read(net([*pair("x", "a"), make_node("Tanh", ["a"], ["t"]), *pair("t", "y")], z=zero))
    assert ops(graph).startswith("TANH")
    assert graph.inputs[0].type.quant == graph.outputs[0].type.quant == Quant.per_tensor(SCALE, wanted)


@pytest.mark.parametrize("opset", [10, 13, 21])
@pytest.mark.parametrize("domain", ["", "com.microsoft"])
def test_every_form_of_the_pair(opset: int, domain: str) -> None:
    nodes = [*pair("x", "a", domain=domain), make_node("Tanh", ["a"], ["y"])]
    assert read(net(nodes, opset)).inputs[0].type.quant == Quant.per_tensor(SCALE, 3)


def test_without_a_zero_point_it_is_that_of_uint8() -> None:
    graph = read(net([*pair("x", "a", zero=""), make_node("Tanh", ["a"], ["y"])]))
    assert graph.inputs[0].type.quant == START


def test_the_output_type_of_opset_21_stands_for_a_zero_point() -> None:
    quantize, dequantize = pair("x", "a", zero="")
    quantize.attribute.append(helper.make_attribute("output_dtype", TensorProto.INT8))
    graph = read(net([quantize, dequantize, make_node("Tanh", ["a"], ["y"])], 21))
    assert graph.inputs[0].type.quant == Quant.per_tensor(SCALE)


def test_weights_per_channel() -> None:
    graph = conv(dequantized(axis=0), wq=WQ, ws=CHANNELS, wz=i8(0, 0, 0, 0))
    assert ops(graph) == "CONV_2D"
    weight = graph.nodes[0].operand(1)
    assert weight.type.quant == Quant(tuple(CHANNELS.tolist()), (0,), 0)
    assert weight.data is not None
    np.testing.assert_allclose(weight.data[3].transpose(2, 0, 1), WQ[3] * CHANNELS[3], rtol=1e-6)


def test_weights_per_tensor() -> None:
    weight = conv(dequantized(), wq=WQ, ws=scalar(0.02), wz=i8(0)).nodes[0].operand(1)
    assert weight.type.quant == Quant.per_tensor(0.02)


def test_weights_of_a_depthwise_convolution_have_their_channels_last() -> None:
    nodes = [*pair("x", "a"), *dequantized(axis=0), make_node("Conv", ["a", "w"], ["y"], group=3)]
    graph = read(net(nodes, wq=WQ[:3, :1], ws=CHANNELS[:3], wz=i8(0, 0, 0)))
    assert graph.nodes[0].operand(1).type.quant == Quant(tuple(CHANNELS[:3].tolist()), (0,), 3)


def test_weights_of_a_transposed_convolution_have_theirs_on_axis_1() -> None:
    nodes = [*pair("x", "a"), *dequantized(axis=1), make_node("ConvTranspose", ["a", "w"], ["y"])]
    graph = read(net(nodes, wq=WQ.transpose(1, 0, 2, 3), ws=CHANNELS, wz=i8(0, 0, 0, 0)))
    assert graph.nodes[0].operand(1).type.quant == Quant(tuple(CHANNELS.tolist()), (0,), 0)


@pytest.mark.parametrize(
    ("op", "turned", "axis", "kept"), [("MatMul", 0, 1, True), ("Gemm", 1, 0, True), ("Gemm", 0, 0, False)]
)
def test_weights_of_dense_layers(op: str, turned: int, axis: int, kept: bool) -> None:
    """The weights are square, so that only the axis tells for what the scales are."""
    fields = {"transB": 1} if turned else {}
    nodes = [*pair("x", "a"), *dequantized(axis=axis), make_node(op, ["a", "w"], ["y"], **fields)]
    graph = read(
        net(
            nodes,
            inputs={"x": [2, 4]},
            wq=WQ[:4, 0, 0, :1] @ WQ[:1, 0, 0, :1].repeat(4, 1),
            ws=CHANNELS,
            wz=i8(0, 0, 0, 0),
        )
    )
    assert graph.nodes[0].operand(1).type.quant == (Quant(tuple(CHANNELS.tolist()), (0,), 0) if kept else None)


def test_weights_that_are_scaled_lose_their_int8_form() -> None:
    nodes = [*pair("x", "a"), *dequantized(), make_node("Gemm", ["a", "w"], ["y"], alpha=0.5)]
    graph = read(net(nodes, inputs={"x": [2, 4]}, wq=WQ[:, 0, 0, :], ws=scalar(0.5), wz=i8(0)))
    assert graph.nodes[0].operand(1).type.quant is None


def test_float_weights_behind_a_pair_are_rounded() -> None:
    graph = conv(pair("f", "w", "ws", "wz"), f=weights(4, 3, 3, 3), ws=scalar(0.02), wz=i8(0))
    data = graph.nodes[0].operand(1).data
    assert data is not None
    np.testing.assert_allclose(data / 0.02, np.round(data / 0.02), atol=1e-3)
    assert graph.nodes[0].operand(1).type.quant == Quant.per_tensor(0.02)


def test_uint8_weights_around_128_are_int8() -> None:
    weight = (
        conv(dequantized(), wq=(WQ.astype(int) + 128).astype(np.uint8), ws=scalar(0.02), wz=u8(128))
        .nodes[0]
        .operand(1)
    )
    assert weight.type.quant == Quant.per_tensor(0.02)


def test_asymmetric_weights_are_real_numbers_only() -> None:
    weight = conv(dequantized(), wq=WQ.view(np.uint8), ws=scalar(0.02), wz=u8(100)).nodes[0].operand(1)
    assert weight.type.quant is None


@pytest.mark.parametrize("quantised", [True, False])
def test_a_bias(quantised: bool) -> None:
    numbers: Array = np.array([100, -200, 300, 0], np.int32)
    bias = [make_node("DequantizeLinear", ["bq", "bs"], ["b"], axis=0)] if quantised else []
    real = {"bq": numbers, "bs": CHANNELS * np.float32(SCALE)} if quantised else {"b": floats(1, 2, 3, 4)}
    graph = conv([*dequantized(axis=0), *bias], "b", wq=WQ, ws=CHANNELS, wz=i8(0, 0, 0, 0), **real)
    data = graph.nodes[0].operand(2).data
    wanted = numbers * CHANNELS * SCALE if quantised else floats(1, 2, 3, 4)
    assert data is not None
    np.testing.assert_allclose(data, wanted, rtol=1e-6)


def test_one_dq_may_feed_many() -> None:
    nodes = [*pair("x", "a"), make_node("Tanh", ["a"], ["t"]), make_node("Add", ["a", "t"], ["y"])]
    assert ops(read(net(nodes))) == "TANH ADD"


def test_one_tensor_may_have_many_pairs_of_one_scale() -> None:
    nodes = [make_node("Tanh", ["x"], ["t"]), *pair("t", "a"), *pair("t", "b"), make_node("Add", ["a", "b"], ["y"])]
    assert ops(read(net(nodes))) == "TANH ADD"


def test_two_scales_on_one_tensor_are_a_copy() -> None:
    nodes = [
        make_node("Tanh", ["x"], ["t"]),
        *pair("t", "a"),
        *pair("t", "b", "s2"),
        make_node("Add", ["a", "b"], ["y"]),
    ]
    graph = read(net(nodes, s2=scalar(0.5)))
    assert ops(graph) == "TANH RESHAPE ADD"
    assert [notes(graph)[name] for name in ("t", "b/q")] == [Quant.per_tensor(SCALE, 3), Quant.per_tensor(0.5, 3)]


def test_a_second_scale_requantises() -> None:
    nodes = [*pair("x", "a"), *pair("a", "b", "s2"), make_node("Tanh", ["b"], ["y"])]
    graph = read(net(nodes, s2=scalar(0.5)))
    assert ops(graph) == "RESHAPE TANH"
    assert graph.nodes[0].outputs[0].type.quant == Quant.per_tensor(0.5, 3)


@pytest.mark.parametrize("op", ["Identity", "Dropout"])
def test_what_passes_on_may_lie_between(op: str) -> None:
    quantize, dequantize = pair("t", "y")
    dequantize.input[0] = "between"
    nodes = [make_node("Tanh", ["x"], ["t"]), quantize, make_node("Identity", ["y/q"], ["between"]), dequantize]
    if op == "Dropout":
        nodes[0].output[0] = "h"
        nodes.insert(1, make_node("Dropout", ["h"], ["t"]))
    graph = read(net(nodes))
    assert ops(graph) == "TANH"
    assert graph.outputs[0].type.quant == Quant.per_tensor(SCALE, 3)


def test_integers_may_be_moved_between() -> None:
    quantize, dequantize = pair("x", "y")
    dequantize.input[0] = "m"
    nodes = [quantize, make_node("MaxPool", ["y/q"], ["m"], kernel_shape=[2, 2]), dequantize]
    graph = read(net(nodes))
    assert ops(graph) == "MAX_POOL_2D"
    assert [value.type.quant for value in graph.activations()] == [Quant.per_tensor(SCALE, 3)] * 2


@pytest.mark.parametrize(("kind", "wanted"), [(TensorProto.INT8, 0), (TensorProto.UINT8, -128)])
def test_an_integer_input_behind_a_dq(kind: int, wanted: int) -> None:
    nodes = [make_node("DequantizeLinear", ["x", "s"], ["a"]), make_node("Tanh", ["a"], ["y"])]
    data = onnx_model(nodes, {"x": [1, 4]}, {"s": scalar(SCALE)}, 13, input_kind=kind)
    graph = read(data)
    assert ops(graph) == "TANH"
    assert graph.inputs[0].type.quant == Quant.per_tensor(SCALE, wanted)


def test_a_relu_that_the_range_swallowed_comes_back() -> None:
    nodes = [*pair("x", "a"), make_node("Conv", ["a", "w"], ["c"]), *pair("c", "y", "s", "low")]
    data = net(nodes, w=weights(4, 3, 3, 3) / 9, low=i8(-128))
    found = read_onnx(data)
    assert ops(found.graph) == "CONV_2D RELU"
    assert [node.outputs[0].type.quant for node in found.graph.nodes] == [None, START]
    (expected, *_), (answered, *_) = answers(data, found)
    assert np.abs(expected[0] - answered[0]).max() < 3 * SCALE


def test_a_range_that_ends_at_six_was_a_relu6() -> None:
    nodes = [*pair("x", "a"), make_node("Conv", ["a", "w"], ["c"]), *pair("c", "y", "six", "low")]
    graph = read(net(nodes, w=weights(4, 3, 3, 3), low=i8(-128), six=scalar(6 / 255)))
    assert ops(graph) == "CONV_2D RELU6"


@pytest.mark.parametrize("op", ["Relu", "Sigmoid", "Softmax", "Clip"])
def test_what_is_never_negative_needs_no_relu(op: str) -> None:
    bound = ["zero"] if op == "Clip" else []
    nodes = [
        make_node(op, ["x", *bound], ["r"]),
        make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2]),
        make_node("Mul", ["p", "p"], ["m"]),
        *pair("m", "y", "s", "low"),
    ]
    graph = read(net(nodes, low=i8(-128), zero=scalar(0)))
    assert not ops(graph).endswith("RELU")


def test_an_input_is_taken_at_its_word() -> None:
    nodes = [
        *pair("x", "a", "s", "low"),
        make_node("MaxPool", ["a"], ["p"], kernel_shape=[2, 2]),
        *pair("p", "y", "s", "low"),
    ]
    assert ops(read(net(nodes, low=i8(-128)))) == "MAX_POOL_2D"


def q_only(zero: Array, **fields: Any) -> bytes:
    return net([*pair("x", "a", **fields), make_node("Tanh", ["a"], ["y"], name="t")], 21, z=zero)


Q1, D1 = pair("x", "a")
REFUSED = {
    "int16": q_only(np.array(0, np.int16)),
    "uint16": net(
        [*pair("x", "a", domain="com.microsoft"), make_node("Tanh", ["a"], ["y"])], z=np.array(0, np.uint16)
    ),
    "int4": onnx_model(
        [*pair("x", "a"), make_node("Tanh", ["a"], ["y"])],
        X,
        {"s": scalar(1), "z": np.array(0, helper.tensor_dtype_to_np_dtype(TensorProto.INT4))},
        21,
    ),
    "float8": onnx_model(
        [*pair("x", "a"), make_node("Tanh", ["a"], ["y"])],
        X,
        {"s": scalar(1), "z": np.array(0, helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT8E4M3FN))},
        21,
    ),
    "blocked": net(
        [*pair("x", "a", axis=2, block_size=2), make_node("Tanh", ["a"], ["y"])],
        21,
        s=np.ones((1, 3, 3, 5), np.float32),
        z=np.zeros((1, 3, 3, 5), np.int8),
    ),
    "per-channel-activations": net(
        [*pair("x", "a", axis=1), make_node("Tanh", ["a"], ["y"])], s=floats(1, 2, 3), z=i8(0, 0, 0)
    ),
    "computed-scale": net(
        [make_node("ReduceMax", ["x"], ["m"], keepdims=0), *pair("x", "a", "m"), make_node("Tanh", ["a"], ["y"])]
    ),
    "zero-scale": net([*pair("x", "a"), make_node("Tanh", ["a"], ["y"])], s=scalar(0)),
    "nan-scale": net([*pair("x", "a"), make_node("Tanh", ["a"], ["y"])], s=scalar(np.nan)),
    "another-scale": net(
        [Q1, make_node("DequantizeLinear", ["a/q", "s2", "z"], ["a"], name="dq"), make_node("Tanh", ["a"], ["y"])],
        s2=scalar(0.5),
    ),
    "arithmetic-between": onnx_model(
        [
            Q1,
            make_node("Add", ["a/q", "a/q"], ["n"], name="sum"),
            make_node("DequantizeLinear", ["n", "s", "z"], ["y"]),
        ],
        X,
        {"s": scalar(1), "z": i8(0)},
        14,
    ),
    "input-without-dq": onnx_model(
        [make_node("Cast", ["x"], ["a"], name="cast", to=1), make_node("Tanh", ["a"], ["y"])],
        {"x": [2, 3]},
        {},
        input_kind=TensorProto.UINT8,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_why(case: str, golden: Golden) -> None:
    with pytest.raises(UnsupportedError) as caught:
        read(REFUSED[case])
    golden(f"{caught.value}\n")


def test_axes_of_scales_must_fit() -> None:
    with pytest.raises(UnsupportedError, match=r"it has scales of the shape \[3\]"):
        conv(dequantized(axis=0), wq=WQ, ws=CHANNELS[:3], wz=i8(0, 0, 0))


def test_reshapes_keep_the_scale() -> None:
    nodes = [*pair("x", "a"), make_node("Reshape", ["a", "shape"], ["r"]), *pair("r", "y")]
    graph = read(net(nodes, shape=ints(1, -1)))
    assert set(notes(graph).values()) == {Quant.per_tensor(SCALE, 3)}
