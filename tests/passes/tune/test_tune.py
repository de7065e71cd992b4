from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from redsc.errors import UnsupportedError, UsageError
from redsc.formats import write_tflite
from redsc.ir import ArgExtreme, Array, DType, Graph
from redsc.passes.slice.nested import LevelSet, NestedWeights, build_level, plain_weights
from redsc.runtime import EXECUTORS
from redsc.runtime.data.dataset import DataSet
from redsc.runtime.evaluate.task import Task
from tests.conftest import Golden
from tests.helpers import NetBuilder, small_net
from tests.passes.tuning import (
    NETS,
    QUICK,
    arrays_of,
    dataset,
    divergences,
    levels_of,
    random_study,
    same_constants,
    small_task,
    study_of,
    weights_of,
)

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install redsc[tune]")

from redsc.passes.tune import TuneProgress, tune  # noqa: E402  # after the check for PyTorch
from redsc.passes.tune.batches import columns  # noqa: E402
from redsc.passes.tune.lesson import Lesson  # noqa: E402
from redsc.passes.tune.network import LevelNetwork  # noqa: E402
from redsc.passes.tune.parameters import Key, find_parameters  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("net", NETS)
def test_levels_come_nearer_to_the_teacher(net: Any) -> None:
    graph = net(DType.FLOAT32)
    levels = levels_of(graph, 1, 0.7, 0.4)
    start, study = plain_weights(levels), random_study(graph, 200, 60)
    tuned = tune(levels, start, study, QUICK)
    before, after = (divergences(levels, weights, study) for weights in (start, tuned))
    assert all(new < 0.7 * old for old, new in zip(before[1:], after[1:], strict=True))
    assert arrays_of(tuned).keys() == {("bank", 0, value) for value in _weights(graph)}  # nobody got anything new


def _weights(graph: Graph) -> set[str]:
    return {value.name for value in graph.constants() if value.type.dtype is DType.FLOAT32}


def test_what_only_makes_levels_worse_is_thrown_away() -> None:
    levels, study = small_task()
    start = weights_of(levels, (0, 0))
    seen: list[TuneProgress] = []
    tuned = tune(levels, start, study, replace(QUICK, learning_rate=3.0), progress=seen.append)
    assert seen[-1].best_step == 0
    assert seen[-1].held[1] > seen[0].held[1]
    for slot in range(2):
        assert same_constants(build_level(levels, tuned, slot), build_level(levels, start, slot))


def test_no_smaller_level_pays_for_another_one() -> None:
    """Slot 2 begins as the teacher's own answer and can only lose; then nothing may change."""
    graph = small_net(DType.FLOAT32)
    levels = levels_of(graph, 0.5, 0.3, 1)
    seen: list[TuneProgress] = []
    tune(levels, plain_weights(levels), random_study(graph), QUICK, progress=seen.append)
    assert seen[0].held[2] == pytest.approx(0, abs=1e-9)
    assert seen[-1].held[0] < seen[0].held[0]
    assert seen[-1].best_step == 0


@pytest.mark.parametrize("banks", [(0, 1, 1), (0, 0, 0)])
def test_a_protected_slot_keeps_every_bit(banks: tuple[int, ...]) -> None:
    graph = small_net(DType.FLOAT32)
    levels = levels_of(graph, 1, 0.7, 0.4)
    start = weights_of(levels, banks)
    seen: list[TuneProgress] = []
    tuned = tune(levels, start, random_study(graph), QUICK, protect_full=True, progress=seen.append)
    assert same_constants(build_level(levels, tuned, 0), build_level(levels, start, 0))
    assert all(set(item.losses) == {1, 2} for item in seen)
    assert seen[-1].best_step > 0
    kinds = {
        key[:2]
        for key, array in arrays_of(tuned).items()
        if not np.array_equal(array, arrays_of(start).get(key, array * 0 - 1))
    }
    assert kinds == {("own", 1), ("own", 2), ("scale", 1), ("scale", 2)} | ({("bank", 1)} if banks[1] else set())


def test_labels_teach_what_the_teacher_does_not_know() -> None:
    net = NetBuilder(DType.FLOAT32)
    graph = net.outputs(net.dense(net.dense(net.input(1, 6), 12), 3))
    levels = levels_of(graph, 1, 0.5)

    def labelled(count: int, seed: int) -> DataSet:
        data = dataset(graph, count, seed)
        return DataSet(data.samples, np.array([np.argmax(sample[0][0, :3]) for sample in data.samples]))

    held = labelled(100, 1)
    study = study_of(graph, labelled(400, 0), held)
    tuned = tune(levels, plain_weights(levels), study, replace(QUICK, steps=150))

    def accuracy(built: Graph) -> float:
        rows = EXECUTORS["litert"].run(write_tflite(built), held.samples)
        return float(np.mean([np.argmax(row[0]) == label for row, label in zip(rows, held.labels, strict=True)]))  # type: ignore[arg-type]  # there are labels

    assert accuracy(graph) < 0.6
    assert all(accuracy(build_level(levels, tuned, slot)) > 0.85 for slot in range(2))


def test_quantities_are_learned_in_units_of_their_variance() -> None:
    """The outputs are a thousand times as large; the same seed must do the same."""
    losses = []
    for factor in (1, 1000):
        net = NetBuilder(DType.FLOAT32)
        hidden = net.dense(net.input(1, 6), 12)
        graph = net.outputs(net.node("MUL", net.dense(hidden, 6), np.full((1, 1), factor, np.float32)))
        levels, seen = levels_of(graph, 1, 0.5), list[TuneProgress]()
        study = random_study(graph, task=Task.REGRESS)
        tune(levels, plain_weights(levels), study, QUICK, progress=seen.append)
        losses.append([seen[0].held[1], seen[-1].held[1]])
        assert losses[-1][1] < 0.8 * losses[-1][0]
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


def test_many_levels_learn_in_turns_the_first_and_the_last_always() -> None:
    graph = small_net(DType.FLOAT32)
    levels = levels_of(graph, 1, 0.9, 0.8, 0.6, 0.5, 0.3)
    seen: list[TuneProgress] = []
    short = replace(QUICK, steps=12, batch=4)
    tune(levels, plain_weights(levels), random_study(graph, 32, 8), short, progress=seen.append)
    turns = []
    for old, new in pairwise(seen):
        turns.append({slot for slot, loss in new.losses.items() if old.losses.get(slot) != loss})
    assert all({0, 5} <= turn and len(turn) == 4 for turn in turns)
    assert set().union(*turns) == set(range(6))


def test_parts_of_a_batch_have_the_gradient_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    levels, study = small_task(10)
    weights = weights_of(levels, (0, 0))
    parameters = find_parameters(levels, weights, range(2))
    found = []
    for part_bytes in (1, 1 << 30):
        monkeypatch.setattr("redsc.passes.tune.lesson._PART_BYTES", part_bytes)
        found.append(gradient(levels, weights, parameters.flatten(), study.fit))
    (few, one), (losses, others) = zip(*found, strict=True)
    assert few == pytest.approx(one, rel=1e-3, abs=1e-5 * float(np.abs(one).max()))
    assert losses == pytest.approx(others, rel=1e-5)


def gradient(
    levels: LevelSet, weights: NestedWeights, vector: Array, data: DataSet
) -> tuple[Array, dict[int, float]]:
    """Return the gradient of one batch, and the losses."""
    parameters = find_parameters(levels, weights, range(len(weights.levels)))
    networks = {slot: LevelNetwork(levels, weights, slot, parameters, Task.CLASSIFY, "cpu") for slot in range(2)}
    lesson = Lesson(levels.graph, networks, Task.CLASSIFY, columns(data), "cpu")
    total = torch.zeros(vector.size)
    views = parameters.views(torch.tensor(vector))
    for view, part in zip(views.values(), parameters.views(total).values(), strict=True):
        view.requires_grad_().grad = part
    losses = lesson.learn(columns(data), views, [0, 1], 0.25)
    return total.numpy(), losses


@pytest.mark.parametrize("has_labels", [False, True])
def test_the_gradient_is_that_of_the_weighted_losses(has_labels: bool) -> None:
    """Along random directions, by finite differences; slot 0 counts four times where there are no labels.

    With labels a smaller level learns from slot 0's answers, but must not teach slot 0: its part of the gradient is
    left out by looking at directions in which only its own arrays change, or at slot 0 alone.
    """
    levels, study = small_task(12)
    data = DataSet(study.fit.samples, np.arange(12) % 5 if has_labels else None)
    weights = weights_of(levels, (0, 1))
    parameters = find_parameters(levels, weights, range(2))
    base = parameters.flatten() + np.float32(0.01)
    slope, _ = gradient(levels, weights, base, data)
    for slot, weight in ((0, 1.0 if has_labels else 4.0), (1, 1.0)):
        keys: Mapping[Key, Any] = parameters.views(np.ones_like(base))
        mine = np.concatenate([np.full(array.size, key.index == slot, np.float32) for key, array in keys.items()])
        way = np.random.default_rng(slot).standard_normal(base.size).astype(np.float32) * mine
        step = np.float32(2e-3)
        ends = [gradient(levels, weights, base + sign * step * way, data)[1][slot] for sign in (1, -1)]
        assert float(slope @ way) == pytest.approx(weight * (ends[0] - ends[1]) / (2 * float(step)), rel=0.02)


def test_a_missing_device_is_an_error() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    levels, study = small_task(8)
    with pytest.raises(UsageError, match="there is no device 'cuda'"):
        tune(levels, plain_weights(levels), study, replace(QUICK, device="cuda"))


def test_missing_pytorch_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    levels, study = small_task(8)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError) as caught:
        tune(levels, plain_weights(levels), study, QUICK)
    golden(str(caught.value) + "\n")


def test_a_network_without_float_outputs_cannot_teach(golden: Golden) -> None:
    net = NetBuilder(DType.FLOAT32)
    logits = net.dense(net.input(1, 4), 3)
    axis = net.builder.constant("axis", np.array([1], np.int32))
    place = net.builder.op("ARG_MAX", logits, axis, attrs=ArgExtreme(), dtype=DType.INT32)
    levels = levels_of(net.outputs(place), 1)
    with pytest.raises(UnsupportedError) as caught:
        tune(levels, plain_weights(levels), random_study(levels.graph, 8, 8, Task.REGRESS), QUICK)
    golden(str(caught.value) + "\n")


def test_pytorch_is_left_as_it_was() -> None:
    levels, study = small_task(8)
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads(), torch.get_rng_state()
    tune(levels, plain_weights(levels), study, replace(QUICK, steps=2))
    assert torch.are_deterministic_algorithms_enabled() == before[0]
    assert torch.get_num_threads() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])
