from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.targets.grid import Channels, Grid

RECTANGLE = Grid({(a, b): 100 * a + 10 * b + a * b for a in (4, 8, 20) for b in (4, 16)})
LINE = Grid({(c, c): c * c for c in (4, 8, 16)})


@pytest.mark.parametrize("channels", list(RECTANGLE.points))
def test_what_was_measured_is_given_as_it_is(channels: Channels) -> None:
    assert RECTANGLE.at(channels) == RECTANGLE.points[channels]


@given(st.integers(4, 20), st.integers(4, 16))
def test_between_points_it_is_linear_along_each_axis(a: int, b: int) -> None:
    assert RECTANGLE.at((a, b)) == 100 * a + 10 * b + a * b


def test_where_both_channels_are_one_number_points_are_a_line() -> None:
    assert LINE.at((12, 12)) == (64 + 256) / 2
    assert LINE.at((6, 6)) == (16 + 64) / 2
    assert LINE.at((6, 8)) is None


@pytest.mark.parametrize("channels", [(3, 8), (21, 8), (8, 3), (8, 17), (1, 1)])
def test_outside_of_what_was_measured_nothing_is_known(channels: Channels) -> None:
    assert RECTANGLE.at(channels) is None


def test_around_a_missing_point_a_larger_rectangle_counts() -> None:
    points = {(a, b): a * b for a in (4, 8, 12) for b in (4, 8)}
    del points[8, 8]
    grid = Grid(points)
    assert grid.at((6, 6)) == 36
    assert grid.at((8, 8)) == 64
    assert grid.at((8, 4)) == 32


def test_grids_of_two_layers_do_not_disturb_each_other() -> None:
    fine = {(a, b): a * b for a in (4, 8) for b in (4, 8)}
    coarse = {(a, b): a * b + 1000 * (a == b == 6) for a in (2, 6, 10) for b in (2, 6, 10)}
    grid = Grid({**coarse, **fine})
    assert grid.at((5, 8)) == 40
    assert grid.at((10, 8)) == 80


def test_one_point_is_a_grid() -> None:
    grid = Grid({(3, 12): 7})
    assert grid.at((3, 12)) == 7
    assert grid.at((3, 11)) is None
