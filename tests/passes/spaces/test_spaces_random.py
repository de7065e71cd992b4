"""Random chains of layers that join, cut, shuffle and group channels: the runtimes say that every space is one."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.ir import Conv2D, Graph, Padding, Value, verify_graph
from redsc.passes.slice.permute import permute_channels
from redsc.passes.slice.selftest import check_permutation, check_slice
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.groups import find_channel_groups
from tests.helpers import NetBuilder
from tests.passes.attention_layers import attention
from tests.strategies import DTYPES

Layer = Callable[[DrawFn, NetBuilder, Value], Value]

_SIZE = 4


def _ints(*numbers: int | tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return np.array(numbers, np.int32)


def _divisor(draw: DrawFn, number: int) -> int:
    return draw(st.sampled_from([n for n in range(1, number + 1) if number % n == 0]))


def _conv(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    return net.conv(value, draw(st.sampled_from([2, 4, 6, 8])), 1)


def _grouped(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    groups = _divisor(draw, value.type.shape[-1])
    shape = (groups * draw(st.integers(1, 2)), 1, 1, value.type.shape[-1] // groups)
    return net._linear("CONV_2D", value, shape, 0, Conv2D())


def _depthwise(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    return net.depthwise(value, 3, draw(st.integers(1, 2)), padding=Padding.SAME)


def _shuffle(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    channels = value.type.shape[-1]
    groups = _divisor(draw, channels)
    apart = net.reshape(value, _SIZE, _SIZE, groups, channels // groups)
    return net.reshape(net.node("TRANSPOSE", apart, _ints(0, 1, 3, 2)), 1, _SIZE, _SIZE, channels)


def _residual(_draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    return net.add(value, net.conv(value, value.type.shape[-1], 1))


def _dense_block(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    return net.concat(value, net.conv(value, draw(st.integers(1, 4)), 1), value)


def _branches(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    """Cut the channels in two, lead one part through a layer, and join or add them again."""
    channels = value.type.shape[-1]
    if channels < 2:
        return value
    at = draw(st.integers(1, channels - 1))
    left, right = net.split_v(value, at, channels - at)
    if draw(st.booleans()):
        return net.concat(right, net.conv(left, 3, 1))
    return net.add(left, net.conv(right, at, 1))


def _halves(_draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    if value.type.shape[-1] % 2:
        return value
    left, right = net.split(value, 2)
    return net.concat(right, net.depthwise(left, 1))


def _slice(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    channels = value.type.shape[-1]
    begin = draw(st.integers(0, channels - 1))
    size = draw(st.integers(1, channels - begin))
    return net.concat(net.node("SLICE", value, _ints(0, 0, 0, begin), _ints(1, _SIZE, _SIZE, size)), value)


def _pad(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    more = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    padded = net.pad(value, (0, 0), (0, 0), (0, 0), more)
    return net.add(padded, net.conv(value, padded.type.shape[-1], 1))


def _depth(_draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    deep = net.node("SPACE_TO_DEPTH", value, block_size=2)
    return net.node("DEPTH_TO_SPACE", net.conv(deep, deep.type.shape[-1], 1), block_size=2)


def _attention(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    return attention(net, value, draw(st.integers(2, 4)), draw(st.integers(1, 3)))


_LAYERS: list[Layer] = [
    *(_conv, _grouped, _depthwise, _shuffle, _residual, _dense_block),
    *(_branches, _halves, _slice, _pad, _depth, _attention),
]


@st.composite
def nets(draw: DrawFn) -> Graph:
    """Return a convolution, some of these layers, a dense layer over all pixels."""
    net = NetBuilder(draw(DTYPES), draw(st.integers(0, 999)))
    value = net.conv(net.input(1, _SIZE, _SIZE, 2), draw(st.sampled_from([4, 6, 8])), 1)
    for layer in draw(st.lists(st.sampled_from(_LAYERS), min_size=1, max_size=5)):
        if value.type.shape[-1] <= 16:
            value = layer(draw, net, value)
    return net.outputs(net.dense(value, 3))


@given(nets(), st.randoms(use_true_random=False))
def test_every_space_can_be_permuted_and_cut(graph: Graph, random: Random) -> None:
    groups = find_channel_groups(graph)
    assert {space.frozen for space in groups.spaces} <= {None, "it is a graph input", "it is a graph output"}
    check_permutation(graph, groups)
    permuted = permute_channels(
        graph, groups, {space.name: random.sample(range(space.size), space.size) for space in groups.free}
    )
    widths = {space.name: random.randint(1, space.size) for space in groups.free}
    level = slice_channels(permuted, groups, widths)
    verify_graph(level)
    check_slice(permuted, groups, widths, level)
