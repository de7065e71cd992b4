"""Observe the ranges of a float network's activations on data: the first half of calibration."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from redsc.choices import Calibration
from redsc.formats import tensor_numbers, write_tflite
from redsc.ir import Array, DType, Graph
from redsc.runtime.data.dataset import check_finite

__all__ = ["Range", "float_activations", "observe_ranges"]

_BINS = 2048  # TensorRT's number (Migacz, GTC 2017); onnxruntime and PyTorch use the same
_PERCENTILE = 99.99  # of all values are inside, as onnxruntime's and TensorRT's percentile calibrators
_TWO_SIDED_STEPS, _ONE_SIDED_STEPS = 128, 256  # the int8 steps on one side of zero
_TRIES = 128  # thresholds that entropy compares

Samples = Sequence[Sequence[Array]]


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the greatest number that a tensor shall hold."""

    low: float
    high: float

    @property
    def reach(self) -> float:
        """The greatest magnitude."""
        return max(abs(self.low), abs(self.high))

    def union(self, other: Range) -> Range:
        """Return the least range around both."""
        return Range(min(self.low, other.low), max(self.high, other.high))

    @staticmethod
    def of(data: Array) -> Range:
        """Return the range of an array."""
        return Range(float(data.min()), float(data.max()))


def observe_ranges(graph: Graph, samples: Samples, method: Calibration = Calibration.MINMAX) -> dict[str, Range]:
    """Return the range of every float activation, by its name, over all samples.

    1. `MINMAX` takes the extremes.
    2. `PERCENTILE` leaves out 0.01 % of the values, half of them at each end.
    3. `ENTROPY` takes the threshold whose int8 histogram has the least Kullback-Leibler divergence from the
       observed one (Migacz, "8-bit inference with TensorRT", GTC 2017).

    Raises:
        UsageError: an activation becomes infinite or NaN on the data.
        ExecutorError: LiteRT refuses the network.
    """
    extremes: dict[str, Range] = {}
    for arrays in float_activations(graph, samples):
        for name, array in arrays.items():
            found = Range.of(array)
            check_finite(name, np.array((found.low, found.high)))
            extremes[name] = extremes[name].union(found) if name in extremes else found
    if method is Calibration.MINMAX:
        return extremes
    histograms = _histograms(graph, samples, extremes)
    return {name: _METHODS[method](histograms[name], found) for name, found in extremes.items()}


def float_activations(
    graph: Graph, samples: Samples, names: Collection[str] | None = None
) -> Iterator[Mapping[str, Array]]:
    """Yield float activations of every sample, all or those of `names`; variables keep their state meanwhile."""
    from redsc.runtime.litert import trace

    numbers = tensor_numbers(graph)
    wanted = [value.name for value in graph.activations() if value.type.dtype is DType.FLOAT32]
    if names is not None:
        wanted = [name for name in wanted if name in names]
    for arrays in trace(write_tflite(graph), samples, [numbers[name] for name in wanted], optimized=True):
        yield dict(zip(wanted, arrays, strict=True))


def _histograms(graph: Graph, samples: Samples, extremes: Mapping[str, Range]) -> dict[str, Array]:
    """Return counts by name, in equal bins from minus to plus the greatest magnitude."""
    counts = {name: np.zeros(2 * _BINS, np.int64) for name in extremes}
    for arrays in float_activations(graph, samples):
        for name, array in arrays.items():
            reach = extremes[name].reach or 1.0
            bins = ((array.reshape(-1) / reach + 1) * _BINS).astype(np.int64)
            counts[name] += np.bincount(np.minimum(bins, 2 * _BINS - 1), minlength=2 * _BINS)
    return counts


def _percentile(counts: Array, found: Range) -> Range:
    share = np.cumsum(counts) / counts.sum()
    outside = (1 - _PERCENTILE / 100) / 2
    edges = np.linspace(-found.reach, found.reach, 2 * _BINS + 1)
    low = float(edges[np.searchsorted(share, outside, side="right")])
    high = float(edges[np.searchsorted(share, 1 - outside) + 1])
    return Range(max(low, found.low), min(high, found.high))


def _entropy(counts: Array, found: Range) -> Range:
    steps = _ONE_SIDED_STEPS if found.low >= 0 or found.high <= 0 else _TWO_SIDED_STEPS
    folded = (counts[_BINS:] + counts[_BINS - 1 :: -1]).astype(np.float64)
    folded[0] = folded[1]  # exact zeros, as ReLU makes them, cost nothing (NVIDIA pytorch-quantization does so)
    tries = np.unique(np.linspace(steps, _BINS, _TRIES).astype(int))
    best = min(tries, key=lambda bins: _divergence(folded, int(bins), steps))
    threshold = found.reach * int(best) / _BINS
    return Range(max(found.low, -threshold), min(found.high, threshold))


def _divergence(counts: Array, bins: int, steps: int) -> float:
    """Return KL(P || Q): P the first bins with all outliers in the last, Q the same bins in `steps` levels."""
    inside = counts[:bins]
    wanted = inside.copy()
    wanted[-1] += counts[bins:].sum()
    level = np.arange(bins) * steps // bins
    filled = inside > 0
    mass = np.bincount(level, inside, steps)
    members = np.maximum(np.bincount(level, filled, steps), 1)
    quantised = np.where(filled, (mass / members)[level], 0.0)
    if not quantised.sum():
        return float("inf")
    p, q = wanted / wanted.sum(), quantised / quantised.sum()
    both = (p > 0) & (q > 0)
    lost = p[(p > 0) & (q == 0)].sum()  # mass where Q has none: the divergence is infinite there, we charge 1 nat
    return float((p[both] * np.log(p[both] / q[both])).sum() + lost)


_METHODS: Mapping[Calibration, Callable[[Array, Range], Range]] = {
    Calibration.PERCENTILE: _percentile,
    Calibration.ENTROPY: _entropy,
}
