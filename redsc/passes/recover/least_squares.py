"""The closed forms of recovery: means, scales, and ridge regression towards the weights that are there.

All statistics are centred: what a mean can repair is the bias's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from redsc.ir import Array

__all__ = ["Moments", "best_scale", "matching_scale", "moments", "solve_grouped", "solve_shared"]

_LEAST, _MOST = 0.2, 5.0  # a factor beyond these repairs noise (research: REPAIR, Jordan et al., ICLR 2023)
_TINY = 1e-12  # instead of a division by zero
_CHUNK = 8192  # rows whose centred copy is in memory at once


@dataclass(frozen=True, slots=True)
class Moments:
    """Centred second moments of what a layer reads, x (K) or (O, K), and what it should give, y (O).

    `xx` is (K, K) or (O, K, K), `xy` is (K, O) or (O, K), `yy` is (O), each divided by the number of rows, `count`.
    """

    count: int
    x_mean: Array
    y_mean: Array
    xx: Array
    xy: Array
    yy: Array

    @property
    def is_grouped(self) -> bool:
        """Whether every output reads numbers of its own."""
        return self.xx.ndim == 3

    def error(self, matrix: Array) -> Array:
        """Return the mean squared error per output (O) of a weight matrix (O, K), its best bias taken."""
        result: Array = np.maximum(self.yy - 2 * self.covariance(matrix) + self.variance(matrix), 0)
        return result

    def covariance(self, matrix: Array) -> Array:
        """Return the covariance (O) of the outputs of a weight matrix (O, K) with what they should be."""
        result: Array = np.einsum("ok,ok->o" if self.is_grouped else "ok,ko->o", matrix, self.xy)
        return result

    def variance(self, matrix: Array) -> Array:
        """Return the variance (O) of the outputs of a weight matrix (O, K)."""
        if self.is_grouped:
            result: Array = np.einsum("ok,okj,oj->o", matrix, self.xx, matrix)
        else:
            result = np.einsum("ok,ok->o", matrix @ self.xx, matrix)
        return result

    def joined(self, other: Moments) -> Moments:
        """Return the moments of both sets of rows (Chan, Golub and LeVeque, "Updating formulae", 1979)."""
        mine, its = self.count / (self.count + other.count), other.count / (self.count + other.count)
        x, y = other.x_mean - self.x_mean, other.y_mean - self.y_mean
        apart = x[:, :, None] * x[:, None, :] if self.is_grouped else np.outer(x, x)
        across = x * y[:, None] if self.is_grouped else np.outer(x, y)
        return Moments(
            self.count + other.count,
            mine * self.x_mean + its * other.x_mean,
            mine * self.y_mean + its * other.y_mean,
            mine * self.xx + its * other.xx + mine * its * apart,
            mine * self.xy + its * other.xy + mine * its * across,
            mine * self.yy + its * other.yy + mine * its * y * y,
        )

    def bias(self, matrix: Array) -> Array:
        """Return the bias (O) with which the mean error is zero."""
        read = np.einsum("ok,ok->o", matrix, self.x_mean) if self.is_grouped else matrix @ self.x_mean
        result: Array = self.y_mean - read
        return result


def moments(x: Array, y: Array) -> Moments:
    """Return the moments of rows x (N, K) or (N, O, K) and y (N, O)."""
    x_mean, y_mean = x.mean(axis=0, dtype=np.float64), y.mean(axis=0, dtype=np.float64)
    grouped = x.ndim == 3
    xx = np.zeros((*x.shape[1:], x.shape[-1]) if grouped else (x.shape[1], x.shape[1]))
    xy = np.zeros(x.shape[1:] if grouped else (x.shape[1], y.shape[1]))
    yy = np.zeros(y.shape[1])
    for start in range(0, len(x), _CHUNK):
        a = x[start : start + _CHUNK] - x_mean
        b = y[start : start + _CHUNK] - y_mean
        xx += np.einsum("nok,noj->okj", a, a, optimize=True) if grouped else a.T @ a
        xy += np.einsum("nok,no->ok", a, b, optimize=True) if grouped else a.T @ b
        yy += np.square(b).sum(axis=0)
    return Moments(len(x), x_mean, y_mean, xx / len(x), xy / len(x), yy / len(x))


def matching_scale(found: Moments, matrix: Array) -> Array:
    """Return the factors (O) that give the outputs the spread they should have (REPAIR, arXiv 2211.08403)."""
    result: Array = np.clip(np.sqrt(found.yy / (found.variance(matrix) + _TINY)), _LEAST, _MOST)
    return result


def best_scale(found: Moments, matrix: Array) -> Array:
    """Return the factors (O) of least squared error: cov / var."""
    result: Array = np.clip(found.covariance(matrix) / (found.variance(matrix) + _TINY), _LEAST, _MOST)
    return result


def solve_shared(parts: Sequence[tuple[float, Array, Array, Moments]], start: Array, ridge: float) -> Array:
    """Return the weight matrix (O, K) that serves several levels at once.

    Row i minimises sum_l alpha_l |x_l w_i - y_l,i|^2 + lambda |w_i - start_i|^2 over the levels l that keep row i,
    where level l reads the columns that it keeps; lambda = ridge * mean diagonal. Rows that the same levels keep
    share one factorisation. A row that no level keeps stays.

    Args:
        parts: per level its weight alpha, the rows and the columns that it keeps, and its moments.
        start: the matrix to stay near.
        ridge: how near, relative to the energy of what is read.
    """
    rows, depth = start.shape
    members = np.zeros((rows, len(parts)), bool)
    for index, (_, kept, _, _) in enumerate(parts):
        members[kept, index] = True
    result = start.astype(np.float64)
    for pattern in np.unique(members, axis=0):
        if not pattern.any():
            continue
        chosen = np.flatnonzero((members == pattern).all(axis=1))
        xx, xy = np.zeros((depth, depth)), np.zeros((depth, len(chosen)))
        for (alpha, kept, columns, found), is_in in zip(parts, pattern, strict=True):
            if is_in:
                xx[np.ix_(columns, columns)] += alpha * found.xx
                xy[columns] += alpha * found.xy[:, np.searchsorted(kept, chosen)]
        stay = ridge * np.trace(xx) / depth + _TINY
        result[chosen] = np.linalg.solve(xx + stay * np.eye(depth), xy + stay * start[chosen].T).T
    return result


def solve_grouped(parts: Sequence[tuple[float, Array, Array, Moments]], start: Array, ridge: float) -> Array:
    """Return the weights (O, K) of a depthwise layer that serves several levels; see `solve_shared`."""
    xx, xy = np.zeros((*start.shape, start.shape[1])), np.zeros(start.shape)
    for alpha, kept, _, found in parts:
        xx[kept] += alpha * found.xx
        xy[kept] += alpha * found.xy
    stay = ridge * np.trace(xx, axis1=1, axis2=2) / start.shape[1] + _TINY
    eye = np.eye(start.shape[1])
    right = xy + stay[:, None] * start
    result: Array = np.linalg.solve(xx + stay[:, None, None] * eye, right[:, :, None])[:, :, 0]
    return result
