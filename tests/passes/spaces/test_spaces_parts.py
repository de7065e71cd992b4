"""Layers whose channels fall into several spaces: everything that reads layouts knows them."""

from __future__ import annotations

import numpy as np

from redsc.ir import Array, DType, Graph, verify_graph
from redsc.passes.losses.importance import channel_order, weight_norm
from redsc.passes.slice.permute import permute_channels
from redsc.passes.slice.selftest import check_slice
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.groups import find_channel_groups
from tests.helpers import NetBuilder


def _parts() -> Graph:
    """Return a net in which the parts of a convolution's output, of 2 and 4 channels, go different ways."""
    net = NetBuilder(DType.FLOAT32)
    left, right = net.split_v(net.conv(net.input(1, 4, 4, 2), 6), 2, 4)
    return net.outputs(net.conv(net.concat(net.conv(left, 3, 1), right), 2))


def _named(graph: Graph, name: str) -> Array:
    return np.asarray(next(value for value in graph.values() if value.name == name).data)


def test_every_part_is_scored_by_its_own_rows() -> None:
    graph = _parts()
    norms = np.square(_named(graph, "conv_2d0.weight")).reshape(6, -1).sum(axis=1)
    scores = weight_norm(graph, find_channel_groups(graph))
    assert list(scores) == ["conv_2d0[0:2]", "conv_2d0[2:6]", "conv_2d2"]
    np.testing.assert_allclose(scores["conv_2d0[0:2]"], norms[:2] / norms[:2].sum(), rtol=1e-6)
    np.testing.assert_allclose(scores["conv_2d0[2:6]"], norms[2:] / norms[2:].sum(), rtol=1e-6)


def test_channels_that_are_tied_in_one_layer_score_together() -> None:
    net = NetBuilder(DType.FLOAT32)
    left, right = net.split(net.conv(net.input(1, 4, 4, 2), 6), 2)
    graph = net.outputs(net.conv(net.add(left, right), 3))
    norms = np.square(_named(graph, "conv_2d0.weight")).reshape(6, -1).sum(axis=1)
    found = weight_norm(graph, find_channel_groups(graph))["conv_2d0"]
    np.testing.assert_allclose(found, (norms[:3] + norms[3:]) / norms.sum(), rtol=1e-6)


def test_a_depthwise_layer_over_one_channel_is_scored_by_its_weights() -> None:
    net = NetBuilder(DType.FLOAT32)
    graph = net.outputs(net.conv(net.depthwise(net.input(1, 4, 4, 1), multiplier=5), 3))
    norms = np.square(_named(graph, "depthwise_conv_2d0.weight")).reshape(-1, 5).sum(axis=0)
    found = weight_norm(graph, find_channel_groups(graph))["depthwise_conv_2d0"]
    np.testing.assert_allclose(found, norms / norms.sum(), rtol=1e-6)


def test_parts_are_ordered_and_cut_each_by_itself() -> None:
    graph = _parts()
    groups = find_channel_groups(graph)
    order = channel_order(weight_norm(graph, groups))
    permuted = permute_channels(graph, groups, order)
    rows = [*order["conv_2d0[0:2]"], *(2 + channel for channel in order["conv_2d0[2:6]"])]
    np.testing.assert_array_equal(_named(permuted, "conv_2d0.weight"), _named(graph, "conv_2d0.weight")[rows])
    widths = {"conv_2d0[0:2]": 1, "conv_2d0[2:6]": 3, "conv_2d2": 2}
    level = slice_channels(permuted, groups, widths)
    verify_graph(level)
    check_slice(permuted, groups, widths, level)
    np.testing.assert_array_equal(
        _named(level, "conv_2d0.weight"), _named(permuted, "conv_2d0.weight")[[0, 2, 3, 4]]
    )
