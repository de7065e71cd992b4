from __future__ import annotations

import numpy as np
import pytest

from redsc.formats import write_tflite
from redsc.ir import DType, Graph, Value, copy_graph, verify_graph
from redsc.passes.base import Log
from redsc.passes.simplify.split_dense import SplitDense
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import random_samples
from tests.helpers import NetBuilder


def ints(*numbers: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return np.array(numbers, np.int32)


def layer(dtype: DType) -> tuple[NetBuilder, Value]:
    """Return a layer of 12 outputs over 4 tokens."""
    net = NetBuilder(dtype)
    return net, net.dense(net.input(4, 6), 12)


def run(graph: Graph) -> tuple[Graph, list[str]]:
    """Return the graph after the pass, which must answer the same to the bit, and the log."""
    found, log = copy_graph(graph), Log()
    changed = SplitDense().run(found, log)
    verify_graph(found)
    assert changed == any("changed" in entry.render() for entry in log.entries)
    samples = random_samples(graph, 2)
    left, right = (EXECUTORS["litert"].run(write_tflite(item), samples) for item in (graph, found))
    for row, other in zip(left, right, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(row, other, strict=True))
    assert not SplitDense().run(found, Log())
    return found, [entry.render() for entry in log.entries]


def rows(graph: Graph) -> list[int]:
    return [node.operand(1).type.shape[0] for node in graph.nodes if node.op == "FULLY_CONNECTED"]


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.INT8])
def test_rule_1_a_split_layer_becomes_a_layer_for_each_piece(dtype: DType) -> None:
    net, whole = layer(dtype)
    pieces = net.split_v(whole, 3, 4, 5)
    found, log = run(net.outputs(*(net.node("RELU", piece) for piece in pieces)))
    assert rows(found) == [3, 4, 5]
    assert [node.op for node in found.nodes] == ["FULLY_CONNECTED"] * 3 + ["RELU"] * 3
    assert [node.name for node in found.nodes[:3]] == [
        f"fully_connected0[{part}]" for part in ("0:3", "3:7", "7:12")
    ]
    assert log == ["split-dense: changed fully_connected0: one layer for each of 3 pieces"]


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.INT8])
def test_rule_1_pieces_may_be_cut_out_of_a_view(dtype: DType) -> None:
    """As queries, keys and values of attention are, by slices along an axis of their own."""
    net, whole = layer(dtype)
    cut = net.reshape(whole, 1, 4, 3, 4)
    slices = (net.node("SLICE", cut, ints(0, 0, index, 0), ints(1, 4, 1, 4)) for index in range(3))
    found, _ = run(net.outputs(*(net.node("RELU", part) for part in slices)))
    assert rows(found) == [4, 4, 4]
    assert [node.op for node in found.nodes if node.op not in ("FULLY_CONNECTED", "RELU")] == ["RESHAPE"] * 3


def test_rule_1_a_layer_that_something_else_reads_stays() -> None:
    net, whole = layer(DType.FLOAT32)
    left, right = net.split(whole, 2)
    found, log = run(net.outputs(left, right, net.node("RELU", whole)))
    assert rows(found) == [12]
    assert not log


def test_rule_1_pieces_that_are_no_runs_stay() -> None:
    net, whole = layer(DType.FLOAT32)
    cut = net.reshape(whole, 4, 4, 3)
    graph = net.outputs(*net.split(cut, 3))
    assert rows(run(graph)[0]) == [12]


def test_rule_1_pieces_of_some_positions_stay() -> None:
    net, whole = layer(DType.FLOAT32)
    graph = net.outputs(net.node("SLICE", whole, ints(1, 0), ints(2, 6)))
    found, log = run(graph)
    assert rows(found) == [12]
    assert not log


def test_rule_2_outputs_in_no_piece_go() -> None:
    net, whole = layer(DType.FLOAT32)
    found, _ = run(net.outputs(net.node("SLICE", whole, ints(0, 2), ints(4, 6))))
    assert rows(found) == [6]


def test_rule_3_overlapping_pieces_are_refused() -> None:
    net, whole = layer(DType.FLOAT32)
    slices = [net.node("SLICE", whole, ints(0, begin), ints(4, 6)) for begin in (0, 3)]
    assert run(net.outputs(*slices))[1] == ["split-dense: kept fully_connected0: pieces overlap"]


def test_rule_4_a_shared_weight_is_refused() -> None:
    net = NetBuilder(DType.FLOAT32)
    first = net.dense(net.input(4, 6), 12)
    assert first.producer is not None
    second = net.node("FULLY_CONNECTED", net.input(4, 6, name="z"), *map(first.producer.operand, (1, 2)))
    graph = net.outputs(*net.split(first, 2), *net.split(second, 2))
    reason = "'fully_connected0.weight' is read elsewhere"
    assert run(graph)[1] == [f"split-dense: kept fully_connected{index}: {reason}" for index in (0, 1)]


def test_rule_5_a_piece_with_another_scale_is_refused() -> None:
    net, whole = layer(DType.INT8)
    left, right = net.split(whole, 2)
    graph = net.outputs(left, right)
    assert left.type.quant is not None
    for piece in (left, right):
        piece.type = type(piece.type)(piece.type.shape, piece.type.dtype, net._activation_quant(3.0))
    log = Log()
    assert not SplitDense().run(graph, log)
    assert [entry.render() for entry in log.entries] == [
        "split-dense: kept fully_connected0: a piece has another scale"
    ]


def test_rule_6_views_of_pieces_are_views_of_the_new_layers() -> None:
    net, whole = layer(DType.FLOAT32)
    left, right = net.split(net.reshape(whole, 4, 2, 6), 2, axis=1)
    found, _ = run(net.outputs(net.reshape(left, 4, 3, 2), net.reshape(right, 2, 2, 6)))
    assert [node.op for node in found.nodes] == ["FULLY_CONNECTED", "FULLY_CONNECTED", "RESHAPE", "RESHAPE"]
