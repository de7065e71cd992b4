"""REDS' iterative knapsack (Corti et al., IEEE TMC 2026) on channel spaces: one level at a time, each exactly.

The items are channels; their value is the loss that keeping them avoids, their weight the MACs they take. The paper
solves a level over one boolean per kernel; here it is solved by the model of `joint` with one level, exactly.
"""

from __future__ import annotations

from redsc.passes.select.downward import choose_exactly, choose_first, select_downward
from redsc.passes.select.exact.search import Neighbours, Search
from redsc.passes.select.problem import Candidate, LevelRequest, Problem, Selection
from redsc.passes.select.shortfall import level_misfit
from redsc.passes.select.slots import heuristic_selection, levels_below

__all__ = ["select_bottom_up", "select_top_down"]


def select_bottom_up(problem: Problem) -> Selection:
    """Return levels chosen from the smallest up: what a level keeps, each larger one keeps too.

    Slot 0 is that of `joint`. A level that no longer fits beside the smaller ones is left out, with a diagnostic.

    Raises:
        BudgetError: the least legal network does not fit.
    """
    name, first = choose_first(problem)
    problem = problem.beside(first.levels[0])
    below, notes = levels_below(problem, name, first.levels[0])
    search, requests, levels = Search(problem), list[LevelRequest](), list[Candidate]()
    for request in reversed(below):
        inner = levels[0] if levels else None
        found = search.choose([request], Neighbours(first.levels, tuple(levels), inner))
        if found is None:
            notes.append(level_misfit(problem, request, [*first.levels, *levels], inner or problem.least))
        else:
            requests.insert(0, request)
            levels = [*found.levels, *levels]
    levels = list(search.fill(levels, requests, Neighbours(first.levels)))
    named = [(name, first.levels[0]), *zip((request.name for request in requests), levels, strict=True)]
    return heuristic_selection(problem, named, notes)


def select_top_down(problem: Problem) -> Selection:
    """Return levels chosen from the largest down: each takes from what the one before it keeps.

    Slot 0 is that of `joint`.

    Raises:
        BudgetError: the least legal network does not fit.
    """
    return select_downward(problem, choose_exactly)
