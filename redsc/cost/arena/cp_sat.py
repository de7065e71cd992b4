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
    """The positions of the lowest plan found, empty if there is none, and a height that is proven to be needed."""

    positions: tuple[int, ...]
    bound: int


def solve(bodies: Bodies, hint: Sequence[int], bound: int, goal: int, effort: float) -> Solved:
    """Return a plan no higher than the positions `hint`, proven least if it can be; `goal` is low enough.

    Whether a plan reaches the goal is asked first: that is much easier than to look for the lowest one.
    """
    reached = _run(_Model(bodies, goal), effort)
    if reached.positions:
        return Solved(reached.positions, bound)
    model = _Model(bodies, bodies.height(hint))
    model.minimize(hint, bound)
    found = _run(model, effort)
    return Solved(found.positions or tuple(hint), max(bound, found.bound))


def _run(model: _Model, effort: float) -> Solved:
    """Solve with one worker and a limit in deterministic time: the same problem gives the same plan."""
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = _SEED
    solver.parameters.max_deterministic_time = effort
    solver.parameters.use_timetabling_in_no_overlap_2d = True
    solver.parameters.use_energetic_reasoning_in_no_overlap_2d = True
    status = solver.solve(model.cp)
    is_found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    positions = tuple(solver.value(position) * model.unit for position in model.positions) if is_found else ()
    return Solved(positions, round(solver.best_objective_bound) * model.unit)


class _Model:
    """Positions below a ceiling, in units of what divides all lengths.

    Bodies that are rectangles over time are one NoOverlap2D, with the cumulative load as a redundant constraint;
    for the others the forbidden intervals of a pair are a domain of their distance.
    """

    def __init__(self, bodies: Bodies, ceiling: int) -> None:
        from ortools.sat.python import cp_model

        self.unit = _unit(bodies)
        self.top = ceiling // self.unit
        self.heights = [height // self.unit for height in bodies.heights]
        self.cp = cp_model.CpModel()
        self.positions = [self.cp.new_int_var(0, self.top - height, "") for height in self.heights]
        plain = [i for i, height in enumerate(self.heights) if height and bodies.is_rectangle(i)]
        self._add_rectangles(bodies, plain)
        for i, row in enumerate(bodies.forbidden):
            for j, intervals in row.items():
                if i < j and not {i, j} <= set(plain):
                    self._add_pair(i, j, intervals)

    def minimize(self, hint: Sequence[int], bound: int) -> None:
        """Ask for the lowest plan."""
        arena = self.cp.new_int_var(bound // self.unit, self.top, "")
        for position, height, known in zip(self.positions, self.heights, hint, strict=True):
            self.cp.add(position + height <= arena)
            self.cp.add_hint(position, known // self.unit)
        self.cp.minimize(arena)

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
