"""Layers through which channels can be followed: each takes an image of 1 x 4 x 4 x 6."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from redsc.ir import Array, Conv2D, Padding, Value
from tests.helpers import NetBuilder

__all__ = ["TRANSPARENT", "Layer", "ints"]

Layer = Callable[[NetBuilder, Value], Value]


def ints(*numbers: int | tuple[int, ...]) -> Array:
    return np.array(numbers, np.int32)


def _two_branches(net: NetBuilder, value: Value) -> tuple[Value, Value]:
    return net.conv(value, 4, 1), net.conv(value, 3, 1)


def _concat(net: NetBuilder, value: Value) -> Value:
    return net.concat(value, *_two_branches(net, value), value)


def _concat_rows(net: NetBuilder, value: Value) -> Value:
    return net.concat(value, net.conv(value, 6, 3), axis=1)


def _split_apart(net: NetBuilder, value: Value) -> Value:
    """Join branches of 4 and 3 channels, cut between them, and use both pieces."""
    first, second = net.split_v(net.concat(*_two_branches(net, value)), 4, 3)
    return net.concat(net.conv(first, 2, 1), second)


def _split_equal(net: NetBuilder, value: Value) -> Value:
    left, right = net.split(net.concat(net.conv(value, 4, 1), net.conv(value, 4, 3)), 2)
    return net.node("MUL", left, right)


def _split_rows(net: NetBuilder, value: Value) -> Value:
    top, bottom = net.split(value, 2, axis=1)
    return net.node("SUB", top, bottom)


def _slice_rows(net: NetBuilder, value: Value) -> Value:
    return net.node("SLICE", value, ints(0, 1, 0, 0), ints(1, 2, 4, 6))


def _strided_rows(net: NetBuilder, value: Value) -> Value:
    return net.node("STRIDED_SLICE", value, ints(0, 0, 0, 0), ints(1, 4, 4, 6), ints(1, 2, 2, 1))


def _transpose_image(net: NetBuilder, value: Value) -> Value:
    return net.node("TRANSPOSE", value, ints(0, 2, 1, 3))


def _pack_rows(net: NetBuilder, value: Value) -> Value:
    stacked = net.node("PACK", value, net.conv(value, 6, 3), values_count=2, axis=1)
    return net.reshape(stacked, 1, 8, 4, 6)


def _unpack_rows(net: NetBuilder, value: Value) -> Value:
    rows = net.nodes("UNPACK", value, pieces=4, num=4, axis=1)
    return net.reshape(net.node("MAXIMUM", rows[0], rows[2]), 1, 1, 4, 6)


def _broadcast_to(net: NetBuilder, value: Value) -> Value:
    return net.node("BROADCAST_TO", net.mean(value, 1, 2, keep_dims=True), ints(1, 4, 4, 6))


def _gather_rows(net: NetBuilder, value: Value) -> Value:
    return net.node("GATHER", value, ints(3, 0, 1, 1), axis=1)


def _reverse_rows(net: NetBuilder, value: Value) -> Value:
    return net.node("REVERSE_V2", value, ints(1, 2))


def _resize(net: NetBuilder, value: Value) -> Value:
    return net.node("RESIZE_NEAREST_NEIGHBOR", value, ints(7, 8))


def _batches(net: NetBuilder, value: Value) -> Value:
    blocks = net.node("SPACE_TO_BATCH_ND", value, ints(2, 2), ints((0, 0), (0, 0)))
    return net.node("BATCH_TO_SPACE_ND", net.conv(blocks, 5), ints(2, 2), ints((0, 0), (0, 0)))


def _expand_and_squeeze(net: NetBuilder, value: Value) -> Value:
    wide = net.node("EXPAND_DIMS", value, np.array(1, np.int32))
    return net.node("SQUEEZE", wide, squeeze_dims=(1,))


def _transpose_conv(net: NetBuilder, value: Value) -> Value:
    return net.transpose_conv(net.transpose_conv(value, 5), 4, 2, padding=Padding.SAME)


def _reduce_max(net: NetBuilder, value: Value) -> Value:
    return net.node("REDUCE_MAX", value, ints(1, 2), keep_dims=True)


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
    left, right = net.split(net.concat(*_two_branches(net, value), net.conv(value, 1, 1)), 2)
    return net.node("MAXIMUM", left, right)


def _middle_channels(net: NetBuilder, value: Value) -> Value:
    return net.node("SLICE", value, ints(0, 1, 0, 2), ints(1, 2, -1, 3))


def _last_channels(net: NetBuilder, value: Value) -> Value:
    arguments = (ints(0, 0, 0, -4), ints(1, 4, 4, 0), ints(1, 1, 1, 1))
    return net.node("STRIDED_SLICE", value, *arguments, end_mask=8)


def _overlapping_slices(net: NetBuilder, value: Value) -> Value:
    arguments = (ints(0, 0, 0, 0), ints(1, 4, 4, -1), ints(1, 1, 1, 1))
    first = net.node("STRIDED_SLICE", value, *arguments, begin_mask=15)
    return net.concat(first, net.node("SLICE", value, ints(0, 0, 0, 3), ints(1, 4, 4, 3)))


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
    mixed = net.reshape(net.node("TRANSPOSE", grouped, ints(0, 1, 3, 2)), 1, 4, 4, 8)
    return net.concat(value, _groups(net, net.depthwise(mixed), 4, 2))


def _dealt(net: NetBuilder, value: Value) -> Value:
    """A shuffle alone: channel 0 of the first half, of the second one, channel 1 of the first half, ..."""
    halves = net.reshape(value, 4, 4, 2, 3)
    return net.reshape(net.node("TRANSPOSE", halves, ints(0, 1, 3, 2)), 1, 4, 4, 6)


def _expand_last(net: NetBuilder, value: Value) -> Value:
    wide = net.node("EXPAND_DIMS", value, np.array(4, np.int32))
    return net.node("SQUEEZE", wide, squeeze_dims=(4,))


def _deeper(net: NetBuilder, value: Value) -> Value:
    return net.node("SPACE_TO_DEPTH", value, block_size=2)


def _shallower(net: NetBuilder, value: Value) -> Value:
    return net.concat(
        net.node("DEPTH_TO_SPACE", net.conv(value, 12, 1), block_size=2),
        net.node("RESIZE_NEAREST_NEIGHBOR", value, ints(8, 8)),
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
    return net.dense(net.reshape(net.node("TRANSPOSE", value, ints(0, 3, 1, 2)), 1, 96), 3)


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
