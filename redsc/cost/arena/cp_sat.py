"""The exact search: OR-Tools' CP-SAT, with a proof or a bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

from redsc.cost.arena.bodies import Bodies, Forbidden
from redsc.cost.buffer import ALIGNMENT_BYTES

__all__ = ["Solved", "solve"]

_SEED = 1


@dataclass(frozen=True, slots=True)
class Solved:
    """The positions of the lowest plan found, and a height that is proven to be needed."""

    positions: tuple[int, ...]
    bound: int


def solve(bodies: Bodies, known: Sequence[int], bound: int, goal: int, effort: float) -> Solved:
    """Return a plan no higher than the positions `known`, proven least if it can be; `goal` is low enough.

    The height is found by bisection, the goal first: whether a plan fits below a ceiling is much easier to answer
    than how low one can be. An answer that takes more than `effort` counts as no, but proves nothing.
    """
    unit, best, low, ceiling = _unit(bodies), tuple(known), goal, goal
    while True:
        model = _Model(bodies, ceiling, unit)
        positions = model.solve(effort)
        if positions is not None:
            best = positions
        else:
            low = ceiling + unit
            bound = low if model.is_refuted else bound
        high = bodies.height(best)
        if high <= low:
            return Solved(best, bound)
        ceiling = low + (high - unit - low) // 2 // unit * unit


class _Model:
    """Is there a plan below a ceiling? In units of what divides all lengths.

    Bodies that are rectangles over time are one NoOverlap2D, with the cumulative load as a redundant constraint;
    for the others the forbidden intervals of a pair are a domain of their distance.
    """

    def __init__(self, bodies: Bodies, ceiling: int, unit: int) -> None:
        from ortools.sat.python import cp_model

        self.unit, self.top, self.is_refuted = unit, ceiling // unit, False
        self.heights = [height // unit for height in bodies.heights]
        self.cp = cp_model.CpModel()
        self.positions = [self.cp.new_int_var(0, self.top - height, "") for height in self.heights]
        plain = [i for i, height in enumerate(self.heights) if height and bodies.is_rectangle(i)]
        self._add_rectangles(bodies, plain)
        for i, row in enumerate(bodies.forbidden):
            for j, intervals in row.items():
                if i < j and not {i, j} <= set(plain):
                    self._add_pair(i, j, intervals)

    def solve(self, effort: float) -> tuple[int, ...] | None:
        """Return positions; None where there are none (`is_refuted`), or none were found.

        One worker and a limit in deterministic time: the same problem gives the same plan.
        """
        from ortools.sat.python import cp_model

        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = _SEED
        solver.parameters.max_deterministic_time = effort
        solver.parameters.use_timetabling_in_no_overlap_2d = True
        solver.parameters.use_energetic_reasoning_in_no_overlap_2d = True
        status = solver.solve(self.cp)
        self.is_refuted = status == cp_model.INFEASIBLE
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        return tuple(solver.value(position) * self.unit for position in self.positions)

    def _add_rectangles(self, bodies: Bodies, plain: Sequence[int]) -> None:
        lives = [bodies.live(i) for i in plain]
        ticks = {
            time: tick for tick, time in enumerate(sorted({t for live in lives for t in (live.start, live.end)}))
        }
        spans = [(ticks[live.start], ticks[live.end] - ticks[live.start]) for live in lives]
        times = [self.cp.new_fixed_size_interval_var(start, length, "") for start, length in spans]
        spaces = [self.cp.new_fixed_size_interval_var(self.positions[i], self.heights[i], "") for i in plain]
        self.cp.add_no_overlap_2d(times, spaces)
        self.cp.add_cumulative(times, [self.heights[i] for i in plain], self.top)

    def _add_pair(self, i: int, j: int, intervals: Sequence[Forbidden]) -> None:
        from ortools.sat.python import cp_model

        edges = [-self.top, *(edge // self.unit for interval in intervals for edge in interval), self.top]
        allowed = [list(pair) for pair in zip(edges[::2], edges[1::2], strict=True) if pair[0] <= pair[1]]
        distance = self.positions[i] - self.positions[j]
        self.cp.add_linear_expression_in_domain(distance, cp_model.Domain.from_intervals(allowed))


def _unit(bodies: Bodies) -> int:
    """Return the greatest common divisor of all lengths in the problem."""
    edges = [edge for row in bodies.forbidden for found in row.values() for pair in found for edge in pair]
    return gcd(*bodies.heights, *edges) or ALIGNMENT_BYTES
