from __future__ import annotations

from math import cos, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.ir import ArgExtreme, Array, DType, Graph, GraphBuilder, Reshape, Softmax
from redsc.options import Tuning
from redsc.passes.tune.batches import Batch, Batches, columns
from redsc.passes.tune.heads import Head, Kind, find_heads, label_loss, teacher_loss, variances
from redsc.passes.tune.optimizer import State, learning_share
from redsc.passes.tune.parameters import Key, Parameters
from redsc.runtime.compare import random_samples
from redsc.runtime.data.dataset import DataSet
from redsc.runtime.evaluate.task import Task
from tests.helpers import NetBuilder

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install redsc[tune]")


def logits_net(op: str | None, elements: int = 3, reshape: bool = False) -> Graph:
    net = NetBuilder(DType.FLOAT32)
    value = net.dense(net.input(1, 4), elements)
    attrs = {"beta": 0.5} if op == "SOFTMAX" else {}
    value = value if op is None else net.node(op, value, **attrs)
    return net.outputs(net.reshape(value, elements) if reshape else value)


@pytest.mark.parametrize("reshape", [False, True])
@pytest.mark.parametrize(
    ("op", "kind", "factor"),
    [("SOFTMAX", Kind.CLASSES, 0.5), ("LOG_SOFTMAX", Kind.CLASSES, 1.0), ("LOGISTIC", Kind.BINARY, 1.0)],
)
@pytest.mark.parametrize("task", list(Task))
def test_a_known_end_gives_its_logits(op: str, kind: Kind, factor: float, task: Task, reshape: bool) -> None:
    graph = logits_net(op, reshape=reshape)
    (head,) = find_heads(graph, task)
    assert head == Head(graph.nodes[0].outputs[0], kind, factor)


@pytest.mark.parametrize(
    ("task", "elements", "kind"),
    [(Task.CLASSIFY, 3, Kind.CLASSES), (Task.CLASSIFY, 1, Kind.BINARY), (Task.REGRESS, 3, Kind.REAL)],
)
def test_any_other_end_is_what_the_task_says(task: Task, elements: int, kind: Kind) -> None:
    graph = logits_net(None, elements)
    (head,) = find_heads(graph, task)
    assert head == Head(graph.outputs[0], kind)


def test_outputs_that_are_no_floats_have_no_head() -> None:
    builder = GraphBuilder()
    x = builder.input("x", (1, 4))
    axis = builder.constant("axis", np.array([1], np.int32))
    place = builder.op("ARG_MAX", x, axis, attrs=ArgExtreme(), dtype=DType.INT32)
    graph = builder.output(place, builder.op("SOFTMAX", x, attrs=Softmax()))
    assert [head.value for head in find_heads(graph, Task.CLASSIFY)] == [x]


def softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    found: Array = powers / powers.sum(-1, keepdims=True)
    return found


def test_the_distance_of_classes_is_kl_at_temperature_two() -> None:
    random = np.random.default_rng(0)
    found, wanted = random.standard_normal((2, 5, 7, 4))
    head = logits_head(Kind.CLASSES, 1.5)
    p, q = softmax(wanted * 1.5 / 2), softmax(found * 1.5 / 2)
    expected = 4 * (p * np.log(p / q)).sum(-1).mean()
    assert distance(head, found, wanted) == pytest.approx(expected)
    assert distance(head, found + 3, wanted) == pytest.approx(expected)


def test_the_distance_of_yes_and_no_is_that_of_two_classes() -> None:
    random = np.random.default_rng(0)
    found, wanted = random.standard_normal((2, 5, 4))
    pairs = [np.stack([array, np.zeros_like(array)], -1) for array in (found, wanted)]
    expected = distance(logits_head(Kind.CLASSES), pairs[0], pairs[1])
    assert distance(logits_head(Kind.BINARY), found, wanted) == pytest.approx(expected)


def test_the_distance_of_quantities_is_the_unexplained_variance() -> None:
    random = np.random.default_rng(0)
    wanted = random.standard_normal((200, 4)) * 3 + 7
    head = logits_head(Kind.REAL)
    (scale,) = variances([head], [torch.from_numpy(wanted)])
    assert distance(head, np.full_like(wanted, wanted.mean()), wanted, scale) == pytest.approx(1)
    assert variances([head, logits_head(Kind.CLASSES)], [torch.ones(3, 1), torch.rand(3, 2)]) == [1, 1]


@pytest.mark.parametrize("kind", list(Kind))
def test_equal_answers_have_no_distance_and_other_ones_have(kind: Kind) -> None:
    wanted = np.random.default_rng(0).standard_normal((5, 4)) * 40
    assert distance(logits_head(kind), wanted, wanted) == 0
    assert distance(logits_head(kind), -wanted, wanted) > 1


def logits_head(kind: Kind, factor: float = 1.0) -> Head:
    return Head(logits_net(None).outputs[0], kind, factor)


def distance(head: Head, found: Array, wanted: Array, scale: float = 1.0) -> float:
    return float(teacher_loss([head], [scale], [torch.from_numpy(found)], [torch.from_numpy(wanted)]))


def test_the_error_is_the_cross_entropy_of_the_labels() -> None:
    random = np.random.default_rng(0)
    logits, labels = random.standard_normal((6, 1, 4)), random.integers(0, 4, 6)

    def error(kind: Kind, answer: Array, classes: Array) -> float:
        return float(label_loss(logits_head(kind, 2.0), torch.from_numpy(answer), torch.from_numpy(classes)))

    shares = softmax(2 * logits[:, 0])[np.arange(6), labels]
    assert error(Kind.CLASSES, logits, labels) == pytest.approx(-np.log(shares).mean())
    yes = 1 / (1 + np.exp(-2 * logits[:, 0]))
    chosen = np.where(np.arange(4) == labels[:, None], yes, 1 - yes)
    assert error(Kind.BINARY, logits, labels) == pytest.approx(-np.log(chosen).mean())
    one = np.where(labels > 1, yes[:, 0], 1 - yes[:, 0])
    assert error(Kind.BINARY, logits[..., :1], (labels > 1) * 1) == pytest.approx(-np.log(one).mean())


def image_graph(*shape: int) -> Graph:
    builder = GraphBuilder()
    x = builder.input("x", shape)
    return builder.output(builder.op("RESHAPE", x, attrs=Reshape((1, int(np.prod(shape))))))


def numbered(count: int, *shape: int, labels: bool = False) -> Batch:
    """Return samples that tell their number in every element."""
    samples = [[np.full(shape, number, np.float32)] for number in range(count)]
    return columns(DataSet(samples, np.arange(count) if labels else None))


@given(st.integers(1, 40), st.integers(1, 50), st.booleans())
def test_every_sample_comes_once_before_any_comes_again(count: int, size: int, labels: bool) -> None:
    batches = Batches.of(image_graph(1, 3), numbered(count, 1, 3, labels=labels), Tuning(batch=size))
    per_epoch = count // min(size, count)
    for epoch in range(2):
        drawn = [batches.draw(epoch * per_epoch + index) for index in range(per_epoch)]
        numbers = np.concatenate([batch.inputs[0][:, 0, 0] for batch in drawn])
        assert len(numbers) == len(set(numbers)) == per_epoch * min(size, count)
        if labels:
            assert np.array_equal(
                numbers, np.concatenate([batch.labels for batch in drawn if batch.labels is not None])
            )


def test_a_step_has_one_batch_whenever_it_is_drawn() -> None:
    graph, samples = image_graph(1, 9, 8, 2), random_samples(image_graph(1, 9, 8, 2), 20)
    first, second = (
        Batches.of(graph, columns(DataSet(samples, None)), Tuning(batch=4, flip=True)) for _ in range(2)
    )
    for _ in range(3):
        second.draw(5)
    other = Batches.of(graph, columns(DataSet(samples, None)), Tuning(batch=4, flip=True, seed=1))
    assert np.array_equal(first.draw(7).inputs[0], second.draw(7).inputs[0])
    assert not np.array_equal(first.draw(7).inputs[0], other.draw(7).inputs[0])


@pytest.mark.parametrize("flip", [False, True])
def test_images_are_shifted_by_up_to_two_pixels_and_mirrored_when_asked(flip: bool) -> None:
    graph = image_graph(1, 9, 8, 2)
    samples = random_samples(graph, 60)
    batch = Batches.of(graph, columns(DataSet(samples, np.arange(60))), Tuning(batch=60, flip=flip)).draw(0)
    assert batch.labels is not None
    found = [
        change_of(image[0], samples[label][0][0])
        for image, label in zip(batch.inputs[0], batch.labels, strict=True)
    ]
    assert {mirrored for _, _, mirrored in found} == ({False, True} if flip else {False})
    assert {down for down, _, _ in found} == {right for _, right, _ in found} == {-2, -1, 0, 1, 2}


def change_of(image: Array, original: Array) -> tuple[int, int, bool]:
    """Return down, right and mirrored: the one change that makes an image of the original."""
    padded = np.pad(original, ((2, 2), (2, 2), (0, 0)), mode="edge")
    height, width, _ = original.shape
    (change,) = [
        (down, right, mirrored)
        for down in range(-2, 3)
        for right in range(-2, 3)
        for mirrored in (False, True)
        if np.array_equal(
            padded[2 + down : 2 + down + height, 2 + right : 2 + right + width][:, :: -1 if mirrored else 1], image
        )
    ]
    return change


@pytest.mark.parametrize("shape", [(1, 7, 20, 3), (1, 1, 64, 64), (20, 20, 1), (2, 9, 9, 3), (1, 40)])
def test_what_is_no_image_stays(shape: tuple[int, ...]) -> None:
    graph = image_graph(*shape)
    samples = random_samples(graph, 6)
    for step in range(4):
        batch = Batches.of(graph, columns(DataSet(samples, None)), Tuning(batch=6, flip=True)).draw(step)
        assert {array.tobytes() for array in batch.inputs[0]} == {row[0].tobytes() for row in samples}


def test_half_of_the_batches_without_labels_are_mixed() -> None:
    graph = image_graph(1, 8, 8, 1)
    plain = Batches.of(graph, numbered(64, 1, 8, 8, 1), Tuning(batch=16))
    labelled = Batches.of(graph, numbered(64, 1, 8, 8, 1, labels=True), Tuning(batch=16))
    mixed = [not is_whole(plain.draw(step)) for step in range(60)]
    assert 15 < sum(mixed) < 45
    assert all(is_whole(labelled.draw(step)) for step in range(20))
    values = plain.draw(mixed.index(True)).inputs[0]
    assert np.ptp(values.reshape(16, -1), axis=1).max() < 1e-4  # a mixture of two constant images is one
    assert 0 <= values.min() < values.max() <= 63


def is_whole(batch: Batch) -> bool:
    return bool((batch.inputs[0] == np.round(batch.inputs[0])).all())


@given(st.integers(1, 70), st.integers(1, 90))
def test_parts_make_up_the_batch(count: int, most: int) -> None:
    batch = numbered(count, 2, labels=True)
    parts = batch.parts(most)
    sizes = [len(part) for part in parts]
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1
    assert np.array_equal(np.concatenate([part.inputs[0] for part in parts]), batch.inputs[0])
    assert all(part.labels is not None and np.array_equal(part.labels, part.inputs[0][:, 0]) for part in parts)


def test_a_step_is_one_of_adam() -> None:
    generator = torch.Generator().manual_seed(0)
    start, rates = torch.randn(20, generator=generator), torch.rand(20, generator=generator) * 0.1
    state = State.begin(start.numpy(), 0.0, "cpu")
    groups = [start[index : index + 1].clone().requires_grad_() for index in range(20)]
    adam = torch.optim.Adam(
        [{"params": [item], "lr": float(rate)} for item, rate in zip(groups, rates, strict=True)], betas=(0.9, 0.99)
    )
    for _ in range(10):
        gradient = torch.randn(20, generator=generator)
        for item, number in zip(groups, gradient, strict=True):
            item.grad = number[None].clone()
        adam.step()
        state.update(gradient, rates, torch.full((20,), -np.inf), 1.0)
    assert torch.allclose(state.values, torch.cat(groups).detach(), atol=1e-6)
    assert state.step == 10


def test_no_number_falls_below_its_least_value() -> None:
    state = State.begin(np.ones(2, np.float32), 0.0, "cpu")
    for _ in range(50):
        state.update(torch.ones(2), torch.ones(2), torch.tensor([0.25, -np.inf]), 1.0)
    assert float(state.values[0]) == 0.25
    assert float(state.values[1]) < -10
    assert float(state.average[0]) >= 0.25


def test_factors_on_scales_stay_positive_and_nothing_else_is_bounded() -> None:
    start = {Key("scale", 1, "w"): np.ones(2, np.float32), Key("own", 1, "b"): np.zeros(3, np.float32)}
    lows = Parameters(start, dict.fromkeys(start, 1.0)).floor_vector()
    assert (lows[:2] > 0).all()
    assert (lows[2:] == -np.inf).all()


def test_the_average_forgets_the_start_soon_and_then_the_last_hundred_steps_count() -> None:
    state = State.begin(np.zeros(1, np.float32), 0.0, "cpu")
    state.values += 1
    still, shares = torch.zeros(1), []
    for _ in range(1000):
        state.update(still, still, torch.full((1,), -np.inf), 1.0)
        shares.append(1 - float(state.average))
    assert shares[30] < 0.01
    state.values += 1
    state.update(still, still, torch.full((1,), -np.inf), 1.0)
    assert float(state.average) == pytest.approx(1.01, abs=1e-4)


def test_the_best_average_is_kept() -> None:
    state = State.begin(np.zeros(1, np.float32), 5.0, "cpu")
    for step, (loss, allowed) in enumerate(
        [(6.0, True), (4.0, False), (4.5, True), (4.6, True), (float("nan"), True)]
    ):
        state.average.fill_(step)
        state.step = step
        state.judge(loss, allowed)
    assert (state.loss, state.best_step, state.waited, float(state.best)) == (4.5, 2, 2, 2.0)


def test_a_state_survives_as_bytes() -> None:
    state = State.begin(np.arange(4, dtype=np.float32), 2.5, "cpu")
    state.update(torch.ones(4), torch.ones(4), torch.full((4,), -np.inf), 0.5)
    again = State.load(state.dump(), state)
    assert again is not None
    assert torch.equal(again.values, state.values)
    assert (again.step, again.loss) == (1, 2.5)
    assert State.load(state.dump(), State.begin(np.zeros(5, np.float32), 0.0, "cpu")) is None
    assert State.load(None, state) is None


@given(st.integers(1, 3000))
def test_the_learning_rate_rises_and_falls_to_zero(steps: int) -> None:
    shares = [learning_share(step, steps) for step in range(steps)]
    assert all(0 < share <= 1 for share in shares)
    for step in range(30, steps):
        assert shares[step] == pytest.approx((1 + cos(pi * step / steps)) / 2)
    assert shares[0] <= 1 / 30
