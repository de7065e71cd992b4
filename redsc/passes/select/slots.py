"""What all selectors agree on: which levels lie below slot 0, and which of these can be there at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from redsc.errors import Diagnostic
from redsc.passes.select.problem import Candidate, LevelRequest, Problem, Selection, Solver
from redsc.passes.select.shortfall import equal_level, level_misfit, levels_above
from redsc.passes.slice.plan import Level, LevelPlan

__all__ = ["heuristic_selection", "levels_below", "levels_that_fit", "make_plan", "select_distinct"]

Named = tuple[str, Candidate]


def select_distinct(problem: Problem, select: Callable[[Problem], Selection]) -> Selection:
    """Return a selection in which no level is the network of another.

    Where there is room for no more than that, the larger level is left out, but for slot 0, and the others get its
    room.

    Raises:
        BudgetError: the least legal network does not fit.
    """
    notes = list[Diagnostic]()
    while True:
        selection = select(problem)
        twins = next((pair for pair in pairwise(selection.plan.levels) if _are_one(*pair)), None)
        if twins is None:
            return replace(selection, diagnostics=(*selection.diagnostics, *notes))
        left_out, kept = twins[::-1] if twins[0] is selection.plan.levels[0] else twins
        notes.append(equal_level(left_out.name, kept.name))
        requests = tuple(request for request in problem.requests if request.name != left_out.name)
        problem = replace(problem, requests=requests)


def _are_one(level: Level, other: Level) -> bool:
    return replace(level, name=other.name) == other


def levels_below(problem: Problem, name: str, slot0: Candidate) -> tuple[list[LevelRequest], list[Diagnostic]]:
    """Return the requests for levels smaller than slot 0, the largest first, and a note on those that are not."""
    others = [request for request in problem.requests if request.name != name]
    below = [request for request in others if request.ceiling_macs < slot0.macs]
    return below, levels_above(problem, [request for request in others if request not in below], name)


def levels_that_fit(
    problem: Problem, below: Sequence[LevelRequest], slot0: Candidate
) -> tuple[list[LevelRequest], list[Diagnostic]]:
    """Return the levels whose least forms fit beside each other, and a note on each of the others.

    From the smallest up: a level that has no place leaves it to larger ones. That is so for MACs and RAM; narrower
    levels may well take more flash, for they share less with larger ones.
    """
    least, kept, notes = problem.least, list[LevelRequest](), list[Diagnostic]()
    tied = replace(problem, budgets=replace(problem.budgets, flash_bytes=None))
    for request in reversed(below):
        beside = [slot0, *[least] * len(kept)]
        if least.macs <= request.ceiling_macs and tied.fits([*beside, least]):
            kept.insert(0, request)
        else:
            notes.append(level_misfit(problem, request, beside, least))
    return kept, notes


def heuristic_selection(problem: Problem, levels: Sequence[Named], notes: Sequence[Diagnostic]) -> Selection:
    """Return the selection of named levels, the largest first, of which nothing is proven."""
    solver = Solver("heuristic", sum(problem.loss(level) for _, level in levels))
    return Selection(make_plan(problem, levels), tuple(notes), solver)


def make_plan(problem: Problem, levels: Sequence[Named]) -> LevelPlan:
    """Return the plan of named levels, the largest first."""
    found = tuple(level.level(name) for name, level in levels)
    return LevelPlan(found, problem.order, problem.segments)
