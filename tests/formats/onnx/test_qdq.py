"""Absorbed quantisation: the float graph, and the int8 forms that it notes on its tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from redsc.ir import Array, Quant
from tests.conftest import Golden
from tests.formats.onnx.models import check_refusal, floats, ints, make_node, onnx_model, ops, read
from tests.formats.onnx.qdq_models import SCALE, START, X, i8, net, notes, pair, scalar, u8


@pytest.mark.parametrize(
    ("zero", "wanted"), [(i8(3), 3), (i8(-128), -128), (u8(131), 3), (u8(0), -128), (u8(255), 127)]
)
def test_zero_points_become_int8(zero: Array, wanted: int) -> None:
    graph = read(net([*pair("x", "a"), "t = Tanh(a)", *pair("t", "y")], z=zero))
    assert ops(graph).startswith("TANH")
    assert graph.inputs[0].type.quant == graph.outputs[0].type.quant == Quant.per_tensor(SCALE, wanted)


@pytest.mark.parametrize("opset", [10, 13, 21])
@pytest.mark.parametrize("domain", ["", "com.microsoft"])
def test_every_form_of_the_pair(opset: int, domain: str) -> None:
    nodes = [*pair("x", "a", domain=domain), "y = Tanh(a)"]
    assert read(net(nodes, opset)).inputs[0].type.quant == Quant.per_tensor(SCALE, 3)


def test_without_a_zero_point_it_is_that_of_uint8() -> None:
    graph = read(net([*pair("x", "a", zero=""), "y = Tanh(a)"]))
    assert graph.inputs[0].type.quant == START


def test_the_output_type_of_opset_21_stands_for_a_zero_point() -> None:
    quantize, dequantize = pair("x", "a", zero="")
    quantize.attribute.append(helper.make_attribute("output_dtype", TensorProto.INT8))
    graph = read(net([quantize, dequantize, "y = Tanh(a)"], 21))
    assert graph.inputs[0].type.quant == Quant.per_tensor(SCALE)


def test_one_dq_may_feed_many() -> None:
    nodes = [*pair("x", "a"), "t = Tanh(a)", "y = Add(a, t)"]
    assert ops(read(net(nodes))) == "TANH ADD"


def test_one_tensor_may_have_many_pairs_of_one_scale() -> None:
    nodes = ["t = Tanh(x)", *pair("t", "a"), *pair("t", "b"), "y = Add(a, b)"]
    assert ops(read(net(nodes))) == "TANH ADD"


def test_two_scales_on_one_tensor_are_a_copy() -> None:
    nodes = [
        "t = Tanh(x)",
        *pair("t", "a"),
        *pair("t", "b", "s2"),
        "y = Add(a, b)",
    ]
    graph = read(net(nodes, s2=scalar(0.5)))
    assert ops(graph) == "TANH RESHAPE ADD"
    assert [notes(graph)[name] for name in ("t", "b/q")] == [Quant.per_tensor(SCALE, 3), Quant.per_tensor(0.5, 3)]


def test_a_second_scale_requantises() -> None:
    nodes = [*pair("x", "a"), *pair("a", "b", "s2"), "y = Tanh(b)"]
    graph = read(net(nodes, s2=scalar(0.5)))
    assert ops(graph) == "RESHAPE TANH"
    assert graph.nodes[0].outputs[0].type.quant == Quant.per_tensor(0.5, 3)


@pytest.mark.parametrize("before", [("t = Tanh(x)",), ("h = Tanh(x)", "t = Dropout(h)")])
def test_what_passes_on_may_lie_between(before: tuple[str, ...]) -> None:
    quantize, dequantize = pair("t", "y")
    dequantize.input[0] = "between"
    graph = read(net([*before, quantize, make_node("Identity", ["y/q"], ["between"]), dequantize]))
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
    nodes = ["a = DequantizeLinear(x, s)", "y = Tanh(a)"]
    data = onnx_model(nodes, {"x": [1, 4]}, {"s": scalar(SCALE)}, 13, input_kind=kind)
    graph = read(data)
    assert ops(graph) == "TANH"
    assert graph.inputs[0].type.quant == Quant.per_tensor(SCALE, wanted)


def test_an_input_is_taken_at_its_word() -> None:
    nodes = [
        *pair("x", "a", "s", "low"),
        "p = MaxPool<kernel_shape=[2, 2]>(a)",
        *pair("p", "y", "s", "low"),
    ]
    assert ops(read(net(nodes, low=i8(-128)))) == "MAX_POOL_2D"


def q_only(zero: Array, **fields: Any) -> bytes:
    return net([*pair("x", "a", **fields), "[t] y = Tanh(a)"], 21, z=zero)


Q1, D1 = pair("x", "a")
REFUSED = {
    "int16": q_only(np.array(0, np.int16)),
    "uint16": net([*pair("x", "a", domain="com.microsoft"), "y = Tanh(a)"], z=np.array(0, np.uint16)),
    "int4": onnx_model(
        [*pair("x", "a"), "y = Tanh(a)"],
        X,
        {"s": scalar(1), "z": np.array(0, helper.tensor_dtype_to_np_dtype(TensorProto.INT4))},
        21,
    ),
    "float8": onnx_model(
        [*pair("x", "a"), "y = Tanh(a)"],
        X,
        {"s": scalar(1), "z": np.array(0, helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT8E4M3FN))},
        21,
    ),
    "blocked": net(
        [*pair("x", "a", axis=2, block_size=2), "y = Tanh(a)"],
        21,
        s=np.ones((1, 3, 3, 5), np.float32),
        z=np.zeros((1, 3, 3, 5), np.int8),
    ),
    "per-channel-activations": net([*pair("x", "a", axis=1), "y = Tanh(a)"], s=floats(1, 2, 3), z=i8(0, 0, 0)),
    "computed-scale": net(["m = ReduceMax<keepdims=0>(x)", *pair("x", "a", "m"), "y = Tanh(a)"]),
    "zero-scale": net([*pair("x", "a"), "y = Tanh(a)"], s=scalar(0)),
    "nan-scale": net([*pair("x", "a"), "y = Tanh(a)"], s=scalar(np.nan)),
    "another-scale": net(
        [Q1, make_node("DequantizeLinear", ["a/q", "s2", "z"], ["a"], name="dq"), "y = Tanh(a)"],
        s2=scalar(0.5),
    ),
    "arithmetic-between": onnx_model(
        [
            Q1,
            make_node("Add", ["a/q", "a/q"], ["n"], name="sum"),
            "y = DequantizeLinear(n, s, z)",
        ],
        X,
        {"s": scalar(1), "z": i8(0)},
        14,
    ),
    "input-without-dq": onnx_model(
        ["[cast] a = Cast<to=1>(x)", "y = Tanh(a)"],
        {"x": [2, 3]},
        {},
        input_kind=TensorProto.UINT8,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_why(case: str, golden: Golden) -> None:
    check_refusal(REFUSED[case], golden)


def test_reshapes_keep_the_scale() -> None:
    nodes = [*pair("x", "a"), "r = Reshape(a, shape)", *pair("r", "y")]
    graph = read(net(nodes, shape=ints(1, -1)))
    assert set(notes(graph).values()) == {Quant.per_tensor(SCALE, 3)}


def test_an_output_has_its_name_of_the_file() -> None:
    nodes = ["t = Tanh(x)", *pair("t", "y")[:1]]
    nodes[1].output[0] = "y"
    data = onnx_model(nodes, X, {"s": scalar(SCALE), "z": i8(3)}, 13, kind=TensorProto.INT8)
    assert [value.name for value in read(data).outputs] == ["y"]
