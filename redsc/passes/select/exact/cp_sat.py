"""The joint problem for OR-Tools' CP-SAT: all levels, their budgets, and that each nests in the one above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from redsc.choices import Resident
from redsc.cost.buffer import ALIGNMENT_BYTES
from redsc.cost.flash import KERNEL_BYTES
from redsc.passes.select.exact.cp_level import LevelDomain, LevelModel
from redsc.passes.select.problem import Candidate, Widths
from redsc.passes.select.sums.costs import Costs
from redsc.passes.select.sums.ram import shared_bytes
from redsc.passes.select.sums.tail import TailModel
from redsc.passes.slice.plan import Level

__all__ = ["QUICK_EFFORT", "Query", "Solved", "solve"]

QUICK_EFFORT = 3.0  # of deterministic time: for a single level, and for bounds that are moved
_SEED = 1


@dataclass(frozen=True, slots=True)
class Query:
    """Levels to choose, the largest first, between larger and smaller ones that are fixed; bounds in bytes.

    `least_losses` are what each level is known to lose at least, if it is known.
    """

    domains: tuple[LevelDomain, ...]
    above: tuple[Candidate, ...] = ()
    below: tuple[Candidate, ...] = ()
    ram_bytes: int | None = None
    flash_bytes: int | None = None
    least_losses: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Solved:
    """The best levels found, and a loss below which no others are; losses are those of the costs, integers."""

    levels: tuple[Level, ...]
    objective: int
    bound: int

    @property
    def is_optimal(self) -> bool:
        """Whether no levels lose less."""
        return self.objective == self.bound


def solve(costs: Costs, query: Query, effort: float, hint: Sequence[Level] = ()) -> Solved | None:
    """Return nested levels that lose the least in sum, None where none were found; the levels have no names.

    One worker and a limit in deterministic time: the same query gives the same levels.
    """
    from ortools.sat.python import cp_model

    cp = cp_model.CpModel()
    levels = [LevelModel(costs, domain, cp) for domain in query.domains]
    for larger, smaller in pairwise(levels):
        smaller.nest(larger)
    for add_bound in (_bound_work, _bound_ram, _bound_flash):
        add_bound(costs, query, cp, levels)
    losses = [level.loss() for level in levels]
    for loss, least in zip(losses, query.least_losses, strict=False):
        cp.add(loss >= least)
    cp.minimize(sum(losses))
    for level, wanted in zip(levels, hint, strict=False):
        level.hint(wanted)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = _SEED
    solver.parameters.linearization_level = 2
    solver.parameters.cp_model_probing_level = 0  # the relaxation is tight: probing and cuts only take time
    solver.parameters.cut_level = 0
    solver.parameters.exploit_best_solution = True
    solver.parameters.max_deterministic_time = effort
    if solver.solve(cp) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    found = tuple(level.read(solver) for level in levels)
    return Solved(found, round(solver.objective_value), round(solver.best_objective_bound))


def _bound_work(costs: Costs, query: Query, cp: Any, levels: Sequence[LevelModel]) -> None:
    """Bound the MACs of every level, and its cycles: what is nested in the first takes no longer than that."""
    latency = costs.problem.latency
    for level, domain in zip(levels, query.domains, strict=True):
        cp.add(level.sum(level.costs.macs) <= domain.ceiling_macs)
        if level.costs.cycles is not None and latency is not None:
            cp.add(level.sum(level.costs.cycles) <= latency.millicycles)


def _bound_ram(costs: Costs, query: Query, cp: Any, levels: Sequence[LevelModel]) -> None:
    """Bound the arena: per level, or what levels share plus all their tails."""
    ram, limit = costs.ram, query.ram_bytes
    if ram is None or limit is None:
        return
    beside = (*query.above, *query.below)
    models = [model for level in levels if (model := level.costs.ram)]
    tails = [_tail(model.tail, level) for model, level in zip(models, levels, strict=True)]
    parts = list(zip(models, levels, tails, strict=True))
    if ram.resident is Resident.ONE:
        loading = (model.loading for model in models)
        cp.add(max([*loading, *(other.memory.arena_bytes for other in beside)]) <= limit)
        for model, level, tail in parts:
            for cost in model.heads:
                cp.add(level.sum(cost) + tail <= limit)
        return
    floor = shared_bytes(beside)
    shared = cp.new_int_var(floor, max(limit, floor), "")
    cp.add(shared + sum(tails) <= limit - ram.others_bytes(len(levels), beside))
    for model, level, tail in parts:
        cp.add(shared + tail >= model.loading)
        for cost in model.heads:
            if level.most(cost) > floor:
                cp.add(shared >= level.sum(cost))


def _tail(tail: TailModel, level: LevelModel) -> Any:
    return tail.ports + sum(level.rounded(stack, ALIGNMENT_BYTES) for stack in tail.stacks)


def _bound_flash(costs: Costs, query: Query, cp: Any, levels: Sequence[LevelModel]) -> None:
    """Bound the container: the first level stores everything, others what they cut elsewhere than above them."""
    flash, limit = costs.flash, query.flash_bytes
    if flash is None or limit is None:
        return
    stored: list[Any] = []
    first = query.above[-1].widths if query.above else None
    chain: list[LevelModel | Widths | None] = [first, *levels]
    for level, larger in zip(levels, chain, strict=False):
        for copies in flash.copies:
            if larger is None:
                stored.append(level.sum(copies.cost))
            elif copies.spaces:
                stored.append(level.copied(copies, larger))
    if flash.needs_kernels(query.above):
        is_cut = cp.new_bool_var("")
        for level in levels:
            for column in flash.in_place:
                for width, taken in level.widths[column.space].items():
                    if width < column.whole:
                        cp.add(is_cut >= taken + level.is_there(column.block) - 1)
        stored.append(KERNEL_BYTES * is_cut)
    fixed = flash.fixed_bytes(costs.problem, query.above, len(levels) + len(query.below))
    cp.add(sum(stored) <= limit - fixed)
