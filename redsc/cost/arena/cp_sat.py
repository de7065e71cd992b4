"""The exact search: OR-Tools' CP-SAT, with a proof or a bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING

from redsc.cost.arena.bodies import Bodies
from redsc.cost.buffer import ALIGNMENT_BYTES

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import CpModel, IntVar

__all__ = ["Solved", "solve"]

_SEED = 1


@dataclass(frozen=True, slots=True)
class Solved:
    """The positions of the lowest plan found, and a height that is proven to be needed."""

    positions: tuple[int, ...]
    bound: int


def solve(bodies: Bodies, hint: Sequence[int], bound: int, effort: float) -> Solved:
    """Return a plan no higher than the positions `hint`.

    One worker and a limit in deterministic time, CP-SAT's measure of work: the same problem gives the same plan.
    """
    from ortools.sat.python import cp_model

    unit = _unit(bodies)
    model, positions = _model(bodies, hint, bound, unit)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = _SEED
    solver.parameters.max_deterministic_time = effort
    solver.parameters.use_timetabling_in_no_overlap_2d = True
    solver.parameters.use_energetic_reasoning_in_no_overlap_2d = True
    status = solver.solve(model)
    lowest = max(bound, round(solver.best_objective_bound) * unit)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Solved(tuple(hint), lowest)
    return Solved(tuple(solver.value(position) * unit for position in positions), lowest)


def _model(bodies: Bodies, hint: Sequence[int], bound: int, unit: int) -> tuple[CpModel, list[IntVar]]:
    """Return the model and the variables of the positions, in units.

    Bodies that are rectangles over time are one NoOverlap2D, with the cumulative load as a redundant constraint;
    for the others the forbidden intervals of a pair are a domain of their distance.
    """
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    top = bodies.height(hint) // unit
    heights = [height // unit for height in bodies.heights]
    arena = model.new_int_var(bound // unit, top, "")
    positions = [model.new_int_var(0, top - height, "") for height in heights]
    plain = {i for i, height in enumerate(heights) if height and bodies.is_rectangle(i)}
    lives = {i: bodies.live(i) for i in plain}
    times = [model.new_fixed_size_interval_var(live.start, live.end - live.start, "") for live in lives.values()]
    spaces = [model.new_fixed_size_interval_var(positions[i], heights[i], "") for i in lives]
    model.add_no_overlap_2d(times, spaces)
    model.add_cumulative(times, [heights[i] for i in lives], arena)
    for i, row in enumerate(bodies.forbidden):
        for j, intervals in row.items():
            if i < j and not {i, j} <= plain:
                edges = [-top, *(edge // unit for interval in intervals for edge in interval), top]
                allowed = [list(pair) for pair in zip(edges[::2], edges[1::2], strict=True) if pair[0] <= pair[1]]
                distance = positions[i] - positions[j]
                model.add_linear_expression_in_domain(distance, cp_model.Domain.from_intervals(allowed))
    for position, height, known in zip(positions, heights, hint, strict=True):
        model.add(position + height <= arena)
        model.add_hint(position, known // unit)
    model.minimize(arena)
    return model, positions


def _unit(bodies: Bodies) -> int:
    """Return the greatest common divisor of all lengths in the problem."""
    edges = [edge for row in bodies.forbidden for found in row.values() for pair in found for edge in pair]
    return gcd(*bodies.heights, *edges) or ALIGNMENT_BYTES
