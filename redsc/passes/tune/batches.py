"""The samples of every step: drawn, shifted, mirrored and mixed from the seed and the step's number alone.

A run that is resumed sees the same batches as one that was never stopped, without any state of a generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from redsc.ir import Array, DType, Graph, Value
from redsc.options import Tuning
from redsc.runtime.data.dataset import DataSet

__all__ = ["Batch", "Batches", "columns"]

_LEAST_IMAGE = 8
_REACH = 2  # pixels each way
_ORDER, _CHANGE = 0, 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs (N, *shape) in the graph's order, and labels (N) where there are some."""

    inputs: list[Array]
    labels: Array | None

    def __len__(self) -> int:
        return len(self.inputs[0])

    def part(self, begin: int, end: int) -> Batch:
        """Return the samples from `begin` to before `end`."""
        labels = None if self.labels is None else self.labels[begin:end]
        return Batch([array[begin:end] for array in self.inputs], labels)

    def parts(self, most: int) -> list[Batch]:
        """Return the samples in nearly equal parts of at most so many."""
        pieces = -(-len(self) // most)
        ends = [len(self) * index // pieces for index in range(pieces + 1)]
        return [self.part(begin, end) for begin, end in pairwise(ends)]


def columns(data: DataSet) -> Batch:
    """Return all samples as one batch."""
    labels = None if data.labels is None else data.labels.astype(np.int64)
    return Batch([np.stack(column) for column in zip(*data.samples, strict=True)], labels)


@dataclass(frozen=True, slots=True)
class Batches:
    """An endless series of batches of `size` samples; every sample comes once before any comes again.

    Images, which are inputs [1, H, W, C] with at least 8 by 8 pixels, are shifted by up to two pixels each way,
    what comes in at a border repeats it; with `flip` half of them are mirrored. Without labels half of the batches
    mix their images in pairs (Zhang et al., "mixup", ICLR 2018, with a uniform share), where all inputs are images.
    """

    samples: Batch
    images: tuple[bool, ...]
    size: int
    seed: int
    flip: bool

    @staticmethod
    def of(graph: Graph, samples: Batch, tuning: Tuning) -> Batches:
        """Return the batches of samples for a graph."""
        images = tuple(_is_image(value) for value in graph.inputs)
        return Batches(samples, images, min(tuning.batch, len(samples)), tuning.seed, tuning.flip)

    def draw(self, step: int) -> Batch:
        """Return the batch of a step."""
        count = len(self.samples)
        epoch, index = divmod(step, count // self.size)
        order = np.random.default_rng((self.seed, _ORDER, epoch)).permutation(count)
        rows = order[index * self.size : (index + 1) * self.size]
        generator = np.random.default_rng((self.seed, _CHANGE, step))
        inputs = [
            _moved(array[rows], generator, self.flip) if is_image else array[rows]
            for array, is_image in zip(self.samples.inputs, self.images, strict=True)
        ]
        if self.samples.labels is not None:
            return Batch(inputs, self.samples.labels[rows])
        if all(self.images) and generator.random() < 0.5:
            inputs = _mixed(inputs, generator)
        return Batch(inputs, None)


def _is_image(value: Value) -> bool:
    shape = value.type.shape
    return (
        value.type.dtype is DType.FLOAT32 and len(shape) == 4 and shape[0] == 1 and min(shape[1:3]) >= _LEAST_IMAGE
    )


def _moved(images: Array, generator: np.random.Generator, flip: bool) -> Array:
    """Return images (N, 1, H, W, C), each shifted, some mirrored."""
    count, _, height, width, _ = images.shape
    shifts = generator.integers(-_REACH, _REACH + 1, (2, count, 1))
    rows, places = (
        np.clip(np.arange(n) + shift, 0, n - 1) for n, shift in zip((height, width), shifts, strict=True)
    )
    mirrored = generator.random((count, 1)) < 0.5 if flip else False
    places = np.where(mirrored, places[:, ::-1], places)
    found: Array = images[:, 0][np.arange(count)[:, None, None], rows[:, :, None], places[:, None, :]]
    return found[:, None]


def _mixed(inputs: Sequence[Array], generator: np.random.Generator) -> list[Array]:
    """Return every sample mixed with another one, by a share of its own."""
    count = len(inputs[0])
    partners, shares = generator.permutation(count), generator.random(count, np.float32)
    weights = [shares.reshape(-1, *(1,) * (array.ndim - 1)) for array in inputs]
    return [array * w + array[partners] * (1 - w) for array, w in zip(inputs, weights, strict=True)]
