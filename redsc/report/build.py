"""Gather the facts of a compile into its report."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite

from redsc.budgets import Budgets
from redsc.choices import Kernels, Resident
from redsc.codegen.oracles import Verification
from redsc.cost.latency import LatencyTable, find_latency_table
from redsc.cost.macs import graph_macs
from redsc.cost.memory import NetworkMemory, resident_all_bytes, resident_one_bytes
from redsc.errors import Diagnostic
from redsc.formats import Model
from redsc.formats.model import Port
from redsc.ir import FRONT_END_OPS, DType, Graph, Value, keeps_state, lasting_states, state_reads
from redsc.passes.base import LogEntry
from redsc.passes.levels import Levels
from redsc.report.data import (
    SCHEMA_VERSION,
    ArenaReport,
    BudgetReport,
    CacheReport,
    CascadeReport,
    CascadeStep,
    EstimateReport,
    FileReport,
    FlashReport,
    LevelReport,
    ModelReport,
    PortReport,
    Report,
    ResidentReport,
    SolverReport,
    StateReport,
)
from redsc.report.network import buffer_reports, node_reports
from redsc.runtime.evaluate.cascade import Cascade
from redsc.runtime.evaluate.quality import Quality
from redsc.runtime.evaluate.sqnr import LayerSQNR
from redsc.version import __version__

__all__ = ["build_report", "model_report"]


def build_report(
    model: Model,
    budgets: Budgets,
    levels: Levels,
    quality: Sequence[Quality | None],
    verification: Iterable[Verification],
    files: Mapping[str, bytes],
    diagnostics: Iterable[Diagnostic],
    flash: FlashReport,
    private_bytes: Sequence[int],
    cascade: Cascade | None = None,
    cache: CacheReport | None = None,
    log: Iterable[LogEntry] = (),
    sqnr: Iterable[LayerSQNR] = (),
) -> Report:
    """Return the report of a compile; `files` are all files but the report itself, `private_bytes` by level."""
    memory = [network.memory for network in levels.networks]
    decibels = {row.value: round(row.sqnr_db, 2) for row in sqnr if isfinite(row.sqnr_db)}
    return Report(
        schema_version=SCHEMA_VERSION,
        redsc=__version__,
        model=model_report(model, levels.graphs[0]),
        budget=_budget(budgets),
        levels=tuple(
            _level(slot, model, levels, private_bytes[slot], quality[slot], budgets, decibels)
            for slot in range(len(memory))
        ),
        estimate=_estimate(find_latency_table(budgets)),
        arena=ResidentReport(resident_all_bytes(memory), resident_one_bytes(memory)),
        solver=_solver(levels),
        spaces=levels.full_widths,
        flash=flash,
        cache=cache,
        cascade=None if cascade is None else _cascade(cascade, levels),
        state=_state(levels.graphs[0], budgets),
        verification=tuple(verification),
        files=tuple(FileReport(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()),
        diagnostics=tuple(diagnostics),
        log=tuple(log),
    )


def model_report(model: Model, graph: Graph | None = None) -> ModelReport:
    """Return the facts about the model file; ops and MACs are counted after the lossless passes.

    Inputs and outputs are those of `graph`, what the artefact runs; without it those of the model.
    """
    first = model.graph if graph is None else graph
    return ModelReport(
        path=model.path.name,
        sha256=model.sha256,
        format=model.format,
        ops=len(model.graph.nodes),
        macs=graph_macs(model.graph),
        inputs=tuple(_port(*pair) for pair in zip(first.inputs, model.inputs, strict=True)),
        outputs=tuple(_port(*pair) for pair in zip(first.outputs, model.outputs, strict=True)),
    )


def _port(value: Value, port: Port) -> PortReport:
    kind, quant = value.type, value.type.quant if value.type.dtype is not DType.FLOAT32 else None
    return PortReport(
        name=value.name,
        shape=kind.shape,
        dtype=kind.dtype.value,
        scale=None if quant is None else quant.scale,
        zero_point=None if quant is None else quant.zero_point,
        layout=port.layout,
        source_shape=port.source_shape,
        source_dtype=port.dtype,
    )


def _budget(budgets: Budgets) -> BudgetReport:
    return BudgetReport(
        budgets.ram_bytes,
        budgets.flash_bytes,
        budgets.macs,
        budgets.latency_us,
        None if budgets.target is None else budgets.target.name,
        budgets.resident.value,
        budgets.kernels.value,
        budgets.cache.value,
        {name: source.value for name, source in budgets.sources.items()},
    )


def _estimate(table: LatencyTable | None) -> EstimateReport | None:
    if table is None:
        return None
    costs = table.costs
    return EstimateReport(
        costs.core,
        costs.library,
        table.target.megahertz,
        costs.evidence.value,
        costs.source,
        costs.board,
        costs.error_percent,
        costs.energy_error_percent if table.knows_energy else None,
    )


def _level(
    slot: int,
    model: Model,
    levels: Levels,
    private_bytes: int,
    quality: Quality | None,
    budgets: Budgets,
    sqnr_db: Mapping[str, float],
) -> LevelReport:
    network, level, full = levels.networks[slot], levels.plan.levels[slot], graph_macs(model.graph)
    table = find_latency_table(budgets)
    return LevelReport(
        name=level.name,
        slot=slot,
        macs=network.macs,
        macs_fraction=round(network.macs / full, 6) if full else 1.0,
        widths=network.widths,
        skipped=level.skipped,
        arena=_arena(network.memory, budgets.kernels),
        private_bytes=private_bytes,
        latency_us=None if table is None else table.microseconds(network.graph),
        latency_basis=None if table is None else table.basis(network.graph),
        energy_uj=None if table is None else table.microjoules(network.graph),
        quality=quality,
        resolution=level.resolution,
        crop=level.crop,
        nodes=node_reports(network.graph, model.node_names, table, sqnr_db if slot == 0 else None),
        buffers=buffer_reports(network.shipped, network.memory, budgets.kernels),
    )


def _solver(levels: Levels) -> SolverReport:
    """Return how good the plan is known to be; JSON has six digits of it."""
    found = levels.solver
    return SolverReport(
        selector=levels.selector,
        status="exact" if levels.selector == "none" else found.status,
        objective=_rounded(found.objective),
        bound=_rounded(found.bound),
        gap=_rounded(found.gap),
        grid=found.grid,
    )


def _cascade(cascade: Cascade, levels: Levels) -> CascadeReport:
    found = cascade.measured
    return CascadeReport(
        steps=tuple(
            CascadeStep(levels.names[step.slot], step.slot, step.threshold, share)
            for step, share in zip(cascade.steps, found.shares, strict=True)
        ),
        macs=found.macs,
        macs_fraction=round(found.macs / levels.networks[0].macs, 6),
        metric=found.metric,
        value=found.value,
        interval=found.interval,
        loss=found.loss,
        samples=found.samples,
        calibration_samples=cascade.fitted_on,
    )


def _state(graph: Graph, budgets: Budgets) -> StateReport | None:
    kinds = [node.outputs[0].type for node in state_reads(graph)]
    own = [state.type for state in lasting_states(graph)]
    if not keeps_state(graph):
        return None
    switching = _SWITCHING[budgets.resident]
    has_front_end = any(node.op in FRONT_END_OPS for node in graph.nodes)
    if (own or has_front_end) and budgets.resident is Resident.ALL and not budgets.kernels.are_ours:
        owners = "recurrent layers" if own else "audio front ends"
        switching = f"apart: {owners} of every level have their own"
    return StateReport(len(kinds) + len(own), sum(kind.nbytes for kind in (*kinds, *own)), switching)


_SWITCHING = {
    Resident.ALL: "kept: all levels share it",
    Resident.ONE: "reset: the arena holds one level at a time",
}


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 6)


def _arena(memory: NetworkMemory, kernels: Kernels) -> ArenaReport:
    return ArenaReport(
        head_bytes=memory.head_bytes,
        tail_bytes=memory.tail_bytes,
        total_bytes=memory.arena_bytes,
        tflm_greedy_head_bytes=memory.greedy_head_bytes,
        lower_bound_bytes=memory.lower_bound_bytes,
        status=memory.status,
        kernels=kernels.value,
    )
