from __future__ import annotations

import numpy as np
import pytest

from redsc.formats import write_tflite
from redsc.ir import DType, Graph, Padding
from redsc.passes.losses.study import Study
from redsc.passes.realize import float_levels
from redsc.passes.recover.run import Recipe, run_recovery
from redsc.passes.recover.stages import recover_levels
from redsc.passes.slice.nested import (
    LevelSet,
    NestedWeights,
    build_level,
    plain_weights,
    replace_constants,
    weight_axes,
)
from redsc.passes.slice.own_biases import own_biases
from redsc.passes.slice.plan import Level, LevelPlan
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime.compare import random_samples
from redsc.runtime.data.dataset import DataSet
from redsc.runtime.evaluate.divergence import Judge
from redsc.runtime.litert import run
from redsc.store import Store
from tests.helpers import NetBuilder, residual_net, small_net

SAMPLES = 120


def dense_net() -> Graph:
    net = NetBuilder(DType.FLOAT32)
    x = net.unary("RELU", net.dense(net.input(1, 6), 8))
    return net.outputs(net.dense(net.unary("RELU", net.dense(x, 8)), 4))


def depthwise_net() -> Graph:
    net = NetBuilder(DType.FLOAT32)
    x = net.unary("RELU", net.conv(net.input(1, 6, 6, 2), 8, padding=Padding.SAME))
    x = net.unary("RELU", net.depthwise(x, padding=Padding.SAME))
    return net.outputs(net.dense(net.mean(net.conv(x, 8, 1), 1, 2), 4))


NETS = {
    "small": lambda: small_net(DType.FLOAT32),
    "residual": lambda: residual_net(DType.FLOAT32),
    "dense": dense_net,
    "depthwise": depthwise_net,
}


def halves(graph: Graph, share: float = 0.5) -> LevelSet:
    """Return the whole network and one in which every free space keeps a share of its channels."""
    source = own_biases(graph)
    groups = find_channel_groups(source)
    widths = {space.name: max(int(space.size * share), 1) for space in groups.free}
    order = {space.name: tuple(range(space.size)) for space in groups.free}
    whole = {space.name: space.size for space in groups.free}
    plan = LevelPlan((Level("100", whole), Level("50", widths)), order)
    scaled = frozenset(weight_axes(source))
    return float_levels(source, plan, scaled=scaled)


def study_of(graph: Graph, count: int = SAMPLES) -> Study:
    return Study.of(own_biases(graph), DataSet(random_samples(graph, count), None), Store(None))


def divergence(levels: LevelSet, weights: NestedWeights, slot: int) -> float:
    study = study_of(levels.graph)
    judge = Judge.of(levels.graph, study.held.samples, study.task)
    return judge.divergence(run(write_tflite(build_level(levels, weights, slot)), study.held.samples))


def duplicate_channels(graph: Graph) -> Graph:
    """Return a network in which the second half of every free space repeats the first."""
    groups = find_channel_groups(graph)
    arrays = {}
    for value in graph.constants():
        data = np.array(value.data)
        for axis, layout in groups.axes.get(value.name, {}).items():
            is_free = len(layout) == 1 and groups.space(layout[0].space).frozen is None
            makes = value.name not in weight_axes(graph) or axis == weight_axes(graph)[value.name]
            if is_free and makes:
                size = data.shape[axis] // 2
                data = np.concatenate([data.take(range(size), axis)] * 2, axis)
        arrays[value.name] = data
    return replace_constants(graph, arrays)


@pytest.mark.parametrize("net", ["dense", "depthwise"])
def test_what_repeats_is_recovered_exactly(net: str) -> None:
    levels = halves(duplicate_channels(own_biases(NETS[net]())))
    samples = random_samples(levels.graph, 4 * SAMPLES)
    held = np.arange(len(samples)) % 4 == 3
    recipe = Recipe(private=False, shared=True, keeps_first=True)  # a bank of its own: nothing to give way to
    found = run_recovery(levels, samples, held, recipe)
    before = divergence(levels, plain_weights(levels), 1)
    assert before > 1e-2
    assert divergence(levels, found, 1) < 2e-3 * before


@pytest.mark.parametrize("net", NETS)
def test_recovery_brings_the_level_closer_and_slot_0_keeps_its_answers(net: str) -> None:
    levels, study = halves(NETS[net]()), study_of(NETS[net]())
    found = recover_levels(levels, study)
    assert found.after[1] < found.before[1]
    assert found.before[1] == pytest.approx(divergence(levels, plain_weights(levels), 1), rel=1e-3)
    assert divergence(levels, found.weights, 1) < found.before[1]  # solved from the samples that judge, too
    answers = run(write_tflite(build_level(levels, found.weights, 0)), study.held.samples)
    assert study.judge.expected_loss(answers) <= 0.05


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("protect", [False, True])
def test_slot_0_is_untouched_where_it_is_to_be(net: str, protect: bool) -> None:
    levels, study = halves(NETS[net]()), study_of(NETS[net]())
    found = recover_levels(levels, study, may_share=protect, keeps_first=protect)
    first, own = (
        build_level(levels, found.weights, 0),
        {value.name: value.data for value in levels.graph.constants()},
    )
    assert all(np.array_equal(np.asarray(value.data), np.asarray(own[value.name])) for value in first.constants())


@pytest.mark.parametrize("net", NETS)
def test_what_is_not_private_is_the_bank_times_a_factor(net: str) -> None:
    levels, study = halves(NETS[net]()), study_of(NETS[net]())
    weights = recover_levels(levels, study).weights
    bank = levels.cut(replace_constants(levels.graph, weights.banks[weights.levels[1].bank]), 1)
    shared = {value.name: np.asarray(value.data) for value in bank.constants()}
    own, axes = weights.levels[1], weight_axes(bank)
    for value in build_level(levels, weights, 1).constants():
        if value.name in own.constants:
            continue
        data, factor = np.asarray(value.data), np.ones(1, np.float32)
        if value.name in own.scales:
            factor = own.scales[value.name]
            assert 0.2 <= factor.min() <= factor.max() <= 5
            data = np.moveaxis(data, axes[value.name], -1)
            shared[value.name] = np.moveaxis(shared[value.name], axes[value.name], -1)
        assert np.allclose(data, shared[value.name] * factor, rtol=1e-6)


def test_weights_without_a_scale_per_channel_get_no_factors() -> None:
    levels = halves(small_net(DType.FLOAT32))
    bare = LevelSet(levels.graph, levels.groups, levels.blocks, levels.plan)
    weights = recover_levels(bare, study_of(small_net(DType.FLOAT32))).weights
    assert not any(own.scales for own in weights.levels)


def test_a_step_that_worsens_a_level_is_not_taken() -> None:
    """Three samples to fit say nothing: what they suggest fails on the held-back ones."""
    levels = halves(small_net(DType.FLOAT32))
    fit, held = random_samples(levels.graph, 3, seed=9), random_samples(levels.graph, SAMPLES, seed=4)
    whole = Study.of(levels.graph, DataSet(held, None), Store(None))
    judge = Judge.of(levels.graph, held, whole.task)
    study = Study(levels.graph, DataSet(fit, None), DataSet(held, None), whole.task, judge, Store(None))
    found = recover_levels(levels, study)
    assert found.after[1] <= found.before[1]
    assert len(found.steps) >= 2


def test_a_level_that_skips_and_a_first_level_that_is_cut_are_recovered() -> None:
    levels = halves(residual_net(DType.FLOAT32))
    (block,) = levels.blocks
    first, last = levels.plan.levels
    narrow = {name: max(width * 3 // 4, 1) for name, width in first.widths.items()}
    plan = LevelPlan((Level("75", narrow), Level("50", last.widths, (block.name,))), levels.plan.order)
    cut = LevelSet(levels.graph, levels.groups, levels.blocks, plan, levels.scaled)
    found = recover_levels(cut, study_of(residual_net(DType.FLOAT32)))
    assert found.after[0] < found.before[0]
    assert found.after[1] < found.before[1]
