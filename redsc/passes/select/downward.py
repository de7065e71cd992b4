"""Levels chosen one after the other, the largest first; how one of them is chosen is up to the selector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from redsc.passes.select.exact.search import Found, Neighbours, Search
from redsc.passes.select.problem import LevelRequest, Problem, Selection
from redsc.passes.select.shortfall import budget_error, level_misfit
from redsc.passes.select.slots import heuristic_selection, levels_below, levels_that_fit

__all__ = ["Choose", "choose_exactly", "choose_first", "select_downward"]

Choose = Callable[[Search, LevelRequest, Neighbours], Found | None]  # one full level that keeps all bounds


def choose_exactly(search: Search, request: LevelRequest, near: Neighbours) -> Found | None:
    """Return the level that loses the least."""
    return search.choose([request], near)


def choose_first(problem: Problem, choose: Choose = choose_exactly) -> tuple[str, Found]:
    """Return slot 0 and its name: that of the largest request where no budget binds, else its real percentage.

    Raises:
        BudgetError: the least legal network does not fit.
    """
    request = problem.requests[0]
    full = problem.candidate(problem.full, view=request.view)
    if full.macs <= request.ceiling_macs:
        best: Found | None = Found((full,), bound=0.0, solved=0.0)
    else:
        unbounded = replace(problem.budgets, ram_bytes=None, flash_bytes=None, macs=None)
        best = choose(Search(replace(problem, budgets=unbounded, latency=None)), request, Neighbours())
    if best is not None and problem.fits(best.levels):
        return request.name, best
    best = choose(Search(problem), request, Neighbours())
    if best is None:
        raise budget_error(problem, problem.least, "the narrowest legal network")
    return problem.real_name(best.levels[0]), best


def select_downward(problem: Problem, choose: Choose) -> Selection:
    """Return levels chosen from the largest down: each takes from what the one before it keeps.

    Those that have a place are those of `joint`; a level leaves room for the least form of those that are still to
    be chosen. At the end each is filled up.

    Raises:
        BudgetError: the least legal network does not fit.
    """
    name, first = choose_first(problem, choose)
    problem = problem.beside(first.levels[0])
    below, notes = levels_below(problem, name, first.levels[0])
    kept, misfits = levels_that_fit(problem, below, first.levels[0])
    search, requests, levels = Search(problem), list[LevelRequest](), list(first.levels)
    for index, request in enumerate(kept, 1):
        rest = (problem.least,) * (len(kept) - index)
        found = choose(search, request, Neighbours(tuple(levels), rest))
        if found is None:
            misfits.append(level_misfit(problem, request, [*levels, *rest], problem.least))
        else:
            requests.append(request)
            levels += found.levels
    levels[1:] = search.fill(levels[1:], requests, Neighbours(first.levels))
    names = [name, *(request.name for request in requests)]
    return heuristic_selection(problem, list(zip(names, levels, strict=True)), [*notes, *misfits])
