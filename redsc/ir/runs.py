"""Which columns of a stored weight make up another one, as runs.

A run is four numbers (start, length, count, stride): for every n < count the `length` columns from
start + n * stride on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from redsc.ir.graph import Array

__all__ = ["RUN_NUMBERS", "find_runs", "run_columns", "split_runs"]

RUN_NUMBERS = 4


def split_runs(runs: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
    """Yield start, length, count and stride of every run."""
    return zip(*(iter(runs),) * RUN_NUMBERS, strict=True)


def run_columns(runs: Sequence[int]) -> Array:
    """Return the columns that runs list, in order."""
    parts = [
        (start + stride * np.arange(count)[:, None] + np.arange(length)).reshape(-1)
        for start, length, count, stride in split_runs(runs)
    ]
    return np.concatenate(parts)


def find_runs(whole: Array, part: Array) -> tuple[int, ...] | None:
    """Return which columns of the first rows of one weight make up another, as runs; None if none do.

    Args:
        whole: the weight that is stored, columns last.
        part: the weight that is wanted; of fewer or as many rows and columns, all else alike.
    """
    rows, depth, columns = len(part), whole.shape[-1], part.shape[-1]
    if rows > len(whole) or columns > depth or whole.dtype != part.dtype or whole.shape[1:-1] != part.shape[1:-1]:
        return None
    if np.array_equal(whole[:rows, ..., :columns], part):
        return (0, columns, 1, depth)
    known, wanted = _columns(whole[:rows]), _columns(part)
    found, place = [], 0
    for column in wanted:
        while place < depth and known[place] != column:
            place += 1
        if place == depth:
            return None
        found.append(place)
        place += 1
    return _as_runs(found)


def _columns(weight: Array) -> list[bytes]:
    return [column.tobytes() for column in np.moveaxis(weight, -1, 0)]


def _as_runs(columns: Sequence[int]) -> tuple[int, ...]:
    """Return ascending columns as runs; runs of one length at even distances are one."""
    pieces: list[tuple[int, int]] = []
    for _, group in groupby(enumerate(columns), lambda pair: pair[1] - pair[0]):
        members = [column for _, column in group]
        pieces.append((members[0], len(members)))
    runs: list[list[int]] = []
    for start, length in pieces:
        if runs and _extends(runs[-1], start, length):
            runs[-1][2:] = [runs[-1][2] + 1, (start - runs[-1][0]) // runs[-1][2]]
        else:
            runs.append([start, length, 1, length])
    return tuple(number for run in runs for number in run)


def _extends(run: Sequence[int], start: int, length: int) -> bool:
    """Whether a piece is the next of a run: as long, and as far as those before it are apart."""
    first, known, count, stride = run
    return length == known and (count == 1 or start == first + count * stride)
