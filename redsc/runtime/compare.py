"""Inputs to try, and the comparison of what two networks answer."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, log10

import numpy as np

from redsc.ir import Array, DType, Graph, TensorType

__all__ = ["FLOAT_TOLERANCE", "decibels", "difference", "random_samples", "signal_to_noise_db"]

FLOAT_TOLERANCE = 1e-5


def random_samples(graph: Graph, count: int, seed: int = 0) -> list[list[Array]]:
    """Return inputs over the whole range of integers, or standard normal floats."""
    generator = np.random.default_rng(seed)
    return [[_random(value.type, generator) for value in graph.inputs] for _ in range(count)]


def difference(
    expected: Sequence[Sequence[Array]],
    found: Sequence[Sequence[Array]],
    tolerance: float = 0.0,
    floor: float = 0.0,
) -> str | None:
    """Return how outputs differ, or None where they agree.

    Integers must be equal. Floats may differ by `tolerance` times the largest magnitude of the expected output, or
    by `floor` if that is more.
    """
    if [len(row) for row in expected] != [len(row) for row in found]:
        return "the number of outputs differs"
    for sample, (wanted_row, found_row) in enumerate(zip(expected, found, strict=True)):
        for index, (wanted, got) in enumerate(zip(wanted_row, found_row, strict=True)):
            problem = _array_difference(wanted, got, tolerance, floor)
            if problem:
                return f"sample {sample}, output {index}: {problem}"
    return None


def signal_to_noise_db(expected: Sequence[Sequence[Array]], found: Sequence[Sequence[Array]]) -> float:
    """Return 10 log10(sum e^2 / sum (e - f)^2) over all samples and outputs; infinity where all is equal."""
    pairs = [(a, b) for row, other in zip(expected, found, strict=True) for a, b in zip(row, other, strict=True)]
    signal = sum(float(np.square(wanted, dtype=np.float64).sum()) for wanted, _ in pairs)
    noise = sum(float(np.square(wanted.astype(np.float64) - got).sum()) for wanted, got in pairs)
    return decibels(signal, noise)


def decibels(signal: float, noise: float) -> float:
    """Return the ratio of two energies in dB."""
    if noise == 0:
        return inf
    return 10 * log10(signal / noise) if signal > 0 else -inf


def _random(kind: TensorType, generator: np.random.Generator) -> Array:
    if kind.dtype is DType.FLOAT32:
        return generator.standard_normal(kind.shape, np.float32)
    limits = np.iinfo(kind.dtype.numpy)
    return generator.integers(limits.min, limits.max, kind.shape, kind.dtype.numpy, endpoint=True)


def _array_difference(wanted: Array, got: Array, tolerance: float, floor: float) -> str | None:
    if wanted.shape != got.shape or wanted.dtype != got.dtype:
        return f"{wanted.dtype}{list(wanted.shape)} became {got.dtype}{list(got.shape)}"
    apart = np.abs(wanted.astype(np.float64) - got.astype(np.float64))
    is_float = np.issubdtype(wanted.dtype, np.floating)
    allowed = max(tolerance * np.abs(wanted).max(initial=0), floor) if is_float else 0.0
    if not (apart <= allowed).all():  # also true for NaN
        return f"{int((~(apart <= allowed)).sum())} of {apart.size} elements differ, by up to {apart.max():g}"
    return None
