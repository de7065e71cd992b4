from __future__ import annotations

import numpy as np
import pytest

from redsc.ir import DType, Graph, Quant, Value, parse_graph, real_values
from redsc.passes.groups import find_channel_groups
from redsc.passes.importance import channel_order, weight_norm
from redsc.passes.permute import permute_channels
from tests.helpers import residual_net, small_net

DENSE = """graph @g {
  input %x: f32[1,2]
  const %w: f32[3,2] = [1.0,2.0,3.0,4.0,0.0,1.0]
  const %v: f32[1,3] = [1.0,1.0,1.0]
  %a: f32[1,3] = FULLY_CONNECTED(%x, %w, none) {keep_num_dims=false, activation=NONE} @"hidden"
  %y: f32[1,1] = FULLY_CONNECTED(%a, %v, none)
  output %y
}"""
JOINED = """graph @g {
  input %x: f32[1,1]
  const %w: f32[2,1] = [3.0,1.0]
  const %u: f32[2,1] = [1000.0,0.0]
  const %v: f32[1,2] = [1.0,1.0]
  %a: f32[1,2] = FULLY_CONNECTED(%x, %w, none)
  %b: f32[1,2] = FULLY_CONNECTED(%x, %u, none)
  %c: f32[1,2] = ADD(%a, %b)
  %y: f32[1,1] = FULLY_CONNECTED(%c, %v, none)
  output %y
}"""


def _scores(graph: Graph) -> dict[str, list[float]]:
    return {name: score.tolist() for name, score in weight_norm(graph, find_channel_groups(graph)).items()}


def test_a_channel_scores_the_squared_norm_of_its_row_as_a_share_of_the_layer() -> None:
    assert _scores(parse_graph(DENSE)) == {"hidden": [5 / 31, 25 / 31, 1 / 31]}


def test_layers_joined_by_an_addition_count_alike() -> None:
    assert _scores(parse_graph(JOINED)) == {"a": pytest.approx([0.9 + 1.0, 0.1])}


@pytest.mark.parametrize("graph", [small_net(), small_net(DType.FLOAT32), residual_net()])
def test_every_free_space_is_scored(graph: Graph) -> None:
    groups = find_channel_groups(graph)
    scores = weight_norm(graph, groups)
    assert {name: len(score) for name, score in scores.items()} == {s.name: s.size for s in groups.free}
    assert all(score.min() > 0 for score in scores.values())


def test_scores_move_with_the_channels() -> None:
    graph = small_net()
    groups = find_channel_groups(graph)
    order = [3, 1, 0, 2, 7, 6, 5, 4]
    permuted = permute_channels(graph, groups, {"conv_2d0": order})
    before, after = weight_norm(graph, groups)["conv_2d0"], weight_norm(permuted, groups)["conv_2d0"]
    np.testing.assert_allclose(after, before[order])


def test_weights_that_are_all_zero_score_zero() -> None:
    text = DENSE.replace("[1.0,2.0,3.0,4.0,0.0,1.0]", "[0.0,0.0,0.0,0.0,0.0,0.0]")
    assert _scores(parse_graph(text)) == {"hidden": [0.0, 0.0, 0.0]}


def test_int8_weights_are_scored_by_what_they_stand_for() -> None:
    """Row 0 holds larger integers, but its scale is smaller."""
    value = Value.constant("w", np.array([[100, 100], [10, 10]], np.int8), Quant((0.01, 1.0), (0,), 0))
    np.testing.assert_allclose(real_values(value), [[1, 1], [10, 10]])


@pytest.mark.parametrize(
    ("quant", "wanted"),
    [
        (Quant((0.5,), (2,)), [[-0.5, 0.0], [0.5, 1.0]]),
        (Quant((0.5, 2.0), (0,), 1), [[0.5, 4.0], [1.5, 8.0]]),
        (Quant((0.5, 2.0), (1, 3), 0), [[0.0, 0.5], [0.0, 2.0]]),
    ],
)
def test_real_values_follow_scale_zero_point_and_axis(quant: Quant, wanted: list[list[float]]) -> None:
    value = Value.constant("w", np.array([[1, 2], [3, 4]], np.int8), quant)
    assert real_values(value).tolist() == wanted


def test_float_constants_are_real_as_they_are() -> None:
    found = real_values(Value.constant("w", np.array([0.1], np.float32)))
    assert found.dtype == np.float64
    assert found.tolist() == [float(np.float32(0.1))]


def test_floats_that_note_an_int8_form_are_real_as_they_are() -> None:
    value = Value.constant("w", np.array([3.0], np.float32), Quant((0.5,), (2,)))
    assert real_values(value).tolist() == [3.0]


def test_the_best_channels_come_first_and_equals_keep_their_order() -> None:
    assert channel_order({"s": np.array([1.0, 3.0, 1.0, 3.0, 2.0])}) == {"s": (1, 3, 4, 0, 2)}
