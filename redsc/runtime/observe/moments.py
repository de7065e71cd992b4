"""Observe the means and covariances of activations on data: what importance and closed-form repairs need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

import numpy as np

from redsc.formats import write_tflite
from redsc.ir import Array, Graph
from redsc.runtime.data.dataset import check_finite
from redsc.runtime.ports import quantize_samples, to_real

__all__ = ["Moments", "observe_moments"]

_MOST_CHANNELS = 4096  # their covariance takes 128 MiB
_BATCH = 32  # samples: few large products, as each one waits for all threads


@dataclass(frozen=True, slots=True)
class Moments:
    """First and second moments of rows of L = P * C numbers: P positions of C channels.

    `mean` (L,) and `variance` (L,) are of every element; `gram` (C, C) is the covariance of the channels about the
    mean of their own position, averaged over the positions. All are divided by `count`, the number of rows; where
    P = 1, the diagonal of `gram` is `variance`. Beyond 4096 channels there is no `gram`.
    """

    mean: Array
    variance: Array
    gram: Array | None
    count: int

    def folded(self, length: int) -> Moments:
        """Return the moments of the same numbers as rows of `length`, which divides L and is a multiple of C.

        Law of total covariance: that inside the new rows' positions plus that of the old positions' means.
        """
        means = self.mean.reshape(-1, length)
        mean = means.mean(axis=0)
        apart = means - mean
        variance = self.variance.reshape(means.shape).mean(axis=0) + np.square(apart).mean(axis=0)
        gram = self.gram
        if gram is not None:
            flat = apart.reshape(-1, len(gram))
            gram = gram + flat.T @ flat / len(flat)
        return Moments(mean, variance, gram, self.count * len(means))


@dataclass(slots=True)
class _Sums:
    """Running means and sums of squares about them, which a batch joins without cancellation.

    Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
    """

    mean: Array  # (P, C)
    squares: Array  # (P, C)
    products: Array | None  # (C, C), over all positions
    count: int = 0

    @staticmethod
    def of(length: int, channels: int) -> _Sums:
        shape = (length // channels, channels)
        products = np.zeros((channels, channels)) if channels <= _MOST_CHANNELS else None
        return _Sums(np.zeros(shape), np.zeros(shape), products)

    def add(self, rows: Array) -> None:
        """Join a batch of rows (N, P, C)."""
        mean = rows.mean(axis=0)
        inside = rows - mean
        apart = mean - self.mean
        total = self.count + len(rows)
        weight = self.count * len(rows) / total
        if self.products is not None:
            flat = np.concatenate([inside, np.sqrt(weight) * apart[None]]).reshape(-1, rows.shape[-1])
            self.products += flat.T @ flat
        self.squares += np.square(inside).sum(axis=0) + weight * np.square(apart)
        self.mean += apart * (len(rows) / total)
        self.count = total

    def moments(self) -> Moments:
        """Return what was found so far."""
        gram = None if self.products is None else self.products / (self.count * len(self.mean))
        return Moments(self.mean.reshape(-1), self.squares.reshape(-1) / self.count, gram, self.count)


def observe_moments(
    graph: Graph,
    samples: Sequence[Sequence[Array]],
    lengths: Mapping[str, int],
    channels: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, Moments]:
    """Return the moments of activations over all samples and positions, in float64.

    Args:
        graph: a float network; the integers of an int8 one count as the real numbers that they stand for.
        samples: inputs in the graph's layout, at least one.
        lengths: by the name of each activation the length of its rows: its last axis, or what a dense layer that
            flattens it reads at once, a multiple of that.
        channels: by name how many numbers side by side are channels, where these are not the last axis.

    Raises:
        UsageError: an activation becomes infinite or NaN on the data.
        ExecutorError: LiteRT refuses the network.
    """
    from redsc.runtime.litert import trace

    numbers = {value.name: index for index, value in enumerate(graph.values()) if value.name in lengths}
    kinds = {value.name: value.type for value in graph.values() if value.name in lengths}
    sums = {name: _Sums.of(lengths[name], channels.get(name, kinds[name].shape[-1])) for name in numbers}
    traced = trace(write_tflite(graph), quantize_samples(graph, samples), list(numbers.values()), optimized=True)
    while batch := list(islice(traced, _BATCH)):
        for name, arrays in zip(numbers, zip(*batch, strict=True), strict=True):
            rows = to_real(np.stack(arrays), kinds[name]).astype(np.float64)
            check_finite(name, rows)
            sums[name].add(rows.reshape(-1, *sums[name].mean.shape))
    return {name: found.moments() for name, found in sums.items()}
