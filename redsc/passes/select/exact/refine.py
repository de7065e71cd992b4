"""Grids of widths: few enough to solve at first, then finer and finer around what was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from redsc.passes.select.exact.cp_level import LevelDomain
from redsc.passes.select.exact.cp_sat import Query
from redsc.passes.select.exact.narrow import solve_narrowing
from redsc.passes.select.exact.settle import as_networks, is_kept
from redsc.passes.select.problem import Candidate, Problem
from redsc.passes.select.sums.costs import Costs

__all__ = ["MOST_OPTIONS", "is_coarse", "refine", "thinned"]

MOST_OPTIONS = 16  # widths per space: pairs of them are the variables of the solver
_MOST_REFINED = 5
_EFFORTS = (0.1, 0.2)  # of deterministic time for each step: these need no proof


def is_coarse(problem: Problem) -> bool:
    """Whether the first grid leaves out legal widths."""
    return any(len(problem.legal(name)) > MOST_OPTIONS for name in problem.full)


def thinned(widths: Sequence[int], most: int = MOST_OPTIONS, keep: int | None = None) -> tuple[int, ...]:
    """Return about so many of some widths, evenly spaced, with the first, the last and the one to keep."""
    if len(widths) <= most:
        return tuple(widths)
    step = -(-(len(widths) - 1) // (most - 1))
    return tuple(sorted({widths[0], *widths[::-step], *(width for width in widths if width == keep)}))


def refine(costs: Costs, query: Query, levels: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """Return levels that lose no more, from legal widths between the neighbours of those chosen on a grid.

    They skip the same blocks.
    """
    problem = costs.problem
    while any(_has_gaps(problem, domain, level) for domain, level in zip(query.domains, levels, strict=True)):
        domains = tuple(
            _closer(problem, domain, level) for domain, level in zip(query.domains, levels, strict=True)
        )
        query = replace(query, domains=domains, least_losses=())
        hint = [level.level() for level in levels]
        solved = solve_narrowing(costs, query, hint, is_known=True, efforts=_EFFORTS)
        if solved is None:
            break
        found = as_networks(problem, solved.levels)
        if not is_kept(problem, query, found):
            break
        levels = found
    return levels


def _has_gaps(problem: Problem, domain: LevelDomain, level: Candidate) -> bool:
    """Whether legal widths lie between those chosen and their neighbours."""
    return any(set(_around(problem, domain, level, space)) - set(domain.options[space]) for space in domain.options)


def _closer(problem: Problem, domain: LevelDomain, level: Candidate) -> LevelDomain:
    """Return a level with the same blocks, and widths between the neighbours of those chosen."""
    around = {space: _around(problem, domain, level, space) for space in domain.options}
    options = {s: thinned(widths, _MOST_REFINED, level.widths[s]) for s, widths in around.items()}
    skipped = frozenset(level.skipped)
    return replace(domain, options=options, must_skip=skipped, may_skip=skipped)


def _around(problem: Problem, domain: LevelDomain, level: Candidate, space: str) -> list[int]:
    options, width = domain.options[space], level.widths[space]
    low = max((other for other in options if other < width), default=width)
    high = min((other for other in options if other > width), default=width)
    return [legal for legal in problem.legal(space) if low <= legal <= high]
