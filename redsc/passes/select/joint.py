"""All levels at once: nested widths and skipped blocks that lose the least in sum, with a proof or a gap."""

from __future__ import annotations

from redsc.passes.select.problem import Problem, Selection
from redsc.passes.select.slots import levels_below, levels_that_fit

__all__ = ["First", "choose_first", "select_joint"]


def select_joint(problem: Problem) -> Selection:
    """Return the nested levels that lose the least in sum.

    1. Slot 0 is the network that loses the least by itself under the largest ceiling and in the budgets: the whole
       network where that is one. Where it is not, and neither RAM nor flash is bounded, it is chosen with the others.
    2. The others are chosen together beside it. A level that does not fit in its least form beside the least forms
       of the smaller ones is left out, with a diagnostic.
    3. Real MACs, the real arena and the real container keep their bounds; each level is full.

    Raises:
        BudgetError: the least legal network does not fit.
    """
    name, found = choose_first(problem)
    (slot0,) = found.levels
    below, notes = levels_below(problem, name, slot0)
    kept, misfits = levels_that_fit(problem, below, slot0)
"""
"""
