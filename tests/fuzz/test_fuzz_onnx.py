from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from redsc.errors import RedscError
from redsc.formats.onnx.reader import read_onnx
from redsc.ir import Array, print_graph, verify_graph
from redsc.limits import Limits

LIMITS = Limits(file_bytes=1 << 20, tensor_elements=1 << 20, folded_bytes=1 << 19)


def _model(nodes: list[Any], constants: dict[str, Array], opset: int = 18) -> bytes:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2, 7, 7])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return bytes(model.SerializeToString())


def _cnn() -> bytes:
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], name="conv", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("ReduceMean", ["r", "axes"], ["m"], name="mean", keepdims=1),
        helper.make_node("Flatten", ["m"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "v"], ["y"], name="gemm", transB=1),
    ]
    weights = {
        "w": np.ones((2, 2, 3, 3), np.float32),
        "b": np.ones(2, np.float32),
        "v": np.ones((3, 2), np.float32),
    }
    return _model(nodes, weights | {"axes": np.array([2, 3])})


def _qdq() -> bytes:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["wq", "ws", "wz"], ["w"], axis=0),
        helper.make_node("Conv", ["d", "w"], ["c"], group=2),
        helper.make_node("QuantizeLinear", ["c", "s", "low"], ["r"]),
        helper.make_node("DequantizeLinear", ["r", "s", "low"], ["y"]),
    ]
    scales: dict[str, Array] = {
        "s": np.array(0.1, np.float32),
        "z": np.array(3, np.int8),
        "low": np.array(-128, np.int8),
    }
    channels: dict[str, Array] = {"ws": np.ones(2, np.float32), "wz": np.zeros(2, np.int8)}
    return _model(nodes, {"wq": np.ones((2, 1, 3, 3), np.int8), **scales, **channels})


def _decoder() -> bytes:
    nodes = [
        helper.make_node(
            "ConvTranspose", ["x", "w"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]
        ),
        helper.make_node("Resize", ["c", "", "scales"], ["r"], mode="linear"),
        helper.make_node("Pad", ["r", "pads"], ["p"], mode="reflect"),
        helper.make_node("AveragePool", ["p"], ["a"], kernel_shape=[3, 3], ceil_mode=1, strides=[2, 2]),
        helper.make_node("Slice", ["a", "from", "to", "axes", "steps"], ["s"]),
        helper.make_node("Softmax", ["s"], ["y"], axis=1),
    ]
    bounds = {"from": [-1, 0], "to": [-9, 7], "axes": [2, 3], "steps": [-2, 1], "pads": [0, 0, 1, 2, 0, 0, 2, 1]}
    constants = {name: np.array(numbers) for name, numbers in bounds.items()}
    constants |= {"w": np.ones((2, 3, 3, 3), np.float32), "scales": np.array([1, 1, 2, 2], np.float32)}
    return _model(nodes, constants)


def _shapes() -> bytes:
    nodes = [
        helper.make_node("Shape", ["x"], ["n"]),
        helper.make_node("Gather", ["n", "two"], ["h"]),
        helper.make_node("Concat", ["one", "h", "rest"], ["t"], axis=0),
        helper.make_node("Reshape", ["x", "t"], ["r"]),
        helper.make_node("ConstantOfShape", ["t2"], ["k"]),
        helper.make_node("Expand", ["k", "t2"], ["e"]),
        helper.make_node("Tile", ["r", "times"], ["u"]),
        helper.make_node("Add", ["u", "e"], ["y"]),
    ]
    numbers = {"two": [2], "one": [1], "rest": [-1], "t2": [1, 7, 28], "times": [1, 1, 2]}
    return _model(nodes, {name: np.array(items) for name, items in numbers.items()})


def _branch() -> bytes:
    y = [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)]
    weight = numpy_helper.from_array(np.ones((7, 3), np.float32), "w")
    then = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["b"])], "then", [], y, [weight])
    other = helper.make_graph([helper.make_node("Relu", ["x"], ["b"])], "other", [], y)
    nodes = [
        helper.make_node("Shape", ["x"], ["n"]),
        helper.make_node("Gather", ["n", "two"], ["h"]),
        helper.make_node("Equal", ["h", "seven"], ["c"]),
        helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other),
    ]
    return _model(nodes, {"two": np.array(2), "seven": np.array(7)})


SEEDS = {"cnn": _cnn(), "qdq": _qdq(), "decoder": _decoder(), "shapes": _shapes(), "branch": _branch()}
SEED = st.sampled_from(list(SEEDS.values()))
PLACE = st.integers(0, max(map(len, SEEDS.values())) - 1)


def _read(data: bytes) -> None:
    try:
        graph = read_onnx(data, LIMITS).graph
    except RedscError:
        return
    verify_graph(graph)
    assert print_graph(graph)


def test_the_seeds_are_sound() -> None:
    found = {name: [node.op for node in read_onnx(seed, LIMITS).graph.nodes] for name, seed in SEEDS.items()}
    assert found["cnn"] == ["CONV_2D", "RELU", "MEAN", "RESHAPE", "FULLY_CONNECTED"]
    assert found["qdq"] == ["DEPTHWISE_CONV_2D"]
    assert {"TRANSPOSE_CONV", "RESIZE_BILINEAR", "MIRROR_PAD", "AVERAGE_POOL_2D", "SOFTMAX"} <= {*found["decoder"]}
    assert found["branch"] == ["FULLY_CONNECTED"]
    assert found["shapes"] == ["RESHAPE", "CONCATENATION", "ADD"]


@settings(max_examples=800)
@given(SEED, st.lists(st.tuples(PLACE, st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_bytes(seed: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(seed)
    for place, byte in changes:
        data[place % len(seed)] = byte
    _read(bytes(data))


@settings(max_examples=200)
@given(SEED, PLACE, PLACE)
def test_a_cut_file(seed: bytes, start: int, end: int) -> None:
    _read(seed[: min(start, end)] + seed[max(start, end) :])


@settings(max_examples=300)
@given(SEED, PLACE, PLACE, st.integers(1, 64))
def test_a_copied_piece(seed: bytes, source: int, target: int, length: int) -> None:
    data = bytearray(seed)
    piece = data[source % len(seed) :][:length]
    data[target % len(seed) : target % len(seed) + len(piece)] = piece
    _read(bytes(data))


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    _read(data)
