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
    check_refusal(REFUSED[case], golden)


def test_reshapes_keep_the_scale() -> None:
    nodes = [*pair("x", "a"), make_node("Reshape", ["a", "shape"], ["r"]), *pair("r", "y")]
    graph = read(net(nodes, shape=ints(1, -1)))
    assert set(notes(graph).values()) == {Quant.per_tensor(SCALE, 3)}


def test_an_output_has_its_name_of_the_file() -> None:
    nodes = [make_node("Tanh", ["x"], ["t"]), *pair("t", "y")[:1]]
    nodes[1].output[0] = "y"
    data = onnx_model(nodes, X, {"s": scalar(SCALE), "z": i8(3)}, 13, kind=TensorProto.INT8)
    assert [value.name for value in read(data).outputs] == ["y"]
