"""The sizes of the levels' images, chosen around any selector: every nested way to give them out is solved.

There are few sizes and few levels. What a size costs the whole network counts once per level, so a way whose sizes
alone lose as much as a whole plan needs no solving.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise, product

from redsc.errors import BudgetError
from redsc.passes.select.problem import LevelRequest, Problem, Selection, Solver
from redsc.runtime.data.view import WHOLE, View

__all__ = ["select_sized"]

_Rank = tuple[float, int, float]  # the loss of slot 0, the number of levels less than none, the loss of all levels
_Requests = tuple[LevelRequest, ...]


def select_sized(problem: Problem, select: Callable[[Problem], Selection]) -> Selection:
    """Return what a selector finds with the best sizes for the levels that may have any of the problem's.

    1. No level has a larger image than the level before it.
    2. As everywhere slot 0 comes first: the sizes with which it loses the least, then those with the most levels,
       then those that lose the least in sum.
    3. A slot 0 that gets a smaller image is named by its real percentage.

    Raises:
        BudgetError: with no sizes does the least legal network fit.
    """
    if not problem.sizes:
        return select(problem)
    found: list[tuple[_Rank, Selection]] = []
    missed: BudgetError | None = None
    for least, requests in sorted(((_least(problem, way), way) for way in _ways(problem)), key=lambda way: way[0]):
        if found and min(rank for rank, _ in found) <= least:
            break
        try:
            selection = select(replace(problem, requests=requests, sizes=(), _cache={}))
        except BudgetError as error:
            missed = missed or error
            continue
        found.append((_rank(problem, selection), selection))
    if not found:
        assert missed is not None
        raise missed
    rank, best = min(found, key=lambda item: item[0])
    rivals = [other.solver for known, other in found if known[:2] == rank[:2]]
    return _renamed(problem, replace(best, solver=_proof(best.solver, rivals)))


def _ways(problem: Problem) -> Iterator[_Requests]:
    """Yield the requests with every nested choice of sizes; one that sees what the user said keeps that."""
    choices = [
        [request] if request.view != WHOLE else [request, *_sized(request, problem)] for request in problem.requests
    ]
    for way in product(*choices):
        sizes = [request.view.input_size or problem.image_size for request in way]
        if all(a[0] >= b[0] and a[1] >= b[1] for a, b in pairwise(sizes)):
            yield way


def _sized(request: LevelRequest, problem: Problem) -> list[LevelRequest]:
    return [replace(request, view=View(size=size)) for size in problem.sizes]


def _least(problem: Problem, requests: _Requests) -> _Rank:
    """Return a rank that no plan with these sizes can beat."""
    losses = [problem.losses.of_size(request.view.input_size) for request in requests]
    return losses[0], -len(requests), sum(losses)


def _rank(problem: Problem, selection: Selection) -> _Rank:
    levels = selection.plan.levels
    return problem.loss(problem.network(levels[0])), -len(levels), selection.solver.objective or 0.0


def _proof(best: Solver, rivals: list[Solver]) -> Solver:
    """Return how good the best of several answers is known to be: no better than the least of their bounds."""
    bounds = [solver.bound for solver in rivals if solver.bound is not None]
    if best.objective is None or best.bound is None or not bounds:
        return best
    bound = min(bounds)
    if bound >= best.bound or bound >= best.objective:
        return best
    return replace(best, status="gap", bound=bound, gap=(best.objective - bound) / best.objective)


def _renamed(problem: Problem, selection: Selection) -> Selection:
    first, *rest = selection.plan.levels
    if first.view == problem.requests[0].view:
        return selection
    named = replace(first, name=problem.real_name(problem.network(first)))
    return replace(selection, plan=replace(selection.plan, levels=(named, *rest)))
