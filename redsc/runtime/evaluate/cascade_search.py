"""The cheapest cascade that is right often enough: an exact search over chains of levels and their thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from redsc.ir import Array

__all__ = ["Step", "find_steps"]

_MOST_STEPS = 4  # each further step multiplies the search by the thresholds that are worth a try
_ALWAYS = 0  # no margin is below it


@dataclass(frozen=True, slots=True)
class Step:
    """Run the level in a slot; where the margin is below the threshold, go on to the next step. The last has 0."""

    slot: int
    threshold: int = _ALWAYS


def find_steps(margins: Array, hits: Array, macs: Sequence[int], least_hits: int) -> tuple[Step, ...]:
    """Return the cascade with the least MACs over all samples that is right on at least so many of them.

    The search is exact among chains of at most four levels, each larger than the one before. Of the 256 thresholds
    of a level only those count that lie just above the margin of a sample which the level gets wrong: lowering any
    other to the next such margin keeps answers that are right, and saves the MACs of looking again. Branches that
    cannot be cheaper than what is known, or not right often enough, are left out.

    Args:
        margins: integers [levels, samples], the largest level first.
        hits: booleans [levels, samples], where a level is right.
        macs: of one inference, by level.
        least_hits: at most as many as the largest level has, so that it alone is a solution.
    """
    search = _Search(margins, hits, macs, least_hits)
    rows = np.arange(margins.shape[1])
    for slot in range(len(macs)):
        search.visit(slot, rows, 0, 0, ())
    return search.steps


@dataclass(frozen=True, slots=True, eq=False)
class _Choices:
    """The thresholds worth a try after a level: with `thresholds[i]` the first `goes[i]` of `rows` go on.

    `kept[i]` answers are then right, those of the steps before included.
    """

    rows: Array
    thresholds: Array
    goes: Array
    kept: Array


class _Search:
    """Depth-first branch and bound; `steps` is the best cascade so far, `cost` its MACs over all samples."""

    def __init__(self, margins: Array, hits: Array, macs: Sequence[int], least_hits: int) -> None:
        self.margins, self.hits, self.least_hits = margins, hits, least_hits
        self.larger_hits = np.logical_or.accumulate(hits, axis=0)
        self.macs = np.array(macs, np.int64)
        self.steps: tuple[Step, ...] = (Step(0),)
        self.cost = int(self.macs[0]) * margins.shape[1]

    def visit(self, slot: int, rows: Array, cost: int, sure: int, before: tuple[Step, ...]) -> None:
        """Try all cascades that begin with `before`, which is right on `sure` samples, and run `slot` on `rows`.

        `cost` are the MACs of the steps before, over all samples.
        """
        cost += int(self.macs[slot]) * len(rows)
        if sure + int(self.hits[slot, rows].sum()) >= self.least_hits:
            self._take(cost, (*before, Step(slot)))
            return
        choices = self._choices(slot, rows, sure)
        if slot == 0 or not len(choices.goes):
            return
        self._end(slot, choices, cost, before)
        if len(before) + 2 < _MOST_STEPS:
            self._go_on(slot, choices, cost, before)

    def _choices(self, slot: int, rows: Array, sure: int) -> _Choices:
        rows = rows[np.argsort(self.margins[slot, rows], kind="stable")]
        margins, right = self.margins[slot, rows], self.hits[slot, rows]
        thresholds = np.unique(margins[~right]) + 1
        goes = np.searchsorted(margins, thresholds)
        counts = _counts(right)
        return _Choices(rows, thresholds, goes, sure + counts[-1] - counts[goes])

    def _end(self, slot: int, choices: _Choices, cost: int, before: tuple[Step, ...]) -> None:
        """Try every threshold with every larger level as the last step."""
        hits = choices.kept + _counts(self.hits[:slot, choices.rows])[:, choices.goes]
        costs = np.where(hits >= self.least_hits, cost + self.macs[:slot, None] * choices.goes, self.cost)
        larger, index = np.unravel_index(int(np.argmin(costs)), costs.shape)
        steps = (*before, Step(slot, int(choices.thresholds[index])), Step(int(larger)))
        self._take(int(costs[larger, index]), steps)

    def _go_on(self, slot: int, choices: _Choices, cost: int, before: tuple[Step, ...]) -> None:
        """Try every threshold with every larger level as a step that has others after it."""
        for larger in range(slot - 1, 0, -1):
            reach = choices.kept + _counts(self.larger_hits[larger, choices.rows])[choices.goes]
            for index in np.flatnonzero(reach >= self.least_hits):
                goes = int(choices.goes[index])
                if cost + goes * self.macs[larger] + self.macs[:larger].min() < self.cost:
                    steps = (*before, Step(slot, int(choices.thresholds[index])))
                    self.visit(larger, choices.rows[:goes], cost, int(choices.kept[index]), steps)

    def _take(self, cost: int, steps: tuple[Step, ...]) -> None:
        if cost < self.cost:
            self.cost, self.steps = cost, steps


def _counts(flags: Array) -> Array:
    """Return how many of the first 0, 1, 2, ... flags of each row are set."""
    sums = np.cumsum(flags, axis=-1, dtype=np.int64)
    return np.concatenate([np.zeros((*flags.shape[:-1], 1), np.int64), sums], axis=-1)
