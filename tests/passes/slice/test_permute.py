from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from redsc.formats import write_tflite
from redsc.ir import DType, Graph, parse_graph, print_graph, verify_graph
from redsc.passes.slice.permute import permute_channels
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples
from tests.helpers import residual_net, small_net
from tests.strategies import graphs

BEFORE = """graph @g {
  input %x: f32[1,2]
  const %w: f32[3,2] = [1.0,2.0,3.0,4.0,5.0,6.0]
  const %b: f32[3] = [0.1,0.2,0.3]
  const %v: f32[2,3] = [10.0,20.0,30.0,40.0,50.0,60.0]
  %a: f32[1,3] = FULLY_CONNECTED(%x, %w, %b) {keep_num_dims=false, activation=RELU} @"hidden"
  %y: f32[1,2] = FULLY_CONNECTED(%a, %v, none) {keep_num_dims=false, activation=NONE} @"last"
  output %y
}
"""
AFTER = """graph @g {
  input %x: f32[1,2]
  const %w: f32[3,2] = [5.0,6.0,1.0,2.0,3.0,4.0]
  const %b: f32[3] = [0.3,0.1,0.2]
  const %v: f32[2,3] = [30.0,10.0,20.0,60.0,40.0,50.0]
  %a: f32[1,3] = FULLY_CONNECTED(%x, %w, %b) {keep_num_dims=false, activation=RELU} @"hidden"
  %y: f32[1,2] = FULLY_CONNECTED(%a, %v, none) {keep_num_dims=false, activation=NONE} @"last"
  output %y
}
"""


def _permute(graph: Graph, order: dict[str, list[int]]) -> Graph:
    permuted = permute_channels(graph, find_channel_groups(graph), order)
    verify_graph(permuted)
    return permuted


def _random_order(graph: Graph, random: Random) -> dict[str, list[int]]:
    spaces = find_channel_groups(graph).free
    return {space.name: random.sample(range(space.size), space.size) for space in spaces}


def _answers(graph: Graph) -> list[list[np.ndarray[tuple[int, ...], np.dtype[np.generic]]]]:
    return EXECUTORS["litert"].run(write_tflite(graph), random_samples(graph, 3))


def test_rule_1_a_free_space_is_permuted() -> None:
    assert print_graph(_permute(parse_graph(BEFORE), {"hidden": [2, 0, 1]})) == AFTER


def test_rule_1_a_space_that_is_not_named_stays() -> None:
    assert print_graph(_permute(parse_graph(BEFORE), {})) == BEFORE


def test_rule_1_names_of_frozen_spaces_are_ignored() -> None:
    graph = parse_graph(BEFORE)
    groups = find_channel_groups(graph, freeze=["hidden"])
    assert print_graph(permute_channels(graph, groups, {"hidden": [2, 0, 1]})) == BEFORE


def test_rule_2_graph_inputs_and_outputs_never_move() -> None:
    assert print_graph(_permute(parse_graph(BEFORE), {"x": [1, 0], "last": [1, 0]})) == BEFORE


@given(graphs(DType.INT8), st.randoms(use_true_random=False))
def test_int8_outputs_stay_bit_for_bit(graph: Graph, random: Random) -> None:
    permuted = _permute(graph, _random_order(graph, random))
    assert difference(_answers(graph), _answers(permuted)) is None


@given(graphs(DType.FLOAT32), st.randoms(use_true_random=False))
def test_float_outputs_differ_by_rounding_only(graph: Graph, random: Random) -> None:
    permuted = _permute(graph, _random_order(graph, random))
    assert difference(_answers(graph), _answers(permuted), FLOAT_TOLERANCE) is None


@given(graphs(), st.randoms(use_true_random=False))
def test_the_inverse_order_gives_the_graph_back(graph: Graph, random: Random) -> None:
    order = _random_order(graph, random)
    inverse = {name: [ids.index(i) for i in range(len(ids))] for name, ids in order.items()}
    assert print_graph(_permute(_permute(graph, order), inverse)) == print_graph(graph)


def test_a_permutation_moves_something() -> None:
    for graph in (small_net(), residual_net()):
        order = {space.name: list(range(space.size))[::-1] for space in find_channel_groups(graph).free}
        assert print_graph(_permute(graph, order)) != print_graph(graph)
