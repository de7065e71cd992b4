"""One point of a sweep: the levels that a selector finds for a prepared model in a RAM budget, and their costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from redsc.compile.choice import Choice, choose, with_weights
from redsc.compile.levels import within_budgets
from redsc.compile.measure import measure_quality
from redsc.compile.prepare import Prepared, prepare
from redsc.cost.latency import find_latency_table
from redsc.cost.macs import graph_macs
from redsc.cost.memory import resident_bytes
from redsc.errors import BudgetError
from redsc.options import Options
from redsc.passes.base import Log
from redsc.passes.flash import levels_flash
from redsc.progress import silent
from redsc.report.sweep import SweptLevel, SweptPoint
from redsc.runtime.evaluate.quality import Quality
from redsc.runtime.threads import one_thread
from redsc.sweep.bundle import Bundle
from redsc.sweep.grid import Point

__all__ = ["Shared", "share", "solve"]

_ALONE = Lock()  # workers of a cluster may have several threads, and the runtimes' settings hold for a process


@dataclass(frozen=True, slots=True)
class Shared:
    """What all points of a model have in common.

    `known` are levels that were recovered and measured already, by their plan: different budgets and selectors
    often come to the same one.
    """

    bundle: Bundle
    prepared: Prepared
    known: dict[str, tuple[Choice, Sequence[Quality | None]]] = field(default_factory=dict)


def share(bundle: Bundle) -> Shared:
    """Prepare a model: import, calibration, what every cut costs.

    Raises:
        RedscError: of the class that says what is wrong.
    """
    with _ALONE, one_thread(), bundle.unpacked() as (path, options):
        return Shared(bundle.prepared(), prepare(path, options))


def solve(shared: Shared, point: Point) -> bytes:
    """Return a point as JSON; where nothing fits, with the error that says what binds.

    Raises:
        RedscError: of the class that says what is wrong, but no `BudgetError`.
    """
    bundle = shared.bundle
    with _ALONE, one_thread(), bundle.unpacked() as (_, options):
        options = point.of(options)
        ram_bytes = options.budgets.ram_bytes or 0
        place = SweptPoint(bundle.label, bundle.sha256, ram_bytes, point.selector)
        try:
            return _solved(shared, options, place).to_json()
        except BudgetError as error:
            return replace(place, error=error.diagnostic).to_json()


def _solved(shared: Shared, options: Options, place: SweptPoint) -> SweptPoint:
    prepared, known = shared.prepared, shared.known

    def recovered(choice: Choice) -> Choice:
        plan = choice.levels.plan.to_json()
        if plan not in known:
            found = with_weights(choice, options, silent, Log())
            known[plan] = found, measure_quality(found, options, silent)[1]
        found, levels = known[plan][0], choice.levels
        same = replace(found.levels, selector=levels.selector, solver=levels.solver, diagnostics=levels.diagnostics)
        return replace(found, levels=same)

    choice = within_budgets(
        lambda budgets: choose(prepared, replace(options, budgets=budgets)), recovered, options.budgets
    )
    levels, quality = choice.levels, known[choice.levels.plan.to_json()][1]
    memory, objective = [network.memory for network in levels.networks], levels.solver.objective
    return replace(
        place,
        status=levels.solver.status,
        objective=None if objective is None else round(objective, 6),
        ram_bytes=resident_bytes(memory, options.budgets.resident),
        flash_bytes=levels_flash(levels.slots, memory, options.budgets.kernels),
        levels=tuple(_level(slot, choice, prepared, options, quality[slot]) for slot in range(len(memory))),
    )


def _level(slot: int, choice: Choice, prepared: Prepared, options: Options, quality: Quality | None) -> SweptLevel:
    network, problem, table = choice.levels.networks[slot], prepared.problem, find_latency_table(options.budgets)
    assert problem is not None  # a sweep has no plan
    return SweptLevel(
        name=choice.levels.names[slot],
        macs=network.macs,
        macs_fraction=round(network.macs / graph_macs(prepared.network), 6),
        arena_bytes=network.memory.arena_bytes,
        latency_us=None if table is None else table.microseconds(network.graph),
        energy_uj=None if table is None else table.microjoules(network.graph),
        loss=round(problem.loss(network), 6),
        quality=quality,
        resolution=network.view.size,
        crop=network.view.crop,
    )
