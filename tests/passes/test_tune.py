from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from redsc.compile import read_model
from redsc.errors import UnsupportedError, UsageError
from redsc.formats import write_tflite
from redsc.ir import ArgExtreme, Array, DType, Graph
from redsc.options import Tuning
from redsc.passes.blocks import find_blocks
from redsc.passes.groups import find_channel_groups
from redsc.passes.nested import LevelSet, NestedWeights, OwnWeights, build_level, plain_weights, weight_axes
from redsc.passes.plan import Level, LevelPlan
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples
from redsc.runtime.dataset import DataSet
from redsc.runtime.divergence import Judge
from redsc.runtime.store import Store
from redsc.runtime.task import Task
from tests.conftest import Golden, Zoo
from tests.helpers import NetBuilder, residual_net, small_net

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install redsc[tune]")

from redsc.passes.tune import TuneProgress, tune  # noqa: E402  # after the check for PyTorch
from redsc.passes.tune.batches import columns  # noqa: E402
from redsc.passes.tune.heads import find_heads  # noqa: E402
from redsc.passes.tune.lesson import Lesson  # noqa: E402
from redsc.passes.tune.network import LevelNetwork  # noqa: E402
from redsc.passes.tune.parameters import Key, find_parameters  # noqa: E402
from redsc.runtime.torch import TorchGraph  # noqa: E402

QUICK = Tuning(steps=60, batch=32)
SHORT = replace(QUICK, steps=27)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """These networks are so small that threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


def divergences(levels: LevelSet, weights: NestedWeights, teacher: Graph, data: DataSet) -> list[float]:
    """Return how far every level is from the teacher, in LiteRT and by another formula than tuning's."""
    judge = Judge.of(teacher, data.samples, Task.CLASSIFY)
    graphs = [build_level(levels, weights, slot) for slot in range(len(weights.levels))]
    return [judge.divergence(EXECUTORS["litert"].run(write_tflite(graph), data.samples)) for graph in graphs]


NETS = [small_net, residual_net, mixed_net]
BANKS = {"one bank": (0, 0, 0), "two banks": (0, 1, 1)}


@pytest.mark.parametrize("banks", BANKS.values(), ids=list(BANKS))
@pytest.mark.parametrize("private", ["-", "depthwise", "dense"])
@pytest.mark.parametrize("net", NETS)
def test_a_level_in_training_is_the_level_that_is_built(net: Any, private: str, banks: tuple[int, ...]) -> None:
    graph = net(DType.FLOAT32)
    levels = levels_of(graph, 1, 0.7, 0.3)
    assert_training_is_building(levels, weights_of(levels, banks, private))


@pytest.mark.parametrize("name", ["resnet8", "mbv2", "silu_se", "conv1d", "det"])
def test_a_real_level_in_training_is_the_level_that_is_built(zoo: Zoo, name: str) -> None:
    """Every other block is left out of the smallest level."""
    graph = read_model(zoo(f"exports/{name}.dynamo18.onnx")).graph
    levels = levels_of(graph, 1, 0.6, 0.3)
    blocks = find_blocks(graph, levels.groups)
    *larger, last = levels.plan.levels
    plan = LevelPlan((*larger, replace(last, skipped=tuple(block.name for block in blocks[::2]))), {})
    levels = replace(levels, blocks=blocks, plan=plan)
    assert_training_is_building(levels, weights_of(levels, (0, 1, 1)))


def assert_training_is_building(levels: LevelSet, weights: NestedWeights) -> None:
    """Compare bit for bit, for any numbers, there and back; and compare the answers with LiteRT's."""
    parameters = find_parameters(levels, weights, range(3))
    vector = parameters.flatten()
    vector += np.random.default_rng(1).normal(0, 0.1, vector.size).astype(np.float32)
    changed = parameters.put_back(weights, vector)
    samples = random_samples(levels.graph, 2)
    inputs = [torch.from_numpy(np.stack(column)) for column in zip(*samples, strict=True)]
    for slot in range(3):
        built = build_level(levels, changed, slot)
        network = LevelNetwork(levels, weights, slot, parameters, Task.REGRESS, "cpu")
        made = network.constants(parameters.views(torch.from_numpy(vector)))
        wanted = {value.name: np.asarray(value.data) for value in built.constants() if value.name in made}
        assert len(made) == len(wanted) >= 6
        assert all(np.array_equal(made[name].numpy(), wanted[name]) for name in made)
        heads = [head.value for head in find_heads(built, Task.REGRESS)]
        assert all(map(torch.equal, network.run(inputs, made), TorchGraph(built, heads).run(inputs)))
        results = TorchGraph(built).run(inputs)
        found = [[result[index].numpy() for result in results] for index in range(2)]
        expected = EXECUTORS["litert"].run(write_tflite(built), samples)
        assert difference(expected, found, FLOAT_TOLERANCE) is None


def test_what_no_trained_level_uses_is_no_parameter() -> None:
    levels = levels_of(small_net(DType.FLOAT32), 1, 0.5)
    names = {value.name for value in levels.graph.constants()}
    weights = weights_of(levels, (0, 1), "depthwise")
    found = find_parameters(levels, weights, [1]).start
    assert {(key.kind, key.index) for key in found} == {("bank", 1), ("own", 1), ("scale", 1)}
    shared = {key.name for key in found if key.kind == "bank"}
    private = {key.name for key in found if key.kind == "own"}
    assert shared.isdisjoint(private)
    assert shared | private == {name for name in names if name.endswith((".weight", ".bias"))}
    assert {key.name for key in found if key.kind == "scale"} == {name for name in shared if "weight" in name}
    both = find_parameters(levels, weights_of(levels, (0, 0)), [1]).start
    assert {key.kind for key in both} == {"own", "scale"}  # slot 0 keeps the bank that it shares


def test_constants_that_are_no_weights_stay() -> None:
    net = NetBuilder(DType.FLOAT32)
    limited = net.node("MINIMUM", net.conv(net.input(1, 4, 4, 2), 4), np.full((1, 1, 1, 1), 2, np.float32))
    levels = levels_of(net.outputs(net.dense(net.prelu(limited), 3)), 1, 0.5)
    names = {key.name for key in find_parameters(levels, plain_weights(levels), range(2)).start}
    assert names == {
        "conv_2d0.weight",
        "conv_2d0.bias",
        "alpha2",
        "fully_connected3.weight",
        "fully_connected3.bias",
    }


@pytest.mark.parametrize("net", NETS)
def test_levels_come_nearer_to_the_teacher(net: Any) -> None:
    graph = net(DType.FLOAT32)
    levels = levels_of(graph, 1, 0.7, 0.4)
    start = plain_weights(levels)
    held = dataset(graph, 60, seed=1)
    tuned = tune(levels, start, graph, dataset(graph, 200), held, Task.CLASSIFY, QUICK)
    before, after = (divergences(levels, weights, graph, held) for weights in (start, tuned))
    assert all(new < 0.7 * old for old, new in zip(before[1:], after[1:], strict=True))
    assert arrays_of(tuned).keys() == {("bank", 0, value) for value in _weights(graph)}  # nobody got anything new


def _weights(graph: Graph) -> set[str]:
    return {value.name for value in graph.constants() if value.type.dtype is DType.FLOAT32}


def test_the_same_call_gives_the_same_bits_and_another_seed_gives_others() -> None:
    levels, data, held = small_task()
    first, again, other = (
        tune(levels, plain_weights(levels), levels.graph, data, held, Task.CLASSIFY, replace(SHORT, seed=seed))
        for seed in (0, 0, 1)
    )
    assert same_bits(first, again)
    assert not same_bits(first, other)


def small_task(count: int = 96) -> tuple[LevelSet, DataSet, DataSet]:
    graph = small_net(DType.FLOAT32)
    return levels_of(graph, 1, 0.5), dataset(graph, count), dataset(graph, 40, seed=1)


class Stop(Exception):
    pass


def stop_after(steps: int) -> Callable[[TuneProgress], None]:
    def progress(found: TuneProgress) -> None:
        if found.step == steps:
            raise Stop

    return progress


@pytest.mark.parametrize("stops", [(1,), (9, 26)])
def test_a_run_goes_on_where_it_stopped_to_the_same_bits(tmp_path: Path, stops: tuple[int, ...]) -> None:
    levels, data, held = small_task()
    call = (levels, plain_weights(levels), levels.graph, data, held, Task.CLASSIFY, SHORT)
    whole: list[TuneProgress] = []
    wanted = tune(*call, progress=whole.append)
    store = Store(tmp_path)
    for steps in stops:
        with pytest.raises(Stop):
            tune(*call, progress=stop_after(steps), store=store)
    rest: list[TuneProgress] = []
    assert same_bits(tune(*call, progress=rest.append, store=store), wanted)
    assert [item.step for item in rest] == list(range(stops[-1] + 1, SHORT.steps + 1))
    assert rest[-1] == whole[-1]
    done: list[TuneProgress] = []
    assert same_bits(tune(*call, progress=done.append, store=store), wanted)
    assert done == []  # it has ended


def test_another_call_does_not_go_on_from_there(tmp_path: Path) -> None:
    levels, data, held = small_task()
    store = Store(tmp_path)

    def first_step(weights: NestedWeights, data: DataSet, tuning: Tuning = QUICK, protect: bool = False) -> int:
        steps: list[int] = []

        def progress(found: TuneProgress) -> None:
            steps.append(found.step)
            stop_after(found.step)(found)

        with pytest.raises(Stop):
            tune(
                *(levels, weights, levels.graph, data, held, Task.CLASSIFY, tuning),
                protect_full=protect,
                progress=progress,
                store=store,
            )
        return steps[0]

    plain, own = plain_weights(levels), weights_of(levels, (0, 0))
    assert first_step(plain, data) == 1
    assert first_step(plain, data) == 2
    assert first_step(own, data) == 1
    assert first_step(own, data, protect=True) == 1
    assert first_step(plain, dataset(levels.graph, 96, seed=2)) == 1
    assert first_step(plain, data, replace(QUICK, learning_rate=0.001)) == 1
    assert first_step(plain, data) == 3


def test_a_damaged_state_is_none(tmp_path: Path) -> None:
    levels, data, held = small_task()
    call = (levels, plain_weights(levels), levels.graph, data, held, Task.CLASSIFY, replace(QUICK, steps=3))
    wanted = tune(*call, store=Store(tmp_path))
    (file,) = tmp_path.iterdir()
    key, good = file.name.split(".")[0], Store(tmp_path).get(file.name.split(".")[0])
    assert good is not None
    for bad in (b"", good[: len(good) // 2], good[:-100] + bytes(100), b"PK\3\4"):
        Store(tmp_path).put(key, bad)
        steps: list[TuneProgress] = []
        assert same_bits(tune(*call, progress=steps.append, store=Store(tmp_path)), wanted)
        assert len(steps) == 3


def test_what_only_makes_levels_worse_is_thrown_away() -> None:
    levels, data, held = small_task()
    start = weights_of(levels, (0, 0))
    seen: list[TuneProgress] = []
    wild = replace(QUICK, learning_rate=3.0)
    tuned = tune(levels, start, levels.graph, data, held, Task.CLASSIFY, wild, progress=seen.append)
    assert seen[-1].best_step == 0
    assert seen[-1].held[1] > seen[0].held[1]
    assert all(
        np.array_equal(build.data, old.data)
        for slot in range(2)
        for build, old in zip(
            build_level(levels, tuned, slot).constants(), build_level(levels, start, slot).constants(), strict=True
        )
        if build.data is not None and old.data is not None
    )


def test_no_smaller_level_pays_for_another_one() -> None:
    """Slot 2 begins as the teacher's own answer and can only lose; then nothing may change."""
    graph = small_net(DType.FLOAT32)
    levels = levels_of(graph, 0.5, 0.3, 1)
    seen: list[TuneProgress] = []
    tune(
        *(levels, plain_weights(levels), graph, dataset(graph, 96), dataset(graph, 40, seed=1)),
        *(Task.CLASSIFY, QUICK),
        progress=seen.append,
    )
    assert seen[0].held[2] == pytest.approx(0, abs=1e-9)
    assert seen[-1].held[0] < seen[0].held[0]
    assert seen[-1].best_step == 0


@pytest.mark.parametrize("banks", [(0, 1, 1), (0, 0, 0)])
def test_a_protected_slot_keeps_every_bit(banks: tuple[int, ...]) -> None:
    graph = small_net(DType.FLOAT32)
    levels = levels_of(graph, 1, 0.7, 0.4)
    start = weights_of(levels, banks)
    seen: list[TuneProgress] = []
    tuned = tune(
        *(levels, start, graph, dataset(graph, 96), dataset(graph, 40, seed=1), Task.CLASSIFY, QUICK),
        protect_full=True,
        progress=seen.append,
    )
    old, new = (build_level(levels, weights, 0) for weights in (start, tuned))
    assert all(
        np.array_equal(a.data, b.data)
        for a, b in zip(old.constants(), new.constants(), strict=True)
        if a.data is not None and b.data is not None
    )
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
    tuned = tune(
        levels, plain_weights(levels), graph, labelled(400, 0), held, Task.CLASSIFY, replace(QUICK, steps=150)
    )

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
        call = (
            levels,
            plain_weights(levels),
            graph,
            dataset(graph, 96),
            dataset(graph, 40, 1),
            Task.REGRESS,
            QUICK,
        )
        tune(*call, progress=seen.append)
        losses.append([seen[0].held[1], seen[-1].held[1]])
        assert losses[-1][1] < 0.8 * losses[-1][0]
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)


def test_many_levels_learn_in_turns_the_first_and_the_last_always() -> None:
    graph = small_net(DType.FLOAT32)
    levels = levels_of(graph, 1, 0.9, 0.8, 0.6, 0.5, 0.3)
    seen: list[TuneProgress] = []
    tune(
        *(levels, plain_weights(levels), graph, dataset(graph, 32), dataset(graph, 8, 1), Task.CLASSIFY),
        replace(QUICK, steps=12, batch=4),
        progress=seen.append,
    )
    turns = []
    for old, new in pairwise(seen):
        turns.append({slot for slot, loss in new.losses.items() if old.losses.get(slot) != loss})
    assert all({0, 5} <= turn and len(turn) == 4 for turn in turns)
    assert set().union(*turns) == set(range(6))


def test_parts_of_a_batch_have_the_gradient_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    levels, data, _ = small_task(10)
    weights = weights_of(levels, (0, 0))
    parameters = find_parameters(levels, weights, range(2))
    found = []
    for part_bytes in (1, 1 << 30):
        monkeypatch.setattr("redsc.passes.tune.lesson._PART_BYTES", part_bytes)
        found.append(gradient(levels, weights, parameters.flatten(), data))
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
    levels, data, _ = small_task(12)
    if has_labels:
        data = DataSet(data.samples, np.arange(12) % 5)
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
    levels, data, held = small_task(8)
    with pytest.raises(UsageError, match="there is no device 'cuda'"):
        tune(
            *(levels, plain_weights(levels), levels.graph, data, held),
            *(Task.CLASSIFY, replace(QUICK, device="cuda")),
        )


def test_missing_pytorch_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    levels, data, held = small_task(8)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UsageError) as caught:
        tune(levels, plain_weights(levels), levels.graph, data, held, Task.CLASSIFY, QUICK)
    golden(str(caught.value) + "\n")


def test_a_network_without_float_outputs_cannot_teach(golden: Golden) -> None:
    net = NetBuilder(DType.FLOAT32)
    logits = net.dense(net.input(1, 4), 3)
    axis = net.builder.constant("axis", np.array([1], np.int32))
    place = net.builder.op("ARG_MAX", logits, axis, attrs=ArgExtreme(), dtype=DType.INT32)
    levels = levels_of(net.outputs(place), 1)
    data = dataset(levels.graph, 8)
    with pytest.raises(UnsupportedError) as caught:
        tune(levels, plain_weights(levels), levels.graph, data, data, Task.CLASSIFY, QUICK)
    golden(str(caught.value) + "\n")


def test_pytorch_is_left_as_it_was() -> None:
    levels, data, held = small_task(8)
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads(), torch.get_rng_state()
    tune(levels, plain_weights(levels), levels.graph, data, held, Task.CLASSIFY, replace(QUICK, steps=2))
    assert torch.are_deterministic_algorithms_enabled() == before[0]
    assert torch.get_num_threads() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])
