"""Heads of attention are channels of one space, in every way in which it is written; the runtimes say so."""

from __future__ import annotations

import numpy as np
import pytest

from redsc.cost.macs import graph_macs
from redsc.ir import DType, Graph, verify_graph
from redsc.passes.slice.selftest import check_permutation, check_slice
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.groups import find_channel_groups
from redsc.passes.spaces.space import Space
from tests.helpers import NetBuilder
from tests.passes.attention_layers import ATTENTION, attention

_TURN = np.array((1, 0, 2), np.int32)
HEADS = {"packed and cut at once": 12, "packed by head": 12, "packed": 12}  # channels of the layer with each head


def _net(name: str, dtype: DType) -> Graph:
    net = NetBuilder(dtype, seed=5)
    return net.outputs(net.conv(ATTENTION[name](net, net.conv(net.input(1, 4, 4, 2), 6)), 3))


def _heads(graph: Graph) -> Space:
    """Return the space of the heads: that of the first dense layer."""
    dense = next(node.name for node in graph.nodes if node.op == "FULLY_CONNECTED")
    return next(space for space in find_channel_groups(graph).spaces if space.name == dense)


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.INT8])
@pytest.mark.parametrize("name", [name for name in ATTENTION if name != "one head"])
def test_heads_are_one_space_and_can_be_cut(name: str, dtype: DType) -> None:
    graph = _net(name, dtype)
    groups, heads = find_channel_groups(graph), _heads(graph)
    assert (heads.size, heads.quantum, heads.frozen) == (3, HEADS.get(name, 4), None)
    if name != "one key for all heads":
        assert all(space.frozen is None or "graph" in space.frozen for space in groups.spaces)
    check_permutation(graph, groups)
    for width in (1, 2):
        cut = slice_channels(graph, groups, {heads.name: width})
        verify_graph(cut)
        assert graph_macs(cut) < graph_macs(graph)
        check_slice(graph, groups, {heads.name: width}, cut)


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.INT8])
def test_without_heads_what_is_summed_stays(dtype: DType) -> None:
    graph = _net("one head", dtype)
    groups = find_channel_groups(graph)
    query, key, mine = (node.name for node in graph.nodes[:9] if node.op == "FULLY_CONNECTED")
    frozen = {space.name: space.frozen for space in groups.spaces}
    assert "sums over them, a product of two activations" in (frozen[query] or "")
    assert frozen[key] == frozen[query]
    assert frozen[mine] is None
    check_permutation(graph, groups)
    check_slice(graph, groups, {mine: 1}, slice_channels(graph, groups, {mine: 1}))


def test_two_blocks_have_heads_of_their_own() -> None:
    net = NetBuilder(DType.FLOAT32)
    first = attention(net, net.conv(net.input(1, 4, 4, 2), 6), 2, 3)
    graph = net.outputs(net.conv(attention(net, first, 4, 2), 3))
    sizes = [(space.size, space.quantum) for space in find_channel_groups(graph).free]
    assert sizes == [(6, 1), (2, 3), (6, 1), (4, 2), (6, 1)]


def test_the_channels_of_a_shuffle_are_not_taken_for_heads() -> None:
    """Nothing is multiplied: the last axis that a reshape cuts is that of the channels, as ever."""
    net = NetBuilder(DType.FLOAT32)
    halves = net.reshape(net.conv(net.input(1, 4, 4, 2), 6), 4, 4, 2, 3)
    graph = net.outputs(net.conv(net.reshape(halves, 1, 4, 4, 6), 3))
    (space,) = find_channel_groups(graph).free
    assert (space.size, space.quantum) == (3, 2)


def test_heads_that_meet_channels_on_another_axis_are_frozen() -> None:
    """Queries are multiplied with activations that have as many matrices, but no heads."""
    net = NetBuilder(DType.FLOAT32)
    tokens = net.reshape(net.conv(net.input(1, 4, 4, 2), 6), 16, 6)
    query = net.node("TRANSPOSE", net.reshape(net.dense(tokens, 12), 16, 3, 4), _TURN)
    other = net.builder.input("other", (3, 16, 4), DType.FLOAT32)
    scores = net.node("BATCH_MATMUL", query, other, adj_y=True)
    graph = net.outputs(net.reshape(scores, 1, 768))
    (heads,) = [space for space in find_channel_groups(graph).spaces if space.name == "fully_connected2"]
    assert heads.frozen == "BATCH_MATMUL 'batch_matmul5' multiplies them with others"
