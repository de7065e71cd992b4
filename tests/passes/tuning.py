"""Networks, levels and data for tests of tuning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from redsc.formats import write_tflite
from redsc.ir import Array, DType, Graph
from redsc.options import Tuning
from redsc.passes.losses.study import Study
from redsc.passes.slice.nested import LevelSet, NestedWeights, OwnWeights, build_level, weight_axes
from redsc.passes.slice.plan import Level, LevelPlan
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import random_samples
from redsc.runtime.data.dataset import DataSet
from redsc.runtime.evaluate.divergence import Judge
from redsc.runtime.evaluate.task import Task
from redsc.store import Store
from tests.helpers import NetBuilder, residual_net, small_net

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install redsc[tune]")


QUICK = Tuning(steps=60, batch=32)
SHORT = replace(QUICK, steps=27)


def mixed_net(dtype: DType = DType.FLOAT32, seed: int = 0) -> Graph:
    """Joins, gates, slopes, a transposed convolution, several pixels per channel before the dense layer."""
    net = NetBuilder(dtype, seed)
    x = net.conv(net.input(1, 6, 6, 2), 8)
    joined = net.prelu(net.concat(net.conv(x, 6, 1), net.depthwise(x, 3, 2)))
    gated = net.gate(net.transpose_conv(joined, 8, 3, 1))
    return net.outputs(net.softmax(net.dense(net.pool(net.add(gated, x), size=3), 5)))


def levels_of(graph: Graph, *shares: float) -> LevelSet:
    groups = find_channel_groups(graph)
    plan = LevelPlan(
        tuple(
            Level(f"{share:g}", {space.name: max(round(share * space.size), 1) for space in groups.free})
            for share in shares
        ),
        {},
    )
    return LevelSet(graph, groups, (), plan)


def own_weights(levels: LevelSet, slot: int, bank: int = 0, private: str = "-") -> OwnWeights:
    """Return private biases, factors on all weights, and private weights where a name has `private` in it."""
    graph, random = levels.cut(levels.graph, slot), np.random.default_rng(slot)
    biases = {v.name: v.data for v in graph.constants() if v.name.endswith(".bias") or private in v.name}
    sizes = {v.name: v.type.shape for v in graph.constants()}
    factors = {
        name: random.uniform(0.8, 1.2, sizes[name][axis]).astype(np.float32)
        for name, axis in weight_axes(graph).items()
    }
    return OwnWeights(bank, {name: data for name, data in biases.items() if data is not None}, factors)


def weights_of(levels: LevelSet, banks: tuple[int, ...], private: str = "-") -> NestedWeights:
    own = tuple(own_weights(levels, slot, bank, private) for slot, bank in enumerate(banks))
    return NestedWeights(tuple({} for _ in set(banks)), own)


def dataset(graph: Graph, count: int, seed: int = 0, labels: Array | None = None) -> DataSet:
    return DataSet(random_samples(graph, count, seed), labels)


def arrays_of(weights: NestedWeights) -> dict[tuple[str, int, str], Array]:
    """Return every array of nested weights."""
    found: dict[tuple[str, int, str], Array] = {}
    for index, bank in enumerate(weights.banks):
        found |= {("bank", index, name): array for name, array in bank.items()}
    for slot, own in enumerate(weights.levels):
        found |= {("own", slot, name): array for name, array in own.constants.items()}
        found |= {("scale", slot, name): array for name, array in own.scales.items()}
    return found


def same_bits(first: NestedWeights, second: NestedWeights) -> bool:
    left, right = arrays_of(first), arrays_of(second)
    return left.keys() == right.keys() and all(np.array_equal(left[key], right[key]) for key in left)


def divergences(levels: LevelSet, weights: NestedWeights, study: Study) -> list[float]:
    """Return how far every level is from the teacher, in LiteRT and by another formula than tuning's."""
    graphs = [build_level(levels, weights, slot) for slot in range(len(weights.levels))]
    rows = (EXECUTORS["litert"].run(write_tflite(graph), study.held.samples) for graph in graphs)
    return [study.judge.divergence(answers) for answers in rows]


def study_of(teacher: Graph, fit: DataSet, held: DataSet, task: Task = Task.CLASSIFY) -> Study:
    return Study(teacher, fit, held, task, Judge.of(teacher, held.samples, task, held.labels), Store(None))


def random_study(teacher: Graph, count: int = 96, held: int = 40, task: Task = Task.CLASSIFY) -> Study:
    """Return a study of a network on random samples without labels."""
    return study_of(teacher, dataset(teacher, count), dataset(teacher, held, seed=1), task)


def small_task(count: int = 96) -> tuple[LevelSet, Study]:
    graph = small_net(DType.FLOAT32)
    return levels_of(graph, 1, 0.5), random_study(graph, count)


def same_constants(first: Graph, second: Graph) -> bool:
    pairs = zip(first.constants(), second.constants(), strict=True)
    return all(np.array_equal(np.asarray(a.data), np.asarray(b.data)) for a, b in pairs)


NETS = [small_net, residual_net, mixed_net]
BANKS = {"one bank": (0, 0, 0), "two banks": (0, 1, 1)}
