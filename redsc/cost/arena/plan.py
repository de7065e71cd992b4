"""The portfolio: first fit under several orders, hill climbing, CP-SAT; each starts where the last one ended.

It stops as soon as a plan is at the lower bound. Every plan passes the independent checker in `check.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from redsc.cost.arena.bodies import Bodies
from redsc.cost.arena.check import check_arena
from redsc.cost.arena.cp_sat import solve
from redsc.cost.arena.first_fit import first_fit, orders
from redsc.cost.arena.hill_climb import hill_climb
from redsc.cost.arena.problem import ArenaProblem, lower_bound_bytes

__all__ = ["ArenaPlan", "Effort", "plan_arena"]

_CLIMB_WORK = 4_000_000  # visits of neighbours in all, about four seconds
_CLIMB_MOVES = 2_000
_CP_SAT_TIME = 20.0  # units of deterministic time, about as many seconds


class Effort(Enum):
    """How long to look for a plan: `QUICK` is first fit alone, for the inner loops of selectors."""

    QUICK = "quick"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class ArenaPlan:
    """An offset per buffer, in the order of the buffers; no plan can be lower than `lower_bound`."""

    offsets: tuple[int, ...]
    height: int
    lower_bound: int

    @property
    def is_optimal(self) -> bool:
        """Whether the height is proven least for this schedule."""
        return self.height == self.lower_bound


def plan_arena(problem: ArenaProblem, effort: Effort = Effort.FULL, cp_sat_time: float = _CP_SAT_TIME) -> ArenaPlan:
    """Return the lowest plan that the portfolio finds; of equals the earlier, so the result is deterministic."""
    bodies, bound = Bodies.of(problem), lower_bound_bytes(problem)
    order, positions = _first_fits(bodies, bound)
    if effort is Effort.FULL and bodies.height(positions) > bound:
        positions = hill_climb(bodies, order, bound, _moves(bodies))
        if bodies.height(positions) > bound:
            solved = solve(bodies, positions, bound, cp_sat_time)
            positions, bound = solved.positions, solved.bound
    offsets, height = bodies.offsets(positions), bodies.height(positions)
    check_arena(problem, offsets, height)
    return ArenaPlan(offsets, height, bound)


def _first_fits(bodies: Bodies, bound: int) -> tuple[list[int], Sequence[int]]:
    """Return the best of the fixed orders, and its plan."""
    best: tuple[list[int], Sequence[int]] | None = None
    for order in orders(bodies):
        found = first_fit(bodies, order)
        assert found is not None
        if best is None or bodies.height(found) < bodies.height(best[1]):
            best = order, found
        if bodies.height(best[1]) == bound:
            break
    assert best is not None
    return best


def _moves(bodies: Bodies) -> int:
    visits = sum(len(row) for row in bodies.forbidden)
    return min(_CLIMB_MOVES, _CLIMB_WORK // max(visits, 1))
