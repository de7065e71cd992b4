from __future__ import annotations

import numpy as np
import pytest

from redsc.formats import write_tflite
from redsc.ir import Activation, Array, DType, Graph, Node, Quant, Value, parse_graph, real_values
from redsc.passes.losses.importance import channel_order, consumer_energy, share_losses, skip_shares, weight_norm
from redsc.passes.slice.nested import replace_constants
from redsc.passes.slice.permute import permute_channels
from redsc.passes.spaces.blocks import find_blocks
from redsc.passes.spaces.consumers import row_lengths
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime.compare import random_samples
from redsc.runtime.litert import run
from redsc.runtime.observe.moments import observe_moments
from tests.helpers import NetBuilder, residual_net, small_net

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


def _energy(graph: Graph, samples: list[list[Array]]) -> dict[str, Array]:
    groups = find_channel_groups(graph)
    return consumer_energy(graph, groups, observe_moments(graph, samples, row_lengths(graph, groups)))


def _share(energy: Array) -> Array:
    result: Array = energy / energy.sum()
    return result


def _read(graph: Graph, name: str, samples: list[list[Array]]) -> Array:
    """Return what an activation holds for every sample, from a run that ends there."""
    (value,) = (item for item in graph.values() if item.name == name)
    rows = run(write_tflite(Graph(inputs=graph.inputs, outputs=[value], nodes=_before(graph, value))), samples)
    return np.stack([row[0] for row in rows]).astype(np.float64)


def _before(graph: Graph, value: Value) -> list[Node]:
    last = next(index for index, node in enumerate(graph.nodes) if value in node.outputs)
    return graph.nodes[: last + 1]


def _weight(graph: Graph, name: str) -> Array:
    (value,) = (item for item in graph.constants() if item.name == f"{name}.weight")
    return real_values(value)


def test_energy_is_the_squared_weight_times_the_variance_that_it_reads() -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.conv(net.input(1, 6, 6, 3), 5, activation=Activation.RELU)
    graph = net.outputs(net.conv(net.depthwise(x), 4))
    samples = random_samples(graph, 20)
    variance = _read(graph, "depthwise_conv_2d1", samples).reshape(-1, 5).var(axis=0)
    wanted = _share(np.square(_weight(graph, "conv_2d2")).sum(axis=(0, 1, 2)) * variance)
    np.testing.assert_allclose(_energy(graph, samples)["conv_2d0"], wanted, rtol=1e-5)


@pytest.mark.parametrize("reshape", [True, False])
def test_energy_into_a_flattened_image_is_summed_over_its_positions(reshape: bool) -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.conv(net.input(1, 3, 4, 2), 5)
    graph = net.outputs(net.dense(net.reshape(x, 1, 60) if reshape else x, 7))
    samples = random_samples(graph, 20)
    variance = _read(graph, "conv_2d0", samples).reshape(-1, 60).var(axis=0)
    energy = np.square(_weight(graph, "fully_connected2" if reshape else "fully_connected1")).sum(axis=0) * variance
    np.testing.assert_allclose(
        _energy(graph, samples)["conv_2d0"], _share(energy.reshape(12, 5).sum(axis=0)), rtol=1e-5
    )


def test_energy_of_joined_channels_is_a_share_of_all_that_the_layer_reads() -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.input(1, 4, 4, 2)
    graph = net.outputs(net.conv(net.concat(net.conv(x, 3), net.conv(x, 4)), 5, 1))
    samples = random_samples(graph, 20)
    variance = _read(graph, "concatenation2", samples).reshape(-1, 7).var(axis=0)
    wanted = _share(np.square(_weight(graph, "conv_2d3")).sum(axis=(0, 1, 2)) * variance)
    found = _energy(graph, samples)
    np.testing.assert_allclose(np.concatenate([found["conv_2d0"], found["conv_2d1"]]), wanted, rtol=1e-5)


def test_energy_in_a_grouped_convolution_is_heard_by_its_own_group() -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.conv(net.input(1, 4, 4, 2), 6)
    weight = net.random.standard_normal((4, 1, 1, 3)).astype(np.float32)
    graph = net.outputs(net.conv(net.node("CONV_2D", x, weight, np.zeros(4, np.float32)), 2))
    samples = random_samples(graph, 20)
    variance = _read(graph, "conv_2d0", samples).reshape(-1, 6).var(axis=0)
    groups = [np.square(weight[2 * g : 2 * g + 2, 0, 0]).sum(axis=0) * variance[3 * g : 3 * g + 3] for g in (0, 1)]
    (wanted,) = (score for score in _energy(graph, samples).values() if len(score) == 3)
    np.testing.assert_allclose(wanted, _share(groups[0] + groups[1]), rtol=1e-5)


def test_consumers_of_one_space_count_alike() -> None:
    """One hears the shortcut, with weights 100 times those of the one that hears the sum."""
    graph = residual_net(DType.FLOAT32)
    graph = replace_constants(graph, {"conv_2d1.weight": 100 * _weight(graph, "conv_2d1")})
    samples = random_samples(graph, 20)
    shortcut = _read(graph, "conv_2d0", samples).reshape(-1, 6).var(axis=0)
    branch = _share(np.square(_weight(graph, "conv_2d1")).sum(axis=(0, 1, 2)) * shortcut)
    flat = _read(graph, "max_pool_2d5", samples).reshape(20, -1).var(axis=0)
    head = _share((np.square(_weight(graph, "fully_connected6")).sum(axis=0) * flat).reshape(-1, 6).sum(axis=0))
    np.testing.assert_allclose(_energy(graph, samples)["conv_2d0"], branch + head, rtol=1e-5)


def test_a_channel_that_nobody_hears_has_no_energy() -> None:
    graph = small_net(DType.FLOAT32)
    deaf = _weight(graph, "conv_2d3")
    deaf[..., 5] = 0
    silent = _weight(graph, "conv_2d0")
    silent[2] = 0
    graph = replace_constants(graph, {"conv_2d3.weight": deaf, "conv_2d0.weight": silent})
    score = _energy(graph, random_samples(graph, 10))["conv_2d0"]
    assert score[5] == 0  # no layer reads it
    assert score[2] < 1e-12 * score.max()  # it never moves; its mean is the bias's work
    assert np.delete(score, [2, 5]).min() > 0


def test_a_space_that_no_layer_hears_is_scored_by_its_weights() -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.input(1, 4, 4, 2)
    net.conv(x, 3)
    graph = net.outputs(net.conv(net.conv(x, 4), 2))
    groups = find_channel_groups(graph)
    found = _energy(graph, random_samples(graph, 4))
    np.testing.assert_array_equal(found["conv_2d0"], weight_norm(graph, groups)["conv_2d0"])
    assert not np.allclose(found["conv_2d1"], weight_norm(graph, groups)["conv_2d1"])


def test_energy_moves_with_the_channels() -> None:
    graph = small_net(DType.FLOAT32)
    samples, order = random_samples(graph, 10), [3, 1, 0, 2, 7, 6, 5, 4]
    permuted = permute_channels(graph, find_channel_groups(graph), {"conv_2d0": order})
    before, after = _energy(graph, samples)["conv_2d0"], _energy(permuted, samples)["conv_2d0"]
    np.testing.assert_allclose(after, before[order], rtol=1e-4)


@pytest.mark.parametrize("graph", [small_net(), residual_net()])
def test_int8_networks_have_energy_too(graph: Graph) -> None:
    scores = _energy(graph, random_samples(graph, 4))
    assert {name: len(score) for name, score in scores.items()} == {
        space.name: space.size for space in find_channel_groups(graph).free
    }
    assert all(score.min() >= 0 and score.max() > 0 for score in scores.values())


def test_without_data_a_cut_costs_the_share_of_the_scores_that_goes() -> None:
    losses = share_losses({"s": np.array([1.0, 5.0, 4.0])})
    assert losses.widths == {"s": {1: pytest.approx(0.5), 2: pytest.approx(0.1), 3: 0.0}}
    assert not losses.measured


def test_without_data_a_block_is_skipped_after_every_cut() -> None:
    graph = residual_net()
    groups = find_channel_groups(graph)
    blocks = find_blocks(graph, groups)
    losses = share_losses(weight_norm(graph, groups), skip_shares(graph, blocks))
    assert losses.skips == {blocks[0].name: 2.0}
    assert max(loss for widths in losses.widths.values() for loss in widths.values()) < losses.of_skip(
        blocks[0].name
    )
