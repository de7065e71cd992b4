"""All levels at once: nested widths and skipped blocks that lose the least in sum, with a proof or a gap."""

from __future__ import annotations

from collections.abc import Sequence

from redsc.errors import Diagnostic
from redsc.passes.select.downward import choose_first
from redsc.passes.select.exact.search import Found, Neighbours, Search
from redsc.passes.select.problem import Candidate, LevelRequest, Problem, Selection, Solver
from redsc.passes.select.selectors.uniform import select_uniform
from redsc.passes.select.shortfall import level_misfit
from redsc.passes.select.slots import levels_below, levels_that_fit, make_plan

__all__ = ["select_joint"]


def select_joint(problem: Problem) -> Selection:
    """Return the nested levels that lose the least in sum.

    1. Slot 0 is chosen first: the whole network, else the one that loses the least under the largest ceiling and in
       the budgets by itself. Where only its ceiling binds and nothing else ties levels together, it is chosen with
       the others.
    2. The others are chosen together beside it. One whose least form has no place beside the least forms of the
       smaller ones is left out, with a diagnostic.
    3. Real MACs, the real arena and the real container keep their bounds, and each level is full.
    4. Where not all widths are searched, levels chosen one by one or as `uniform` does are taken if they lose
       less.

    Raises:
        BudgetError: the least legal network does not fit.
    """
    name, first = choose_first(problem)
    rest = problem.beside(first.levels[0])
    below, notes = levels_below(rest, name, first.levels[0])
    kept, misfits = levels_that_fit(rest, below, first.levels[0])
    parts = [first]
    if kept and _is_free(problem, name, first):
        everything = Search(problem).choose([problem.requests[0], *kept])
        parts = [everything] if everything else [first]
    elif kept:
        kept, found, more = _choose_most(Search(rest), kept, first.levels[0])
        parts, misfits = [first, *found], [*misfits, *more]
    levels = [level for part in parts for level in part.levels]
    names = [name, *(request.name for request in kept)]
    facts = _facts(problem, levels, parts)
    if len(levels) > 1 and (facts.status != "optimal" or facts.grid):
        levels = _better(problem, names, levels)
    plan = make_plan(problem, list(zip(names, levels, strict=True)))
    return Selection(plan, (*notes, *misfits), _facts(problem, levels, parts))


def _better(problem: Problem, names: Sequence[str], levels: list[Candidate]) -> list[Candidate]:
    """Return the levels of `uniform` if these lose less."""
    plan = select_uniform(problem).plan
    if [level.name for level in plan.levels] != list(names):
        return levels
    return min(levels, problem.networks(plan.levels), key=lambda found: sum(map(problem.loss, found)))


def _choose_most(
    search: Search, requests: Sequence[LevelRequest], slot0: Candidate
) -> tuple[list[LevelRequest], list[Found], list[Diagnostic]]:
    """Return all of these levels; where flash does not hold them, those that have a place from the smallest up."""
    near, notes = Neighbours((slot0,)), list[Diagnostic]()
    found = search.choose(requests, near)
    if found is not None:
        return list(requests), [found], notes
    kept: list[LevelRequest] = []
    for request in reversed(requests):
        more = search.choose([request, *kept], near)
        if more is None:
            beside = [slot0, *(found.levels if found else ())]
            notes.append(level_misfit(search.problem, request, beside, search.problem.least))
        else:
            kept, found = [request, *kept], more
    return kept, [found] if found else [], notes


def _is_free(problem: Problem, name: str, first: Found) -> bool:
    """Whether slot 0 may be another network of its name when that helps the others."""
    is_tied = problem.budgets.ram_bytes is not None or problem.budgets.flash_bytes is not None
    return name == problem.requests[0].name and first.levels[0].widths != problem.full and not is_tied


def _facts(problem: Problem, levels: Sequence[Candidate], parts: Sequence[Found]) -> Solver:
    objective = sum(problem.loss(level) for level in levels)
    sizes = sum(problem.losses.of_size(level.view.input_size) for level in levels)  # which the solver does not see
    bound, solved = (sizes + sum(of) for of in zip(*((part.bound, part.solved) for part in parts), strict=True))
    is_optimal = all(part.is_optimal for part in parts)
    return Solver(
        status="optimal" if is_optimal else "gap",
        objective=objective,
        bound=min(bound, objective),
        gap=0.0 if is_optimal else (solved - bound) / solved,
        grid=max((part.grid for part in parts if part.grid is not None), default=None),
    )
