from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from redsc.errors import RedscError
from redsc.formats.onnx.reader import read_onnx
from redsc.ir import print_graph, verify_graph


def _seed() -> bytes:
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], name="conv", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("ReduceMean", ["r", "axes"], ["m"], name="mean", keepdims=1),
        helper.make_node("Flatten", ["m"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "v"], ["y"], name="gemm", transB=1),
    ]
    constants = {
        "w": np.ones((2, 1, 3, 3), np.float32),
        "b": np.ones(2, np.float32),
        "axes": np.array([2, 3]),
        "v": np.ones((3, 2), np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 7, 7])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(model.SerializeToString())


SEED = _seed()
PLACE = st.integers(0, len(SEED) - 1)


def _read(data: bytes) -> None:
    try:
        graph = read_onnx(data).graph
    except RedscError:
        return
    verify_graph(graph)
    assert print_graph(graph)


def test_the_seed_is_sound() -> None:
    graph, moved = read_onnx(SEED)
    assert [node.op for node in graph.nodes] == ["CONV_2D", "RELU", "MEAN", "RESHAPE", "FULLY_CONNECTED"]
    assert moved


@settings(max_examples=500)
@given(st.lists(st.tuples(PLACE, st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_bytes(changes: list[tuple[int, int]]) -> None:
    data = bytearray(SEED)
    for place, byte in changes:
        data[place] = byte
    _read(bytes(data))


@settings(max_examples=200)
@given(PLACE, PLACE)
def test_a_cut_file(start: int, end: int) -> None:
    _read(SEED[: min(start, end)] + SEED[max(start, end) :])


@settings(max_examples=200)
@given(PLACE, PLACE, st.integers(1, 64))
def test_a_copied_piece(source: int, target: int, length: int) -> None:
    data = bytearray(SEED)
    piece = data[source : source + length]
    data[target : target + len(piece)] = piece
    _read(bytes(data))


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    _read(data)
