from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redsc.cost.engine.depthwise import MOST_SCRATCH_BYTES, DepthwiseWay, all_ways, depthwise_way
from redsc.ir import Node, Padding
from tests.helpers import NetBuilder

DIRECT = DepthwiseWay(is_planar=False)


def layer(height: int, width: int, channels: int = 8, kernel: int = 3, multiplier: int = 1, **attrs: Any) -> Node:
    net = NetBuilder()
    x = net.depthwise(net.input(1, height, width, channels), kernel, multiplier, **attrs)
    return net.outputs(x).nodes[0]


def strides(stride: int) -> dict[str, int]:
    return {"stride_h": stride, "stride_w": stride}


@pytest.mark.parametrize(
    ("node", "way"),
    [
        (layer(25, 5, 64), DepthwiseWay(True, True, 5, 1568, in_place=True)),  # kws
        (layer(48, 48, 8), DepthwiseWay(True, False, 4, 2400, in_place=True)),  # vww
        (layer(48, 48, 16, **strides(2)), DepthwiseWay(True, False, 2, 2000, in_place=True)),
        (layer(12, 12, 64), DepthwiseWay(True, False, 12, 1568, in_place=True)),
        (layer(6, 6, 128), DepthwiseWay(True, False, 6, 512, in_place=True)),
    ],
)
def test_the_layers_of_known_networks(node: Node, way: DepthwiseWay) -> None:
    assert depthwise_way(node) == way


@pytest.mark.parametrize("stride", [1, 2])
def test_tiny_images_take_the_direct_kernel(stride: int) -> None:
    assert depthwise_way(layer(2, 2, 32, **strides(stride))) == DIRECT
    assert depthwise_way(layer(3, 3, 256)) == DIRECT


@pytest.mark.parametrize(
    "node",
    [
        layer(9, 9, kernel=5),
        layer(9, 9, multiplier=2),
        layer(9, 9, dilation_h=2, dilation_w=2),
        layer(9, 9, stride_h=1, stride_w=2),
        layer(9, 9, **strides(3)),
    ],
    ids=["kernel", "multiplier", "dilation", "unequal strides", "stride 3"],
)
def test_rule_1_other_layers_take_the_direct_kernel(node: Node) -> None:
    assert all_ways(node) == []
    assert depthwise_way(node) == DIRECT


def test_rule_1_no_scratch_means_the_direct_kernel() -> None:
    assert depthwise_way(layer(25, 5, 64), 0) == DIRECT


@pytest.mark.parametrize(
    ("node", "swapped"),
    [
        (layer(9, 9), list(range(1, 10))),
        (layer(9, 9, **strides(2)), [5]),
        (layer(9, 9, padding=Padding.VALID), [7]),
    ],
    ids=["one size", "stride 2", "valid"],
)
def test_rule_2_strips_along_columns(node: Node, swapped: list[int]) -> None:
    assert [way.strip_rows for way in all_ways(node) if way.is_swapped] == swapped
    rows = node.outputs[0].type.shape[1]
    assert [way.strip_rows for way in all_ways(node) if not way.is_swapped] == list(range(1, rows + 1))


def test_rule_3_the_smallest_strip_where_none_fits() -> None:
    assert depthwise_way(layer(25, 5, 64), 1) == DepthwiseWay(True, False, 1, 192, in_place=True)
    assert depthwise_way(layer(96, 96), 16) == DepthwiseWay(True, False, 1, 2352, in_place=True)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 9), st.integers(1, 2), st.integers(1, 6000))
def test_scratch_stays_below_the_limit_where_it_can(
    height: int, width: int, channels: int, stride: int, limit: int
) -> None:
    node = layer(height, width, channels, **strides(stride))
    way, ways = depthwise_way(node, limit), all_ways(node)
    least = min(one.scratch_bytes for one in ways)
    assert way == DIRECT or way in ways
    assert way.scratch_bytes <= max(limit, least)
    assert all(one.scratch_bytes % 16 == 0 for one in ways)
    assert depthwise_way(node).scratch_bytes <= max(MOST_SCRATCH_BYTES, least)
