"""The Pareto front: what nothing else is better than in everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from redsc.report.sweep import SweptPoint

__all__ = ["mark_front", "pareto"]

Costs = tuple[float, ...]


def pareto(rows: Sequence[Costs]) -> list[bool]:
    """Return for every row whether it is on the front.

    It is where no other costs at most as much everywhere and less somewhere. Of equal rows the first is on it.
    """
    front = set[Costs]()
    for row in sorted(set(rows)):  # one that costs less everywhere comes before
        if not any(all(a <= b for a, b in zip(other, row, strict=True)) for other in front):
            front.add(row)
    first = {row: place for place, row in reversed(list(enumerate(rows)))}
    return [row in front and first[row] == place for place, row in enumerate(rows)]


def mark_front(points: Sequence[SweptPoint]) -> tuple[SweptPoint, ...]:
    """Return points whose levels know whether they are on the front of their model.

    It is that over RAM, MACs, flash, time and loss: measured, else what the solver counts.
    """
    places = [
        (point.model, number, slot) for number, point in enumerate(points) for slot in range(len(point.levels))
    ]
    found = dict[tuple[int, int], bool]()
    for model in dict.fromkeys(point.model for point in points):
        own = [(number, slot) for name, number, slot in places if name == model]
        found.update(zip(own, pareto([points[number].costs(slot) for number, slot in own]), strict=True))
    return tuple(
        replace(
            point,
            levels=tuple(replace(level, on_front=found[number, slot]) for slot, level in enumerate(point.levels)),
        )
        for number, point in enumerate(points)
    )
