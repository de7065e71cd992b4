from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.ir import Array, Graph, GraphBuilder, Reshape
from redsc.options import Tuning
from redsc.passes.tune.batches import Batch, Batches, columns
from redsc.runtime.compare import random_samples
from redsc.runtime.data.dataset import DataSet


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
