"""Repair one layer in all levels at once, from what the levels before it made of the samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from redsc.ir import Array
from redsc.passes.recover.layers import Layer
from redsc.passes.recover.least_squares import (
    Moments,
    best_scale,
    matching_scale,
    solve_grouped,
    solve_shared,
)

__all__ = ["KeptLayer", "Repair", "repair_layer"]

_RIDGES = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)  # relative to the energy of what is read
_TINY = 1e-30  # instead of a division by zero
_PRICE = 0.1  # of a layer's variance that a private copy as large as the whole network would have to explain


@dataclass(frozen=True, slots=True)
class KeptLayer:
    """What one level keeps of a layer, and the moments of its input and target.

    `fit` and `held` are those on the two parts of the samples; the answer is solved from `final`: `fit`, or all
    samples. `alpha` is the level's weight in the shared solution; one that `is_whole` has no factors and no private
    weights.
    """

    slot: int
    alpha: float
    is_whole: bool
    rows: Array
    columns: Array
    fit: Moments
    held: Moments
    final: Moments

    def cut(self, matrix: Array, is_grouped: bool) -> Array:
        """Return the level's part of the whole network's matrix."""
        return matrix[self.rows] if is_grouped else matrix[np.ix_(self.rows, self.columns)]


@dataclass(frozen=True, slots=True)
class Repair:
    """The new matrix of a layer, whole (`None`: as it was), and per slot bias, scale and private matrix."""

    matrix: Array | None
    biases: Mapping[int, Array]
    scales: Mapping[int, Array]
    private: Mapping[int, Array]


def repair_layer(
    layer: Layer,
    start: Array,
    levels: Sequence[KeptLayer],
    *,
    is_shared: bool,
    is_scaled: bool,
    private_bytes: int | None,
) -> Repair:
    """Return how a layer serves its levels best.

    1. Where `private_bytes` (the bytes of the whole network's weights) is given, a level gets weights of its own if
       they explain enough more of its target's variance, on held-back samples, for the bytes that they take.
    2. With `is_shared` the others get the common solution of nested least squares; else the matrix stays.
    3. With `is_scaled` those have a factor per output: of least squares if the matrix was solved, else that which
       restores the spread.
    4. Every level gets the bias with which its mean error is zero.
    """
    private: dict[int, Array] = {}
    if private_bytes is not None:
        for level in levels:
            if not level.is_whole and (own := _private(layer, start, level, is_scaled, private_bytes)) is not None:
                private[level.slot] = own
    sharing = [level for level in levels if level.slot not in private]
    solved = _shared(layer, start, sharing) if is_shared and sharing else None
    matrix = start if solved is None else solved
    biases: dict[int, Array] = {}
    scales: dict[int, Array] = {}
    for level in levels:
        own = private.get(level.slot, level.cut(matrix, layer.is_grouped))
        if is_scaled and not level.is_whole and level.slot not in private:
            factors = matching_scale(level.final, own) if solved is None else best_scale(level.final, own)
            scales[level.slot] = factors
            own = own * factors[:, None]
        biases[level.slot] = level.final.bias(own)
    return Repair(solved, biases, scales, private)


def _private(layer: Layer, start: Array, level: KeptLayer, is_scaled: bool, whole: int) -> Array | None:
    """Return a level's own matrix where it is worth its bytes."""
    shared = level.cut(start, layer.is_grouped)
    alone = replace(level, alpha=1.0, rows=np.arange(len(level.rows)), columns=np.arange(len(level.columns)))
    ridge, own = _best(layer, shared, [alone])
    scaled = shared * best_scale(level.fit, shared)[:, None] if is_scaled else shared
    gain = float((level.held.error(scaled) - level.held.error(own)).sum()) / max(float(level.held.yy.sum()), _TINY)
    return _solve(layer, shared, [alone], ridge, is_final=True) if gain > _PRICE * own.size / whole else None


def _shared(layer: Layer, start: Array, levels: Sequence[KeptLayer]) -> Array | None:
    """Return the common matrix, or None where the one that is there does better on held-back samples."""
    ridge, found = _best(layer, start, levels)
    if _held_error(layer, found, levels) >= _held_error(layer, start, levels):
        return None
    return _solve(layer, start, levels, ridge, is_final=True)


def _best(layer: Layer, start: Array, levels: Sequence[KeptLayer]) -> tuple[float, Array]:
    """Return the ridge whose solution does best on held-back samples, and that solution."""
    tries = ((ridge, _solve(layer, start, levels, ridge, is_final=False)) for ridge in _RIDGES)
    return min(tries, key=lambda found: _held_error(layer, found[1], levels))


def _solve(layer: Layer, start: Array, levels: Sequence[KeptLayer], ridge: float, *, is_final: bool) -> Array:
    solve = solve_grouped if layer.is_grouped else solve_shared
    parts = [(level.alpha, level.rows, level.columns, level.final if is_final else level.fit) for level in levels]
    return solve(parts, start, ridge)


def _held_error(layer: Layer, matrix: Array, levels: Sequence[KeptLayer]) -> float:
    return sum(level.alpha * float(level.held.error(level.cut(matrix, layer.is_grouped)).sum()) for level in levels)
