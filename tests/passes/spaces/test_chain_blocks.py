from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pytest

from redsc.errors import MalformedModel
from redsc.ir import Activation, Array, DType, Graph, Padding, Value, print_graph, verify_graph
from redsc.passes.slice.nested import replace_constants
from redsc.passes.slice.selftest import check_permutation, check_slice
from redsc.passes.slice.skip import skip_blocks
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.blocks import SkipBlock, find_chain_blocks
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime.compare import FLOAT_TOLERANCE, difference
from tests.helpers import NetBuilder
from tests.passes.skipping import FLOAT, GENERAL, RELU, blocks_of, head, residual, run, skip, stem


def named(blocks: Iterable[SkipBlock]) -> list[tuple[str, str, str]]:
    return [(block.name, block.source, block.result) for block in blocks]


def chain(net: NetBuilder, kernel: int = 3, activation: Activation = RELU) -> Graph:
    """Return a stem, a depthwise layer and a pointwise one with as many channels, and a head."""
    x = stem(net, activation=activation)
    x = net.conv(net.depthwise(x, kernel, padding=Padding.SAME, activation=RELU), 6, 1, activation=activation)
    return head(net, net.conv(x, 9))


def chains_of(graph: Graph) -> tuple[SkipBlock, ...]:
    return find_chain_blocks(graph, find_channel_groups(graph))


def test_chain_a_depthwise_layer_goes_with_the_pointwise_one_after_it() -> None:
    (block,) = chains_of(chain(NetBuilder(FLOAT)))
    assert (block.name, block.source, block.result) == ("conv_2d2", "conv_2d0", "conv_2d2")
    assert {"depthwise_conv_2d1", "depthwise_conv_2d1.weight", "conv_2d2.bias"} < set(block.inside)


def test_chain_elementwise_ops_after_a_layer_go_with_it() -> None:
    net = NetBuilder(FLOAT)
    x = net.prelu(net.conv(net.node("HARD_SWISH", stem(net)), 6))
    x = net.node("MUL", x, net.node("LOGISTIC", x))
    (block,) = chains_of(head(net, net.mean(net.conv(x, 9), 1, keep_dims=True)))
    assert (block.source, block.result) == ("hard_swish1", x.name)


def test_chain_what_others_read_before_the_end_is_the_end() -> None:
    net = NetBuilder(FLOAT)
    x = net.conv(stem(net), 6)
    two = net.concat(net.node("TANH", x), net.node("HARD_SWISH", x))
    y = net.conv(net.conv(two, 8), 8)
    gate = net.node("LOGISTIC", y)
    graph = head(net, net.conv(net.concat(net.node("MUL", y, gate), gate), 5))
    assert [block.result for block in chains_of(graph)] == [x.name, y.name]


def test_chain_dense_layers() -> None:
    net = NetBuilder(FLOAT)
    x = net.dense(net.dense(net.dense(net.input(1, 7), 8, activation=RELU), 8, activation=RELU), 3)
    assert named(chains_of(net.outputs(x))) == [("fully_connected1", "fully_connected0", "fully_connected1")]


Body = Callable[[NetBuilder, Value], Value]
NOT_A_CHAIN: Mapping[str, Body] = {
    "another number of channels": lambda net, x: net.conv(x, 5),
    "a stride": lambda net, x: net.conv(x, 6, stride_h=2, stride_w=2),
    "a multiplier": lambda net, x: net.conv(net.depthwise(x, multiplier=2), 6, padding=Padding.VALID),
    "channels that stay and channels that may go": lambda net, x: net.node("SOFTMAX", net.conv(x, 6)),
}


@pytest.mark.parametrize("body", NOT_A_CHAIN.values(), ids=NOT_A_CHAIN)
def test_chain_what_is_none(body: Body) -> None:
    net = NetBuilder(FLOAT)
    assert chains_of(head(net, body(net, stem(net)))) == ()


def test_chain_what_others_read_is_none() -> None:
    net = NetBuilder(FLOAT)
    x = stem(net)
    inside = net.depthwise(x)
    y = net.conv(inside, 6)
    graph = net.outputs(net.conv(net.concat(y, inside), 3))
    assert [(block.source, block.result) for block in chains_of(graph)] == [(inside.name, y.name)]


def test_chain_layers_that_add_nothing_but_themselves_are_left_out_exactly() -> None:
    """The independent check: a segment whose layers hand on what they read is worth as much as none."""
    graph = chain(NetBuilder(FLOAT))
    (block,) = chains_of(graph)
    kernel = np.zeros((1, 3, 3, 6), np.float32)
    kernel[0, 1, 1] = 1
    same: dict[str, Array] = {
        "depthwise_conv_2d1.weight": kernel,
        "conv_2d2.weight": np.eye(6, dtype=np.float32).reshape(6, 1, 1, 6),
    }
    same |= {name: np.zeros(6, np.float32) for name in ("depthwise_conv_2d1.bias", "conv_2d2.bias")}
    assert difference(run(replace_constants(graph, same)), run(skip(graph, [block])), FLOAT_TOLERANCE) is None
    assert difference(run(graph), run(skip(graph, [block])), FLOAT_TOLERANCE)


@pytest.mark.parametrize("dtype", GENERAL)
def test_chain_two_tied_spaces_are_one(dtype: DType) -> None:
    graph = chain(NetBuilder(dtype))
    apart = find_channel_groups(graph)
    (block,) = find_chain_blocks(graph, apart)
    tied = find_channel_groups(graph, tie=[(block.source, block.result)])
    assert len(tied.free) == len(apart.free) - 1
    assert find_chain_blocks(graph, tied) == (block,)
    check_permutation(graph, tied)
    widths = {space.name: space.size - 2 for space in tied.free}
    for skipped in ([], [block]):
        level = slice_channels(skip(graph, skipped), tied, widths)
        verify_graph(level)
        assert print_graph(level) == print_graph(skip_blocks(slice_channels(graph, tied, widths), skipped))
        check_slice(graph, tied, widths, level, skipped)


def test_chain_spaces_that_are_not_tied_do_not_fit() -> None:
    graph = chain(NetBuilder(FLOAT))
    groups = find_channel_groups(graph)
    level = slice_channels(skip(graph, chains_of(graph)), groups, {"conv_2d0": 3})
    with pytest.raises(MalformedModel):
        verify_graph(level)


def test_chain_ties_reach_what_is_tied_already() -> None:
    net = NetBuilder(FLOAT)
    x = net.conv(residual(net, stem(net)), 6, activation=RELU)
    graph = head(net, residual(net, x, 4))
    (block,) = [block for block in chains_of(graph) if block.result == x.name]
    groups = find_channel_groups(graph, tie=[(block.source, block.result)])
    first, last = (groups.axes[name][3] for name in ("conv_2d0", blocks_of(graph)[-1].result))
    assert first == last
    check_permutation(graph, groups)
    everything = [*blocks_of(graph), block]
    level = slice_channels(skip(graph, everything), groups, {"conv_2d0": 2})
    check_slice(graph, groups, {"conv_2d0": 2}, level, everything)
    assert [node.op for node in level.nodes] == ["CONV_2D", "RELU", "MEAN", "FULLY_CONNECTED"]
