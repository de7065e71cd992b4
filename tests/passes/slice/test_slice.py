from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.formats import load_model
from redsc.ir import Graph, parse_graph, print_graph, verify_graph
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.groups import find_channel_groups
from tests.conftest import ROOT, Golden
from tests.helpers import residual_net, small_net
from tests.strategies import graphs

BEFORE = """graph @g {
  input %x: i8[1,2] q(0.5,0)
  const %w: i8[3,2] q(0.25,0) = [1,2,3,4,5,6]
  const %b: i32[3] q(0.125,0) = [7,8,9]
  const %v: i8[2,3] q(0.25,0) = [10,20,30,40,50,60]
  %a: i8[1,3] q(0.5,3) = FULLY_CONNECTED(%x, %w, %b) {keep_num_dims=false, activation=RELU} @"hidden"
  %y: i8[1,2] q(0.5,0) = FULLY_CONNECTED(%a, %v, none) {keep_num_dims=false, activation=NONE} @"last"
  output %y
}
"""
AFTER = """graph @g {
  input %x: i8[1,2] q(0.5,0)
  const %w: i8[2,2] q(0.25,0) = [1,2,3,4]
  const %b: i32[2] q(0.125,0) = [7,8]
  const %v: i8[2,2] q(0.25,0) = [10,20,40,50]
  %a: i8[1,2] q(0.5,3) = FULLY_CONNECTED(%x, %w, %b) {keep_num_dims=false, activation=RELU} @"hidden"
  %y: i8[1,2] q(0.5,0) = FULLY_CONNECTED(%a, %v, none) {keep_num_dims=false, activation=NONE} @"last"
  output %y
}
"""


def _slice(graph: Graph, widths: dict[str, int]) -> Graph:
    level = slice_channels(graph, find_channel_groups(graph), widths)
    verify_graph(level)
    return level


def test_rule_1_rows_followers_and_columns_beyond_the_width_go() -> None:
    assert print_graph(_slice(parse_graph(BEFORE), {"hidden": 2})) == AFTER


def test_rule_1_slice_a_network(golden: Golden) -> None:
    golden(print_graph(_slice(small_net(), {"conv_2d0": 4, "conv_2d3": 3})))


def test_rule_1_slice_a_residual_network(golden: Golden) -> None:
    golden(print_graph(_slice(residual_net(), {"conv_2d0": 2, "conv_2d1": 1})))


def test_rule_2_the_full_width_changes_nothing() -> None:
    assert print_graph(_slice(parse_graph(BEFORE), {"hidden": 3})) == BEFORE


def test_a_space_that_is_not_named_stays_whole() -> None:
    assert print_graph(_slice(parse_graph(BEFORE), {})) == BEFORE


@pytest.mark.parametrize("name", ["x", "last"])
def test_frozen_spaces_are_not_cut(name: str) -> None:
    assert print_graph(_slice(parse_graph(BEFORE), {name: 1})) == BEFORE


@given(graphs(), st.data())
def test_a_slice_of_a_slice_is_the_narrower_slice(graph: Graph, data: st.DataObject) -> None:
    spaces = find_channel_groups(graph).free
    wide = {space.name: data.draw(st.integers(1, space.size)) for space in spaces}
    narrow = {name: data.draw(st.integers(1, width)) for name, width in wide.items()}
    assert print_graph(_slice(_slice(graph, wide), narrow)) == print_graph(_slice(graph, narrow))


@given(graphs())
def test_slicing_copies_no_constant_whose_channels_lie_together(graph: Graph) -> None:
    groups = find_channel_groups(graph)
    level = _slice(graph, {space.name: 1 for space in groups.free})
    for whole, cut in zip(graph.constants(), level.constants(), strict=True):
        layouts = groups.axes.get(whole.name, {}).values()
        if layouts and all(len(layout) == 1 and layout[0].outer == 1 for layout in layouts):
            assert np.shares_memory(np.asarray(whole.data), np.asarray(cut.data))


def test_the_example_shrinks() -> None:
    graph = load_model(ROOT / "examples" / "fashion_dscnn.onnx").graph
    level = _slice(graph, {space.name: space.size // 2 for space in find_channel_groups(graph).free})
    assert [value.type.shape[-1] for value in level.outputs] == [10]
    assert sum(v.type.nbytes for v in level.constants()) < 0.4 * sum(v.type.nbytes for v in graph.constants())
