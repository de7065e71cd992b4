"""What keeps the levels of a plan from being wider: the bounds that the next width of each space would break."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from redsc.budgets import Budgets
from redsc.cost.macs import graph_macs
from redsc.ir import Graph
from redsc.passes.select.make_problem import given_problem
from redsc.passes.select.problem import Candidate, Problem, live_spaces
from redsc.passes.slice.plan import LevelPlan, ceiling_macs
from redsc.passes.spaces.structure import find_structure

__all__ = ["Stops", "binding_bounds"]

Stops = dict[str, tuple[str, ...]]  # by the bound: the spaces whose next width breaks it


def binding_bounds(
    network: Graph, plan: LevelPlan, budgets: Budgets, freeze: Sequence[str], multiple: int
) -> tuple[Stops, ...]:
    """Return of every level what stops its spaces from being one legal width wider, each on its own.

    The bounds are `its ceiling` of MACs, the budgets `MACs`, `RAM`, `flash` and `latency`, `the level above`, which
    is no wider, and `nothing` where recovery needs what is left, or the levels are a plan's.

    Args:
        network: what the levels were cut out of.
        plan: the levels.
        budgets: what they keep.
        freeze: spaces that keep their width.
        multiple: widths are multiples of it, or full.
    """
    structure = find_structure(network, freeze, plan.segments)
    whole = given_problem(network, structure, plan, budgets, multiple)
    levels = whole.networks(plan.levels)
    return tuple(_stops(whole, plan, levels, slot) for slot in range(len(levels)))


def _stops(whole: Problem, plan: LevelPlan, levels: Sequence[Candidate], slot: int) -> Stops:
    level, found = levels[slot], Stops()
    problem = whole.beside(levels[0]) if slot else whole
    above = levels[slot - 1].widths if slot else whole.full
    alive = live_spaces(level.graph, whole.groups)
    for name, width in level.widths.items():
        wider = next((legal for legal in whole.legal(name) if legal > width), None)
        if wider is None or name not in alive:
            continue
        broken = ["the level above"]
        if wider <= above[name]:
            candidate = problem.candidate({**level.widths, name: wider}, level.skipped, level.view)
            beside = [*levels[:slot], candidate, *levels[slot + 1 :]]
            broken = list(_broken(problem, beside, slot, plan.levels[slot].name)) or ["nothing"]
        for bound in broken:
            found[bound] = (*found.get(bound, ()), name)
    return found


def _broken(problem: Problem, levels: Sequence[Candidate], slot: int, name: str) -> Iterator[str]:
    """Yield the bounds that levels break, one of which is wider than the plan says."""
    budgets, latency, wider = problem.budgets, problem.latency, levels[slot]
    if wider.macs > ceiling_macs(name, graph_macs(problem.graph)):
        yield "its ceiling"
    if slot == 0 and budgets.macs is not None and wider.macs > budgets.macs:
        yield "MACs"
    if budgets.ram_bytes is not None and problem.ram(levels) > budgets.ram_bytes:
        yield "RAM"
    if budgets.flash_bytes is not None and problem.flash(levels) > budgets.flash_bytes:
        yield "flash"
    if slot == 0 and latency is not None and problem.microseconds(wider) > latency.microseconds:
        yield "latency"
