from __future__ import annotations

import numpy as np
import pytest

from redsc.ir import Array
from redsc.passes.recover.least_squares import (
    best_scale,
    matching_scale,
    moments,
    solve_grouped,
    solve_shared,
)

RANDOM = np.random.default_rng(5)


def regression(matrix: Array, x: Array, bias: float = 0.7) -> Array:
    found: Array = x @ matrix.T + bias
    return found


def test_one_level_alone_is_ordinary_least_squares() -> None:
    x = RANDOM.standard_normal((400, 6)) @ RANDOM.standard_normal((6, 6)) + 2
    y = RANDOM.standard_normal((400, 3))
    found = solve_shared([(1.0, np.arange(3), np.arange(6), moments(x, y))], np.zeros((3, 6)), 0.0)
    expected = np.linalg.lstsq(np.column_stack([x, np.ones(400)]), y, rcond=None)[0]
    assert np.allclose(found, expected[:-1].T, atol=1e-8)
    assert np.allclose(moments(x, y).bias(found), expected[-1], atol=1e-8)


def test_a_large_ridge_stays_at_the_start() -> None:
    x, y = RANDOM.standard_normal((50, 4)), RANDOM.standard_normal((50, 2))
    start = RANDOM.standard_normal((2, 4))
    found = solve_shared([(1.0, np.arange(2), np.arange(4), moments(x, y))], start, 1e9)
    assert np.allclose(found, start, atol=1e-6)


def test_rows_that_no_level_keeps_stay() -> None:
    x, y = RANDOM.standard_normal((50, 2)), RANDOM.standard_normal((50, 1))
    start = RANDOM.standard_normal((3, 4))
    found = solve_shared([(1.0, np.arange(1), np.arange(2), moments(x, y))], start, 1e-3)
    assert np.array_equal(found[1:], start[1:])
    assert np.allclose(found[0, 2:], start[0, 2:])  # nor do columns that it does not read
    assert not np.allclose(found[0, :2], start[0, :2])


def test_nested_levels_minimise_the_weighted_sum_of_their_errors() -> None:
    wide, narrow = RANDOM.standard_normal((300, 5)), RANDOM.standard_normal((300, 3))
    target, part = RANDOM.standard_normal((300, 4)), RANDOM.standard_normal((300, 2))
    parts = [
        (10.0, np.arange(4), np.arange(5), moments(wide, target)),
        (1.0, np.arange(2), np.arange(3), moments(narrow, part)),
    ]
    found = solve_shared(parts, np.zeros((4, 5)), 0.0)

    def cost(matrix: Array) -> float:
        first = 10 * parts[0][3].error(matrix).sum()
        return float(first + parts[1][3].error(matrix[:2, :3]).sum())

    nudges = (found + 1e-3 * RANDOM.standard_normal(found.shape) for _ in range(20))
    assert all(cost(found) < cost(nudge) for nudge in nudges)


def test_errors_are_those_of_the_residuals() -> None:
    x, y = RANDOM.standard_normal((200, 4)) + 1, RANDOM.standard_normal((200, 3)) - 2
    matrix = RANDOM.standard_normal((3, 4))
    found = moments(x, y)
    residual = y - regression(matrix, x, 0) - found.bias(matrix)
    assert np.allclose(found.error(matrix), np.square(residual).mean(axis=0))


def test_depthwise_layers_are_solved_channel_by_channel() -> None:
    x = RANDOM.standard_normal((300, 3, 4)) + 1
    weights = RANDOM.standard_normal((3, 4))
    y = np.einsum("nok,ok->no", x, weights) - 0.5
    found = solve_grouped([(1.0, np.arange(3), np.arange(4), moments(x, y))], np.zeros((3, 4)), 0.0)
    assert np.allclose(found, weights, atol=1e-9)
    assert np.allclose(moments(x, y).bias(found), -0.5, atol=1e-9)
    assert moments(x, y).error(found).max() < 1e-12


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_scales_find_a_factor(factor: float) -> None:
    x = RANDOM.standard_normal((100, 4))
    matrix = RANDOM.standard_normal((3, 4))
    found = moments(x, regression(factor * matrix, x))
    assert np.allclose(best_scale(found, matrix), factor)
    assert np.allclose(matching_scale(found, matrix), factor)


def test_scales_are_bounded() -> None:
    x = RANDOM.standard_normal((100, 4))
    matrix = RANDOM.standard_normal((3, 4))
    assert np.allclose(best_scale(moments(x, regression(99 * matrix, x)), matrix), 5.0)
    assert np.allclose(matching_scale(moments(x, regression(0 * matrix, x)), matrix), 0.2)


@pytest.mark.parametrize("shape", [(4,), (3, 4)])
def test_moments_of_two_parts_are_those_of_all_rows(shape: tuple[int, ...]) -> None:
    x, y = RANDOM.standard_normal((90, *shape)) + 1, RANDOM.standard_normal((90, 3)) - 2
    joined, whole = moments(x[:20], y[:20]).joined(moments(x[20:], y[20:])), moments(x, y)
    for name in ("count", "x_mean", "y_mean", "xx", "xy", "yy"):
        assert np.allclose(getattr(joined, name), getattr(whole, name))
