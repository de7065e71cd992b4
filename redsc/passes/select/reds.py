"""REDS' iterative knapsack (Corti et al., IEEE TMC 2026) on channel spaces: one level at a time, each exactly.

The items are channels; their value is the loss that keeping them avoids, their weight the MACs they take. The paper
solves a level over one boolean per kernel; here it is solved by the model of `joint` with one level, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

from redsc.errors import Diagnostic
from redsc.passes.select.joint import choose_first
from redsc.passes.select.problem import Candidate, LevelRequest, Problem, Selection, Solver
from redsc.passes.select.search import Neighbours, Search
from redsc.passes.select.shortfall import level_misfit
from redsc.passes.select.slots import levels_below, levels_that_fit, make_plan

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
    return _selection(problem, name, [*first.levels, *levels], requests, notes)


def select_top_down(problem: Problem) -> Selection:
    """Return levels chosen from the largest down: each takes from what the one before it keeps.

    Slot 0 and the levels that have a place are those of `joint`; a level leaves room for the least form of those
    that are still to be chosen.

    Raises:
        BudgetError: the least legal network does not fit.
    """
    name, first = choose_first(problem)
    problem = problem.beside(first.levels[0])
    below, notes = levels_below(problem, name, first.levels[0])
    kept, misfits = levels_that_fit(problem, below, first.levels[0])
    search, requests, levels = Search(problem), list[LevelRequest](), list[Candidate]()
    for index, request in enumerate(kept, 1):
        rest = (problem.least,) * (len(kept) - index)
        found = search.choose([request], Neighbours((*first.levels, *levels), rest))
        if found is None:
            misfits.append(level_misfit(problem, request, [*first.levels, *levels, *rest], problem.least))
        else:
            requests.append(request)
            levels += found.levels
    levels = list(search.fill(levels, requests, Neighbours(first.levels)))
    return _selection(problem, name, [*first.levels, *levels], requests, [*notes, *misfits])


def _selection(
    problem: Problem,
    name: str,
    levels: Sequence[Candidate],
    requests: Sequence[LevelRequest],
    notes: Sequence[Diagnostic],
) -> Selection:
    names = [name, *(request.name for request in requests)]
    solver = Solver("heuristic", sum(problem.loss(level) for level in levels))
    return Selection(make_plan(problem, list(zip(names, levels, strict=True))), tuple(notes), solver)
