"""Widths that shrink every space alike: simple, fast, and what the other selectors must beat."""

from __future__ import annotations

from collections.abc import Sequence

from redsc.passes.select.fill import Accept, fill, widenings
from redsc.passes.select.problem import Candidate, LevelRequest, Problem, Selection, Widths
from redsc.passes.select.shortfall import budget_error, level_misfit
from redsc.passes.select.slots import heuristic_selection, levels_below
from redsc.passes.select.sums.macs import macs_cost
from redsc.passes.select.sums.nesting import Nesting
from redsc.passes.select.sums.terms import evaluate

__all__ = ["select_uniform"]


def select_uniform(problem: Problem) -> Selection:
    """Return nested levels whose spaces keep about the same fraction of their channels; none skips a block.

    1. Slot 0 is the widest network that meets the largest ceiling and all budgets by itself.
    2. The others follow from the narrowest up, each at least as wide as the one before, inside slot 0. A level that
       does not fit beside those already chosen is left out, with a diagnostic.
    3. Each level is the widest of a chain of networks, found by bisection, and then filled up: no space could
       be one legal width wider.

    Raises:
        BudgetError: the narrowest legal network does not fit.
    """
    request = problem.requests[0]
    slot0 = _widest(problem, problem.narrowest, problem.full, _keeping(problem, request, [], []))
    if slot0 is None:
        narrowest = problem.candidate(problem.narrowest, view=request.view)
        raise budget_error(problem, narrowest, "the narrowest legal network")
    name = _slot0_name(problem, request, slot0)
    problem = problem.beside(slot0)
    below, notes = levels_below(problem, name, slot0)
    chosen: list[tuple[str, Candidate]] = []
    for item in reversed(below):
        smaller = [level for _, level in chosen]
        least = smaller[0].widths if smaller else problem.narrowest
        found = _widest(problem, least, slot0.widths, _keeping(problem, item, [slot0], smaller))
        if found is None:
            narrow = problem.candidate(least, view=item.view)
            notes.append(level_misfit(problem, item, [slot0, *smaller], narrow))
        else:
            chosen.insert(0, (item.name, found))
    return heuristic_selection(problem, [(name, slot0), *chosen], notes)


def _keeping(
    problem: Problem, request: LevelRequest, above: Sequence[Candidate], below: Sequence[Candidate]
) -> Accept:
    """Return what accepts a level under its ceiling and, between the others, in the budgets."""
    size = request.view.input_size
    sized = problem if size is None else problem.at(size)
    macs = macs_cost(sized, Nesting.of(sized))

    def accept(widths: Widths) -> Candidate | None:
        if evaluate(macs, widths, ()) > request.ceiling_macs:
            return None
        level = problem.candidate(widths, view=request.view)
        return level if problem.fits([*above, level, *below]) else None

    return accept


def _widest(problem: Problem, least: Widths, most: Widths, accept: Accept) -> Candidate | None:
    """Return the widest acceptable network between two others, or None where `least` is not acceptable."""
    narrow = accept(least)
    if narrow is None:
        return None
    if (wide := accept(most)) is not None:
        return wide
    steps = widenings(problem, least, most)
    low, high = 0, len(steps)
    while high - low > 1:
        middle = (low + high) // 2
        level = accept({**least, **dict(steps[:middle])})
        if level is None:
            high = middle
        else:
            low, narrow = middle, level
    return fill(problem, narrow, most, accept)


def _slot0_name(problem: Problem, request: LevelRequest, slot0: Candidate) -> str:
    """Return the request's name where only its ceiling binds, else the real percentage."""

    def accept(widths: Widths) -> Candidate | None:
        level = problem.candidate(widths, view=request.view)
        return level if level.macs <= request.ceiling_macs else None

    unbounded = _widest(problem, slot0.widths, problem.full, accept)
    if unbounded is not None and unbounded.widths == slot0.widths:
        return request.name
    return problem.real_name(slot0)
