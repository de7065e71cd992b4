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

_MOST_MOVES = 1_000  # of the hill climb: small problems are for CP-SAT then
_CP_SAT_TIME = 0.1  # of deterministic time for each question, a second or two


class Effort(Enum):
    """How long to look for a plan; `QUICK` is for the inner loops of selectors, without CP-SAT.

    The value is the work of hill climbing: how often it looks at a neighbour of a body.
    """

    QUICK = 20_000
    FULL = 1_000_000


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


def plan_arena(
    problem: ArenaProblem, effort: Effort = Effort.FULL, capacity: int = 0, cp_sat_time: float = _CP_SAT_TIME
) -> ArenaPlan:
    """Return the lowest plan that the portfolio finds, or the first one within a capacity in bytes.

    Of equals it is the earlier one, so the result is deterministic. `cp_sat_time` is the deterministic time that
    CP-SAT has for each question.
    """
    bodies, bound = Bodies.of(problem), lower_bound_bytes(problem)
    goal = max(bound, capacity)
    order, positions = _first_fits(bodies, goal)
    if bodies.height(positions) > goal:
        positions = hill_climb(bodies, order, goal, _moves(bodies, effort))
    if bodies.height(positions) > goal and effort is Effort.FULL:
        solved = solve(bodies, positions, bound, goal, cp_sat_time)
        positions, bound = solved.positions, solved.bound
    offsets, height = bodies.offsets(positions), bodies.height(positions)
    check_arena(problem, offsets, height)
    return ArenaPlan(offsets, height, bound)


def _first_fits(bodies: Bodies, goal: int) -> tuple[list[int], Sequence[int]]:
    """Return the best of the fixed orders, and its plan."""
    best: tuple[list[int], Sequence[int]] | None = None
    for order in orders(bodies):
        found = first_fit(bodies, order)
        assert found is not None
        if best is None or bodies.height(found) < bodies.height(best[1]):
            best = order, found
        if bodies.height(best[1]) <= goal:
            break
    assert best is not None
    return best


def _moves(bodies: Bodies, effort: Effort) -> int:
    visits = sum(len(row) for row in bodies.forbidden)
    return min(_MOST_MOVES, effort.value // max(visits, 1))
