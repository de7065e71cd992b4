from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.formats import write_tflite
from redsc.ir import Activation, Array, DType, Graph, parse_graph
from redsc.passes.losses.absorb import absorb_cut
from redsc.passes.losses.loss import WORST_LOSS, Losses
from redsc.passes.losses.sensitivity import few_widths, measure_losses, split
from redsc.passes.slice.nested import replace_constants
from redsc.passes.spaces.blocks import SkipBlock, find_blocks
from redsc.passes.spaces.consumers import row_lengths
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime.compare import random_samples
from redsc.runtime.evaluate.task import Task
from redsc.runtime.litert import run
from redsc.runtime.observe.moments import observe_moments
from redsc.store import Store
from tests.helpers import NetBuilder, residual_net, small_net

Samples = list[list[Array]]

SQUARE = """graph @g {
  input %x: f32[1,2]
  const %w: f32[2,2] = [1.0,0.0,0.0,1.0]
  const %v: f32[1,2] = [1.0,-1.0]
  const %c: f32[1] = [-0.26]
  %h: f32[1,2] = FULLY_CONNECTED(%x, %w, none)
  %y: f32[1,1] = FULLY_CONNECTED(%h, %v, %c) {keep_num_dims=false, activation=RELU}
  output %y
}"""
STEEP = SQUARE.replace("RELU", "NONE").replace("1.0,-1.0", "100.0,-100.0").replace("-0.26", "0.0")
STEEP = STEEP.replace("output %y", "%z: f32[1,1] = EXP(%y)\n  output %z")


def _legal(graph: Graph, step: int = 1) -> dict[str, list[int]]:
    spaces = find_channel_groups(graph).free
    return {space.name: [*range(step, space.size, step), space.size] for space in spaces}


def _losses(
    graph: Graph, samples: Samples, blocks: tuple[SkipBlock, ...] = (), store: Store | None = None, step: int = 1
) -> Losses:
    groups, calls = find_channel_groups(graph), list[tuple[int, int]]()
    legal = _legal(graph, step)

    def progress(done: int, total: int) -> None:
        calls.append((done, total))

    found = measure_losses(graph, groups, blocks, legal, samples, Task.CLASSIFY, progress, store)
    total = sum(len(widths) - 1 for widths in found.widths.values()) + len(found.skips)
    assert calls in ([(done, total) for done in range(total + 1)], [(total, total)])
    return found


def _squares() -> Samples:
    """Samples (x, x^2): the second channel can be predicted from the first, but not well."""
    return [[np.array([[x, x * x]], np.float32)] for x in np.linspace(0, 3, 50)]


def test_every_free_space_is_measured_at_its_narrowest_width_and_costs_nothing_whole() -> None:
    graph = small_net(DType.FLOAT32)
    found, legal = _losses(graph, random_samples(graph, 8), step=2), _legal(graph, 2)
    assert found.measured
    assert found.widths.keys() == legal.keys()
    for space, widths in found.widths.items():
        assert widths[legal[space][-1]] == 0.0
        assert legal[space][0] in widths
        assert widths.keys() <= set(legal[space])
        assert all(loss > 0 for width, loss in widths.items() if width != legal[space][-1])


def test_a_loss_is_the_error_against_the_whole_network() -> None:
    """Against a share of the variance of the logarithms, written out here."""
    graph = small_net(DType.FLOAT32)
    groups, samples = find_channel_groups(graph), random_samples(graph, 16)
    moments = observe_moments(graph, samples, row_lengths(graph, groups))

    def logarithms(network: Graph) -> Array:
        rows = run(write_tflite(network), samples, optimized=True)
        odds = np.exp(np.concatenate([row[0] for row in rows]).astype(np.float64))
        shares = np.log(np.maximum(odds / odds.sum(axis=1, keepdims=True), 1e-4))
        result: Array = shares - shares.mean(axis=1, keepdims=True)
        return result

    whole = logarithms(graph)
    for space, widths in _losses(graph, samples).widths.items():
        for width, loss in widths.items():
            cut = logarithms(absorb_cut(graph, groups, {space: width}, moments))
            wanted = np.square(whole - cut).mean() / whole.var()
            assert loss == pytest.approx(wanted, rel=1e-6, abs=1e-12)


def test_channels_that_repeat_others_cost_nothing() -> None:
    graph = small_net(DType.FLOAT32)
    for name in ("conv_2d0", "depthwise_conv_2d2"):
        for part in ("weight", "bias"):
            (value,) = (item for item in graph.constants() if item.name == f"{name}.{part}")
            assert value.data is not None
            axis = 3 if name.startswith("depthwise") and part == "weight" else 0
            graph = replace_constants(graph, {value.name: value.data.take(np.arange(8) % 4, axis)})
    losses = _losses(graph, random_samples(graph, 32)).widths["conv_2d0"]
    assert losses[1] > 0.01
    assert all(loss < 1e-5 for width, loss in losses.items() if width >= 4)


def test_a_block_that_adds_a_constant_costs_nothing_to_skip() -> None:
    graph = residual_net(DType.FLOAT32)
    blocks = find_blocks(graph, find_channel_groups(graph))
    (block,) = blocks
    samples = random_samples(graph, 16)
    weight = next(value for value in graph.constants() if value.name == "conv_2d2.weight")
    assert weight.data is not None
    empty = replace_constants(graph, {weight.name: np.zeros_like(weight.data)})
    assert _losses(graph, samples, blocks).skips[block.name] > 0.01
    assert _losses(empty, samples, blocks).skips[block.name] < 1e-10


def test_a_skipped_block_keeps_its_activation() -> None:
    """The shortcut is below zero here and there; the body makes nothing of it."""
    net = NetBuilder(DType.FLOAT32)
    stem = net.conv(net.input(1, 6, 6, 2), 6)
    joined = net.add(stem, net.conv(stem, 6), activation=Activation.RELU)
    graph = net.outputs(net.dense(joined, 4))
    body = next(value for value in graph.constants() if value.name == "conv_2d1.weight")
    assert body.data is not None
    graph = replace_constants(graph, {body.name: body.data * 0, "conv_2d1.bias": np.zeros(6)})
    blocks = (SkipBlock("block", "conv_2d0", "add2", ("conv_2d1",)),)
    samples = random_samples(graph, 16)
    assert _losses(graph, samples, blocks).skips["block"] > 0
    linear = replace_constants(graph, {"conv_2d0.bias": np.full(6, 50.0)})
    assert _losses(linear, samples, blocks).skips["block"] < 1e-10


def test_a_constant_that_is_missed_is_the_worst_loss() -> None:
    graph = parse_graph(SQUARE)
    found = measure_losses(graph, find_channel_groups(graph), (), {"h": [1, 2]}, _squares(), Task.REGRESS)
    assert found.widths == {"h": {1: WORST_LOSS, 2: 0.0}}


def test_outputs_that_are_no_numbers_are_the_worst_loss() -> None:
    graph = parse_graph(STEEP)
    found = measure_losses(graph, find_channel_groups(graph), (), {"h": [1, 2]}, _squares(), Task.REGRESS)
    assert found.widths == {"h": {1: WORST_LOSS, 2: 0.0}}


def test_what_was_cached_is_what_would_be_measured_bit_for_bit(tmp_path: Path) -> None:
    graph, store = residual_net(DType.FLOAT32), Store(tmp_path)
    samples, blocks = random_samples(graph, 16), find_blocks(graph, find_channel_groups(graph))
    measured = _losses(graph, samples, blocks, store)
    (entry,) = tmp_path.iterdir()
    cached = _losses(graph, samples, blocks, store)
    assert cached == measured == _losses(graph, samples, blocks)
    entry.write_bytes(b"damaged")
    assert _losses(graph, samples, blocks, store) == measured


def test_what_is_cached_is_really_read(tmp_path: Path) -> None:
    graph, store = small_net(DType.FLOAT32), Store(tmp_path)
    samples = random_samples(graph, 8)
    measured = _losses(graph, samples, store=store)
    key = next(tmp_path.iterdir()).stem
    numbers = store.get_floats(key)
    assert numbers is not None
    store.put_floats(key, {name: 2 * loss for name, loss in numbers.items()})
    doubled = _losses(graph, samples, store=store)
    assert doubled.widths["conv_2d0"][1] == 2 * measured.widths["conv_2d0"][1]
    store.put_floats(key, dict(list(numbers.items())[1:]))
    assert _losses(graph, samples, store=store) == measured


def test_another_question_is_another_entry(tmp_path: Path) -> None:
    graph, store = residual_net(DType.FLOAT32), Store(tmp_path)
    samples, groups = random_samples(graph, 8), find_channel_groups(graph)
    (bias,) = (value for value in graph.constants() if value.name == "conv_2d0.bias")
    assert bias.data is not None
    other = replace_constants(graph, {bias.name: bias.data + np.float32(1)})
    _losses(graph, samples, store=store)
    _losses(graph, samples, store=store)
    assert len(list(tmp_path.iterdir())) == 1
    _losses(graph, samples[:-1], store=store)
    _losses(graph, samples, find_blocks(graph, groups), store=store)
    _losses(graph, samples, step=2, store=store)
    _losses(other, samples, store=store)
    measure_losses(graph, groups, (), _legal(graph), samples, Task.REGRESS, store=store)
    assert len(list(tmp_path.iterdir())) == 6


@given(st.integers(1, 400), st.integers(1, 90), st.integers(1, 120))
def test_samples_are_split_evenly(count: int, judged: int, fitted: int) -> None:
    samples: Samples = [[np.array(index)] for index in range(count)]
    parts = [[int(row[0]) for row in part] for part in split(samples, judged, fitted)]
    first, second = parts
    assert len(first) == min(count, judged)
    assert all(part == sorted(set(part)) for part in parts)
    if count >= 2 * judged:
        assert not {*first} & {*second}
        assert len(second) == min(count - judged, fitted)
    else:
        assert len(second) == min(count, fitted)
    if judged > 1:
        assert (first[0], first[-1]) == (0, count - 1)
    if len(first) > 1:
        assert max(np.diff(first)) - min(np.diff(first)) <= 1


def test_a_cut_is_judged_on_samples_that_it_was_not_fitted_to() -> None:
    """A fit of 100 channels to 128 rows explains much of its own rows, and little of others."""
    net = NetBuilder(DType.FLOAT32)
    graph = net.outputs(net.dense(net.dense(net.input(1, 200), 200), 3))
    own, other = (
        _losses(graph, random_samples(graph, count), step=100).widths["fully_connected0"][100]
        for count in (128, 256)
    )
    assert own < other / 3


@given(st.sets(st.integers(1, 300), min_size=1, max_size=100), st.integers(1, 8))
def test_few_widths_are_legal_and_hold_the_narrowest(legal: set[int], count: int) -> None:
    widths = sorted(legal)
    chosen = few_widths(widths, count)
    assert len(chosen) == min(count, len(widths) - 1)
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= legal - {widths[-1]}
    assert chosen[:1] == widths[: min(1, len(widths) - 1)]
