"""What each channel rule ties, passes and freezes; the runtimes say whether that is true."""

from __future__ import annotations

import numpy as np
import pytest

from redsc.ir import Activation, DType, Graph, GraphBuilder, Value, verify_graph
from redsc.passes.slice.selftest import check_permutation, check_slice
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.groups import find_channel_groups
from redsc.passes.spaces.space import Segment
from tests.helpers import NetBuilder
from tests.passes.channel_layers import TRANSPARENT, Layer, ints

_MIRRORED = np.array(((0, 0), (0, 0), (0, 0), (1, 0)), np.int32)


def _net(layer: Layer, dtype: DType = DType.FLOAT32) -> Graph:
    """Return convolution, the layer, convolution: the first one's space is `conv_2d0`, of 6 channels."""
    net = NetBuilder(dtype, seed=5)
    hidden = layer(net, net.conv(net.input(1, 4, 4, 2), 6, activation=Activation.RELU))
    if len(hidden.type.shape) == 4:
        hidden = net.conv(hidden, 3)
    return net.outputs(hidden)


def _frozen(graph: Graph) -> dict[str, str | None]:
    return {space.name: space.frozen for space in find_channel_groups(graph).spaces}


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.INT8])
@pytest.mark.parametrize("name", TRANSPARENT)
def test_channels_pass_and_the_runtime_agrees(name: str, dtype: DType) -> None:
    graph = _net(TRANSPARENT[name], dtype)
    groups = find_channel_groups(graph)
    ends = {"it is a graph input", "it is a graph output", None}
    assert {space.frozen for space in groups.spaces} <= ends
    assert any(space.name.startswith("conv_2d0") and space.size > 1 for space in groups.free)
    check_permutation(graph, groups)
    widths = {space.name: 1 + index % space.size for index, space in enumerate(groups.free)}
    sliced = slice_channels(graph, groups, widths)
    verify_graph(sliced)
    check_slice(graph, groups, widths, sliced)
    half = {space.name: (space.size + 1) // 2 for space in groups.free}
    check_slice(graph, groups, half, slice_channels(graph, groups, half))


def _every_second(net: NetBuilder, value: Value) -> Value:
    return net.node("STRIDED_SLICE", value, ints(0, 0, 0, 0), ints(1, 4, 4, 6), ints(1, 1, 1, 2))


def _backwards(net: NetBuilder, value: Value) -> Value:
    attrs = {"begin_mask": 15, "end_mask": 15}
    return net.node("STRIDED_SLICE", value, ints(0, 0, 0, 0), ints(1, 4, 4, 6), ints(1, 1, 1, -1), **attrs)


def _one_channel(net: NetBuilder, value: Value) -> Value:
    arguments = (ints(0, 0, 0, 2), ints(1, 4, 4, 3), ints(1, 1, 1, 1))
    return net.node("STRIDED_SLICE", value, *arguments, shrink_axis_mask=8)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (_every_second, "STRIDED_SLICE 'strided_slice1' picks some of them"),
        (_backwards, "STRIDED_SLICE 'strided_slice1' picks some of them"),
        (_one_channel, "STRIDED_SLICE 'strided_slice1' picks some of them"),
        (lambda net, x: net.node("TRANSPOSE", x, ints(0, 3, 1, 2)), "CONV_2D 'conv_2d2' reads parts of them"),
        (
            lambda net, x: net.pool(net.node("TRANSPOSE", x, ints(0, 3, 1, 2))),
            "MAX_POOL_2D 'max_pool_2d2' reads them along another axis",
        ),
        (
            lambda net, x: net.node(
                "REVERSE_V2", net.node("TRANSPOSE", net.reshape(x, 16, 6), ints(1, 0)), ints(0)
            ),
            "REVERSE_V2 'reverse_v23' works along them",
        ),
        (lambda net, x: net.reshape(x, 1, 3, 2, 16), "RESHAPE 'reshape1' changes their number"),
        (lambda net, x: net.node("MIRROR_PAD", x, _MIRRORED), "MIRROR_PAD 'mirror_pad1' changes their number"),
        (
            lambda net, x: net.node("GATHER", x, ints(5, 4, 3, 2, 1, 0), axis=-1),
            "GATHER 'gather1' works along them",
        ),
        (lambda net, x: net.node("REVERSE_V2", x, ints(2, 3)), "REVERSE_V2 'reverse_v21' works along them"),
        (
            lambda net, x: net.node("PACK", x, x, values_count=2, axis=-1),
            "PACK 'pack1' stacks them along a new axis",
        ),
        (lambda net, x: net.nodes("UNPACK", x, pieces=6, num=6, axis=3)[0], "UNPACK 'unpack1' takes them apart"),
        (lambda net, x: net.node("ARG_MAX", x, ints(3)), "ARG_MAX 'arg_max1' reduces over them"),
        (lambda net, x: net.node("SHAPE", x), "their number is read"),
        (lambda net, x: net.node("L2_NORMALIZATION", x), "the norm sums over the channels"),
        (
            lambda net, x: net.node("BATCH_MATMUL", x, net.conv(x, 6), adj_y=True),
            "BATCH_MATMUL 'batch_matmul2' sums over them, a product of two activations",
        ),
    ],
)
def test_channels_freeze_with_a_reason(layer: Layer, reason: str) -> None:
    graph = _net(layer)
    assert _frozen(graph)["conv_2d0"] == reason
    check_permutation(graph, find_channel_groups(graph))


def test_joined_branches_follow_one_another() -> None:
    graph = _net(TRANSPARENT["concat"])
    groups = find_channel_groups(graph)
    ids = {space.name: space.id for space in groups.spaces}
    branches = [Segment(ids[name]) for name in ("conv_2d0", "conv_2d1", "conv_2d2", "conv_2d0")]
    assert groups.axes["conv_2d4.weight"][3] == tuple(branches)


def test_equal_pieces_become_one_space() -> None:
    groups = find_channel_groups(_net(TRANSPARENT["split equal"]))
    sizes = sorted((space.name, space.size) for space in groups.free)
    assert sizes == [("conv_2d0", 6), ("conv_2d1", 4)]


def test_a_joined_constant_is_frozen() -> None:
    graph = _net(lambda net, x: net.concat(x, net.builder.constant("c", np.ones((1, 4, 4, 2), np.float32))))
    assert _frozen(graph)["c"] == "CONCATENATION 'concatenation1' joins a constant"
    assert _frozen(graph)["conv_2d0"] is None


def test_what_a_barrier_reads_stays_frozen_for_later_readers() -> None:
    """A constant that a barrier and an addition share must not be cut for the addition."""
    net = NetBuilder(DType.FLOAT32)
    table = net.builder.constant("table", np.ones((6, 6), np.float32))
    rows = net.builder.input("rows", (6,), DType.INT32)
    looked_up = net.builder.op("EMBEDDING_LOOKUP", rows, table)
    summed = net.add(net.dense(net.input(6, 4), 6), table)
    graph = net.outputs(net.dense(summed, 2), looked_up)
    assert _frozen(graph)["fully_connected0"] == "its rows come from a table"


def test_a_size_that_is_written_out_follows_the_channels() -> None:
    graph = _net(TRANSPARENT["slice rows"])
    groups = find_channel_groups(graph)
    sliced = slice_channels(graph, groups, {"conv_2d0": 2})
    (node,) = (node for node in sliced.nodes if node.op == "SLICE")
    assert node.operand(2).data is not None
    assert np.asarray(node.operand(2).data).tolist() == [1, 2, 4, 2]


def test_a_size_that_two_nodes_share_becomes_two() -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.input(1, 4, 4, 6)
    begin = net.builder.constant("begin", ints(0, 1, 0, 0))
    size = net.builder.constant("size", ints(1, 2, 4, 6))
    kept = net.node("SLICE", x, begin, size)
    cut = net.node("SLICE", net.conv(x, 6), begin, size)
    graph = net.outputs(net.conv(cut, 3), kept)
    sliced = slice_channels(graph, find_channel_groups(graph), {"conv_2d1": 4})
    verify_graph(sliced)
    assert [v.type.shape for v in sliced.outputs] == [(1, 2, 4, 3), (1, 2, 4, 6)]


def test_a_table_that_is_looked_up_makes_frozen_channels() -> None:
    builder = GraphBuilder()
    rows = builder.input("rows", (5,), DType.INT32)
    table = builder.constant("table", np.ones((9, 4), np.float32))
    graph = builder.output(builder.op("EMBEDDING_LOOKUP", rows, table, name="look"))
    assert "look" in _frozen(graph)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_one_channel_may_become_a_number_without_axes(shape: tuple[int, ...]) -> None:
    net = NetBuilder(DType.FLOAT32)
    one = net.mean(net.conv(net.input(1, 4, 4, 2), 1), 1, 2)
    graph = net.outputs(net.node("NEG", net.reshape(one, *shape)))
    assert {space.frozen is None for space in find_channel_groups(graph).spaces} == {False}
    check_permutation(graph, find_channel_groups(graph))


def test_an_index_may_leave_a_number_without_axes() -> None:
    net = NetBuilder(DType.FLOAT32)
    row = net.reshape(net.mean(net.conv(net.input(1, 4, 4, 2), 6), 1, 2), 6)
    one = net.node("STRIDED_SLICE", row, ints(2), ints(3), ints(1), shrink_axis_mask=1)
    assert one.type.shape == ()
    graph = net.outputs(net.node("NEG", one))
    assert _frozen(graph)["conv_2d0"] == "STRIDED_SLICE 'strided_slice3' picks some of them"
