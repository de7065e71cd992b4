"""What each channel rule ties, passes and freezes; the runtimes say whether that is true."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from redsc.ir import Activation, Array, Conv2D, DType, Graph, GraphBuilder, Padding, Value, verify_graph
from redsc.passes.groups import find_channel_groups
from redsc.passes.selftest import check_permutation, check_slice
from redsc.passes.slice import slice_channels
from redsc.passes.spaces import Segment
from tests.helpers import NetBuilder

Layer = Callable[[NetBuilder, Value], Value]


def _ints(*numbers: int | tuple[int, ...]) -> Array:
    return np.array(numbers, np.int32)


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


def _two(net: NetBuilder, value: Value) -> tuple[Value, Value]:
    return net.conv(value, 4, 1), net.conv(value, 3, 1)


def _concat(net: NetBuilder, value: Value) -> Value:
    return net.concat(value, *_two(net, value), value)


def _concat_rows(net: NetBuilder, value: Value) -> Value:
    return net.concat(value, net.conv(value, 6, 3), axis=1)


def _split_apart(net: NetBuilder, value: Value) -> Value:
    """Join branches of 4 and 3 channels, cut between them, and use both pieces."""
    first, second = net.split_v(net.concat(*_two(net, value)), 4, 3)
    return net.concat(net.conv(first, 2, 1), second)


def _split_equal(net: NetBuilder, value: Value) -> Value:
    left, right = net.split(net.concat(net.conv(value, 4, 1), net.conv(value, 4, 3)), 2)
    return net.node("MUL", left, right)


def _split_rows(net: NetBuilder, value: Value) -> Value:
    top, bottom = net.split(value, 2, axis=1)
    return net.node("SUB", top, bottom)


def _slice_rows(net: NetBuilder, value: Value) -> Value:
    return net.node("SLICE", value, _ints(0, 1, 0, 0), _ints(1, 2, 4, 6))


def _strided_rows(net: NetBuilder, value: Value) -> Value:
    return net.node("STRIDED_SLICE", value, _ints(0, 0, 0, 0), _ints(1, 4, 4, 6), _ints(1, 2, 2, 1))


def _transpose_image(net: NetBuilder, value: Value) -> Value:
    return net.node("TRANSPOSE", value, _ints(0, 2, 1, 3))


def _pack_rows(net: NetBuilder, value: Value) -> Value:
    stacked = net.node("PACK", value, net.conv(value, 6, 3), values_count=2, axis=1)
    return net.reshape(stacked, 1, 8, 4, 6)


def _unpack_rows(net: NetBuilder, value: Value) -> Value:
    rows = net.nodes("UNPACK", value, pieces=4, num=4, axis=1)
    return net.reshape(net.node("MAXIMUM", rows[0], rows[2]), 1, 1, 4, 6)


def _broadcast_to(net: NetBuilder, value: Value) -> Value:
    return net.node("BROADCAST_TO", net.mean(value, 1, 2, keep_dims=True), _ints(1, 4, 4, 6))


def _gather_rows(net: NetBuilder, value: Value) -> Value:
    return net.node("GATHER", value, _ints(3, 0, 1, 1), axis=1)


def _reverse_rows(net: NetBuilder, value: Value) -> Value:
    return net.node("REVERSE_V2", value, _ints(1, 2))


def _resize(net: NetBuilder, value: Value) -> Value:
    return net.node("RESIZE_NEAREST_NEIGHBOR", value, _ints(7, 8))


def _batches(net: NetBuilder, value: Value) -> Value:
    blocks = net.node("SPACE_TO_BATCH_ND", value, _ints(2, 2), _ints((0, 0), (0, 0)))
    return net.node("BATCH_TO_SPACE_ND", net.conv(blocks, 5), _ints(2, 2), _ints((0, 0), (0, 0)))


def _expand_and_squeeze(net: NetBuilder, value: Value) -> Value:
    wide = net.node("EXPAND_DIMS", value, np.array(1, np.int32))
    return net.node("SQUEEZE", wide, squeeze_dims=(1,))


def _transpose_conv(net: NetBuilder, value: Value) -> Value:
    return net.transpose_conv(net.transpose_conv(value, 5), 4, 2, padding=Padding.SAME)


def _reduce_max(net: NetBuilder, value: Value) -> Value:
    return net.node("REDUCE_MAX", value, _ints(1, 2), keep_dims=True)


def _concat_twice(net: NetBuilder, value: Value) -> Value:
    return net.concat(value, value)


def _concat_and_add(net: NetBuilder, value: Value) -> Value:
    """Branches of 4 and 2 channels meet a layer of 6: its channels are those of the one and of the other."""
    return net.add(value, net.concat(net.conv(value, 4, 1), net.conv(value, 2, 1)))


def _concat_crosswise(net: NetBuilder, value: Value) -> Value:
    left, right = net.conv(value, 4, 1), net.conv(value, 2, 1)
    return net.add(net.concat(left, right), net.concat(right, left))


def _halves(net: NetBuilder, value: Value) -> Value:
    left, right = net.split(value, 2)
    return net.concat(net.conv(left, 4, 1), right)


def _parts(net: NetBuilder, value: Value) -> Value:
    """The parts of a layer go different ways; one of them is added to another layer."""
    first, second, third = net.split_v(value, 1, 3, 2)
    return net.concat(net.conv(first, 2, 1), net.add(second, net.conv(third, 3, 1)))


def _unlike_halves(net: NetBuilder, value: Value) -> Value:
    """Branches of 4, 3 and 1 channels: the second half has two of them."""
    left, right = net.split(net.concat(*_two(net, value), net.conv(value, 1, 1)), 2)
    return net.node("MAXIMUM", left, right)


def _middle_channels(net: NetBuilder, value: Value) -> Value:
    return net.node("SLICE", value, _ints(0, 1, 0, 2), _ints(1, 2, -1, 3))


def _last_channels(net: NetBuilder, value: Value) -> Value:
    arguments = (_ints(0, 0, 0, -4), _ints(1, 4, 4, 0), _ints(1, 1, 1, 1))
    return net.node("STRIDED_SLICE", value, *arguments, end_mask=8)


def _overlapping_slices(net: NetBuilder, value: Value) -> Value:
    arguments = (_ints(0, 0, 0, 0), _ints(1, 4, 4, -1), _ints(1, 1, 1, 1))
    first = net.node("STRIDED_SLICE", value, *arguments, begin_mask=15)
    return net.concat(first, net.node("SLICE", value, _ints(0, 0, 0, 3), _ints(1, 4, 4, 3)))


def _padded_channels(net: NetBuilder, value: Value) -> Value:
    return net.pad(value, (0, 0), (1, 1), (0, 0), (2, 3))


def _padded_shortcut(net: NetBuilder, value: Value) -> Value:
    """ResNet's shortcut A: zeros for the channels that are new."""
    return net.add(net.pad(value, (0, 0), (0, 0), (0, 0), (0, 3)), net.conv(value, 9, 1))


def _groups(net: NetBuilder, value: Value, channels: int, groups: int) -> Value:
    depth = value.type.shape[-1] // groups
    return net._linear("CONV_2D", value, (channels, 3, 3, depth), 0, Conv2D())


def _grouped(net: NetBuilder, value: Value) -> Value:
    return _groups(net, _groups(net, value, 6, 2), 9, 3)


def _shuffled(net: NetBuilder, value: Value) -> Value:
    """ShuffleNet's unit: grouped convolutions with a shuffle of the groups between them."""
    grouped = net.reshape(_groups(net, net.conv(value, 8, 1), 8, 2), 4, 4, 2, 4)
    mixed = net.reshape(net.node("TRANSPOSE", grouped, _ints(0, 1, 3, 2)), 1, 4, 4, 8)
    return net.concat(value, _groups(net, net.depthwise(mixed), 4, 2))


def _dealt(net: NetBuilder, value: Value) -> Value:
    """A shuffle alone: channel 0 of the first half, of the second one, channel 1 of the first half, ..."""
    halves = net.reshape(value, 4, 4, 2, 3)
    return net.reshape(net.node("TRANSPOSE", halves, _ints(0, 1, 3, 2)), 1, 4, 4, 6)


def _expand_last(net: NetBuilder, value: Value) -> Value:
    wide = net.node("EXPAND_DIMS", value, np.array(4, np.int32))
    return net.node("SQUEEZE", wide, squeeze_dims=(4,))


def _deeper(net: NetBuilder, value: Value) -> Value:
    return net.node("SPACE_TO_DEPTH", value, block_size=2)


def _shallower(net: NetBuilder, value: Value) -> Value:
    return net.concat(
        net.node("DEPTH_TO_SPACE", net.conv(value, 12, 1), block_size=2),
        net.node("RESIZE_NEAREST_NEIGHBOR", value, _ints(8, 8)),
    )


def _multiplied(net: NetBuilder, value: Value) -> Value:
    wide = net.depthwise(value, multiplier=2)
    return net.add(wide, net.conv(wide, 12, 1))


def _one_channel_multiplied(net: NetBuilder, value: Value) -> Value:
    return net.concat(value, net.depthwise(net.conv(value, 1, 1), multiplier=5))


def _flattened(net: NetBuilder, value: Value) -> Value:
    return net.dense(net.reshape(net.depthwise(value, multiplier=2), 1, 192), 3)


def _flattened_by_channels(net: NetBuilder, value: Value) -> Value:
    """What PyTorch flattens: all pixels of a channel, then the next channel."""
    return net.dense(net.reshape(net.node("TRANSPOSE", value, _ints(0, 3, 1, 2)), 1, 96), 3)


TRANSPARENT: dict[str, Layer] = {
    "concat twice": _concat_twice,
    "concat and add": _concat_and_add,
    "concat crosswise": _concat_crosswise,
    "halves": _halves,
    "parts": _parts,
    "unlike halves": _unlike_halves,
    "middle channels": _middle_channels,
    "last channels": _last_channels,
    "overlapping slices": _overlapping_slices,
    "padded channels": _padded_channels,
    "padded shortcut": _padded_shortcut,
    "grouped convolution": _grouped,
    "shuffle": _shuffled,
    "shuffle alone": _dealt,
    "expand the last axis": _expand_last,
    "space to depth": _deeper,
    "depth to space": _shallower,
    "depth multiplier": _multiplied,
    "depth multiplier of one channel": _one_channel_multiplied,
    "flatten": _flattened,
    "flatten by channels": _flattened_by_channels,
    "concat": _concat,
    "concat rows": _concat_rows,
    "split apart": _split_apart,
    "split equal": _split_equal,
    "split rows": _split_rows,
    "slice rows": _slice_rows,
    "strided rows": _strided_rows,
    "transpose image": _transpose_image,
    "pack rows": _pack_rows,
    "unpack rows": _unpack_rows,
    "gather rows": _gather_rows,
    "reverse rows": _reverse_rows,
    "resize": _resize,
    "batches": _batches,
    "expand and squeeze": _expand_and_squeeze,
    "transposed convolution": _transpose_conv,
    "maximum over the image": _reduce_max,
    "gate": NetBuilder.gate,
    "prelu": NetBuilder.prelu,
    "broadcast": _broadcast_to,
}


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
    return net.node("STRIDED_SLICE", value, _ints(0, 0, 0, 0), _ints(1, 4, 4, 6), _ints(1, 1, 1, 2))


def _backwards(net: NetBuilder, value: Value) -> Value:
    attrs = {"begin_mask": 15, "end_mask": 15}
    return net.node("STRIDED_SLICE", value, _ints(0, 0, 0, 0), _ints(1, 4, 4, 6), _ints(1, 1, 1, -1), **attrs)


def _one_channel(net: NetBuilder, value: Value) -> Value:
    arguments = (_ints(0, 0, 0, 2), _ints(1, 4, 4, 3), _ints(1, 1, 1, 1))
    return net.node("STRIDED_SLICE", value, *arguments, shrink_axis_mask=8)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (_every_second, "STRIDED_SLICE 'strided_slice1' picks some of them"),
        (_backwards, "STRIDED_SLICE 'strided_slice1' picks some of them"),
        (_one_channel, "STRIDED_SLICE 'strided_slice1' picks some of them"),
        (lambda net, x: net.node("TRANSPOSE", x, _ints(0, 3, 1, 2)), "CONV_2D 'conv_2d2' reads parts of them"),
        (
            lambda net, x: net.node("RELU", net.node("TRANSPOSE", x, _ints(3, 0, 1, 2))),
            "RELU 'relu2' reads them along another axis",
        ),
        (
            lambda net, x: net.node("RELU", net.node("TRANSPOSE", net.reshape(x, 16, 6), _ints(1, 0))),
            "RELU 'relu3' reads them along another axis",
        ),
        (lambda net, x: net.reshape(x, 1, 3, 2, 16), "RESHAPE 'reshape1' changes their number"),
        (lambda net, x: net.node("MIRROR_PAD", x, _MIRRORED), "MIRROR_PAD 'mirror_pad1' changes their number"),
        (
            lambda net, x: net.node("GATHER", x, _ints(5, 4, 3, 2, 1, 0), axis=-1),
            "GATHER 'gather1' works along them",
        ),
        (lambda net, x: net.node("REVERSE_V2", x, _ints(2, 3)), "REVERSE_V2 'reverse_v21' works along them"),
        (
            lambda net, x: net.node("PACK", x, x, values_count=2, axis=-1),
            "PACK 'pack1' stacks them along a new axis",
        ),
        (lambda net, x: net.nodes("UNPACK", x, pieces=6, num=6, axis=3)[0], "UNPACK 'unpack1' takes them apart"),
        (lambda net, x: net.node("ARG_MAX", x, _ints(3)), "ARG_MAX 'arg_max1' changes their number"),
        (lambda net, x: net.node("SHAPE", x), "their number is read"),
        (lambda net, x: net.node("L2_NORMALIZATION", x), "the norm sums over the channels"),
        (
            lambda net, x: net.node("BATCH_MATMUL", x, net.conv(x, 6), adj_y=True),
            "a product of two activations sums over them",
        ),
    ],
)
def test_channels_freeze_with_a_reason(layer: Layer, reason: str) -> None:
    graph = _net(layer)
    assert _frozen(graph)["conv_2d0"] == reason
    check_permutation(graph, find_channel_groups(graph))


def test_joined_branches_follow_one_another() -> None:
    graph = _net(_concat)
    groups = find_channel_groups(graph)
    ids = {space.name: space.id for space in groups.spaces}
    branches = [Segment(ids[name]) for name in ("conv_2d0", "conv_2d1", "conv_2d2", "conv_2d0")]
    assert groups.axes["conv_2d4.weight"][3] == tuple(branches)


def test_equal_pieces_become_one_space() -> None:
    groups = find_channel_groups(_net(_split_equal))
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
    graph = _net(_slice_rows)
    groups = find_channel_groups(graph)
    sliced = slice_channels(graph, groups, {"conv_2d0": 2})
    (node,) = (node for node in sliced.nodes if node.op == "SLICE")
    assert node.operand(2).data is not None
    assert np.asarray(node.operand(2).data).tolist() == [1, 2, 4, 2]


def test_a_size_that_two_nodes_share_becomes_two() -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.input(1, 4, 4, 6)
    begin = net.builder.constant("begin", _ints(0, 1, 0, 0))
    size = net.builder.constant("size", _ints(1, 2, 4, 6))
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
