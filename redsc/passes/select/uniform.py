"""Widths that shrink every space alike: simple, fast, and what the other selectors must beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from redsc.passes.plan import Level, LevelPlan, ceiling_name
from redsc.passes.select.problem import Candidate, LevelRequest, Problem, Selection
from redsc.passes.select.shortfall import budget_error, level_misfit, levels_above

__all__ = ["select_uniform"]

Widths = Mapping[str, int]
Accept = Callable[[Candidate], bool]


def select_uniform(problem: Problem) -> Selection:
    """Return nested levels whose spaces keep about the same fraction of their channels.

    1. Slot 0 is the widest network that meets the largest ceiling and all budgets by itself.
    2. The others follow from the narrowest up, each at least as wide as the one before, inside slot 0. A level that
       does not fit beside those already chosen is left out, with a diagnostic.
    3. Each level is the widest of a chain of networks, found by bisection, and then filled up: no space could
       be one legal width wider.

    Raises:
        BudgetError: the narrowest legal network does not fit.
    """
    request = problem.requests[0]
    slot0 = _widest(problem, problem.narrowest, problem.full, partial(_is_within, problem, request, []))
    if slot0 is None:
        raise budget_error(problem, problem.candidate(problem.narrowest), "the narrowest legal network")
    name = _slot0_name(problem, request, slot0)
    others = [item for item in problem.requests if item.name != name]
    below = [item for item in others if item.ceiling_macs < slot0.macs]
    notes = levels_above(problem, [item for item in others if item not in below], name)
    chosen: list[tuple[str, Candidate]] = []
    for item in reversed(below):
        least = chosen[-1][1].widths if chosen else problem.narrowest
        beside = [slot0, *(candidate for _, candidate in chosen)]
        level = _widest(problem, least, slot0.widths, partial(_is_within, problem, item, beside))
        if level is None:
            notes.append(level_misfit(problem, item, beside, problem.candidate(least)))
        else:
            chosen.append((item.name, level))
    levels = [Level(name, slot0.widths), *(Level(name, level.widths) for name, level in reversed(chosen))]
    return Selection(LevelPlan(tuple(levels), problem.order), tuple(notes))


def _is_within(problem: Problem, request: LevelRequest, others: Sequence[Candidate], level: Candidate) -> bool:
    """Whether a level stays under its ceiling and, beside the others, in the budgets."""
    return level.macs <= request.ceiling_macs and problem.fits([*others, level])


def _widest(problem: Problem, least: Widths, most: Widths, accepts: Accept) -> Candidate | None:
    """Return the widest acceptable network between two others, or None where `least` is not acceptable."""
    if not accepts(problem.candidate(least)):
        return None
    if accepts(problem.candidate(most)):
        return problem.candidate(most)
    steps = _chain(problem, least, most)
    low, high = 0, len(steps)
    while high - low > 1:
        middle = (low + high) // 2
        if accepts(problem.candidate({**least, **dict(steps[:middle])})):
            low = middle
        else:
            high = middle
    return _fill(problem, {**least, **dict(steps[:low])}, most, accepts)


def _chain(problem: Problem, least: Widths, most: Widths) -> list[tuple[str, int]]:
    """Return the single-space widenings from `least` to `most`, in the order of the fraction they reach."""
    steps = [
        (width / problem.full[name], index, name, width)
        for index, name in enumerate(problem.full)
        for width in problem.legal(name)
        if least[name] < width <= most[name]
    ]
    return [(name, width) for _, _, name, width in sorted(steps)]


def _fill(problem: Problem, widths: Widths, most: Widths, accepts: Accept) -> Candidate:
    """Widen space by space, those first that stay narrowest, until none could be one legal width wider."""
    best = problem.candidate(widths)
    while True:
        nearest: dict[str, int] = {}
        for name, width in _chain(problem, best.widths, most):
            nearest.setdefault(name, width)
        wider = (problem.candidate({**best.widths, name: width}) for name, width in nearest.items())
        found = next((candidate for candidate in wider if accepts(candidate)), None)
        if found is None:
            return best
        best = found


def _slot0_name(problem: Problem, request: LevelRequest, slot0: Candidate) -> str:
    """Return the request's name where only its ceiling binds, else the real percentage."""
    unbounded = _widest(problem, slot0.widths, problem.full, lambda c: c.macs <= request.ceiling_macs)
    if unbounded is not None and unbounded.widths == slot0.widths:
        return request.name
    return ceiling_name(slot0.macs, problem.candidate(problem.full).macs)
