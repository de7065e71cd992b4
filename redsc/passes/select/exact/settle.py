"""From sums of terms to real networks: tighten the bounds until the real arena and container keep the budgets.

Sums of terms bound RAM and flash from below. Where what was found misses its budget in reality, the bound is
lowered by the difference and the search goes on. What is found then is not proven to lose the least any more, but
the bound of the first answer stays one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from redsc.passes.select.exact.cp_sat import QUICK_EFFORT, Query, Solved, solve
from redsc.passes.select.problem import Candidate, Problem
from redsc.passes.select.sums.costs import Costs
from redsc.passes.slice.plan import Level

__all__ = ["Settled", "as_networks", "is_kept", "settle"]

_MOST_ROUNDS = 20
_BISECTIONS = 5  # between bounds that are tight enough and bounds that are not
_CLOSE = 0.002  # a share of the loss that is not worth them


@dataclass(frozen=True, slots=True)
class Settled:
    """Levels that keep the real budgets, and the query with the bounds that led to them."""

    query: Query
    solved: Solved


def as_networks(problem: Problem, levels: Sequence[Level]) -> tuple[Candidate, ...]:
    """Return the networks of levels."""
    return tuple(map(problem.network, levels))


def is_kept(problem: Problem, query: Query, levels: Sequence[Candidate]) -> bool:
    """Whether real levels keep their ceilings and, with those around them, the budgets."""
    is_light = all(level.macs <= domain.ceiling_macs for level, domain in zip(levels, query.domains, strict=True))
    return is_light and problem.fits([*query.above, *levels, *query.below])


def settle(costs: Costs, query: Query, first: Solved) -> Settled | None:
    """Return levels that keep the budgets; None where none were found."""
    solved: Solved | None = first
    missed: Query | None = None
    for _ in range(_MOST_ROUNDS):
        if solved is None or is_kept(costs.problem, query, as_networks(costs.problem, solved.levels)):
            break
        missed, query = query, _tightened(costs, query, solved.levels)
        solved = solve(costs, query, QUICK_EFFORT, solved.levels)
    else:
        return None
    if solved is not None and (missed is None or solved.objective - first.bound <= _CLOSE * solved.objective):
        return Settled(query, solved)
    return _loosened(costs, query, solved, missed) if missed else None


def _tightened(costs: Costs, query: Query, levels: Sequence[Level]) -> Query:
    """Return the query with bounds lowered by as much as these levels miss their budgets."""
    problem, budgets = costs.problem, costs.problem.budgets
    everything = (*query.above, *as_networks(problem, levels), *query.below)
    if costs.ram is not None and budgets.ram_bytes is not None:
        excess = problem.ram(everything) - budgets.ram_bytes
        if excess > 0:
            query = replace(query, ram_bytes=costs.least_ram(levels, (*query.above, *query.below)) - excess)
    if costs.flash is not None and budgets.flash_bytes is not None:
        excess = problem.flash(everything) - budgets.flash_bytes
        if excess > 0:
            known = costs.flash.bound(problem, query.above, levels, len(query.below))
            query = replace(query, flash_bytes=known - excess)
    return query


def _loosened(costs: Costs, query: Query, best: Solved | None, missed: Query) -> Settled | None:
    """Return the best that bisection finds between bounds that are tight enough and bounds that are not."""
    for _ in range(_BISECTIONS):
        middle = replace(
            query,
            ram_bytes=_mean(query.ram_bytes, missed.ram_bytes),
            flash_bytes=_mean(query.flash_bytes, missed.flash_bytes),
        )
        solved = solve(costs, middle, QUICK_EFFORT, best.levels if best else ())
        if solved and not is_kept(costs.problem, middle, as_networks(costs.problem, solved.levels)):
            missed = middle
        else:
            query = middle
            best = min((found for found in (solved, best) if found), key=lambda f: f.objective, default=None)
    return Settled(query, best) if best else None


def _mean(low: int | None, high: int | None) -> int | None:
    return None if low is None or high is None else (low + high) // 2
