from __future__ import annotations

from redsc.ir import parse_graph, print_graph
from redsc.passes.slice.mask import mask_channels
from redsc.passes.spaces.groups import find_channel_groups

BEFORE = """graph @main {
  input %x: i8[1,2] q(0.5,0)
  const %w: i8[3,2] q(0.25,0) = [1,2,3,4,5,6]
  const %v: i8[2,3] q(0.25,5) = [1,2,3,4,5,6]
  %h: i8[1,3] q(0.5,-7) = FULLY_CONNECTED(%x, %w) {keep_num_dims=false, activation=NONE} @"hidden"
  %y: i8[1,2] q(0.5,0) = FULLY_CONNECTED(%h, %v) {keep_num_dims=false, activation=NONE} @"out"
  output %y
}
"""


def test_columns_of_silent_channels_become_the_zero_point() -> None:
    graph = parse_graph(BEFORE)
    masked = mask_channels(graph, find_channel_groups(graph), {"hidden": 2})
    assert print_graph(masked) == BEFORE.replace("q(0.25,5) = [1,2,3,4,5,6]", "q(0.25,5) = [1,2,5,4,5,5]")
    assert print_graph(graph) == BEFORE


def test_a_whole_space_stays_as_it_is() -> None:
    graph = parse_graph(BEFORE)
    assert print_graph(mask_channels(graph, find_channel_groups(graph), {"hidden": 3})) == BEFORE
