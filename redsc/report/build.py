"""Gather the facts of a compile into its report."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redsc.budgets import Budgets
from redsc.choices import Resident
from redsc.codegen.oracles import Verification
from redsc.cost.latency import LatencyTable, find_latency_table
from redsc.cost.macs import graph_macs
from redsc.cost.memory import resident_all_bytes, resident_one_bytes
from redsc.errors import Diagnostic
from redsc.formats import Model
from redsc.formats.model import Port
from redsc.ir import FRONT_END_OPS, DType, Graph, Value, keeps_state, lasting_states, state_reads
from redsc.passes.base import LogEntry
from redsc.passes.levels import Levels
from redsc.report.data import (
    SCHEMA_VERSION,
    BudgetReport,
    CacheReport,
    CascadeReport,
    CascadeStep,
    EstimateReport,
    FileReport,
    FlashReport,
    ModelReport,
    PortReport,
    Report,
    ResidentReport,
    SolverReport,
    StateReport,
)
from redsc.report.level import level_reports
from redsc.runtime.evaluate.cascade import Cascade
from redsc.runtime.evaluate.quality import Quality
from redsc.runtime.evaluate.sqnr import LayerSQNR
from redsc.version import __version__

__all__ = ["Compiled", "build_report", "model_report"]


@dataclass(frozen=True, slots=True)
class Compiled:
    """All that is known when a compile is done.

    Attributes:
        model: the file that was compiled.
        budgets: what was allowed.
        levels: what was made of it, the largest first.
        quality: of every level; None where it was not measured.
        private_bytes: of every level: what it reads and no larger one.
        flash: where the bytes of the artefact go.
        verification: what the oracles said.
        files: all files by name but the report itself.
        diagnostics: what the user should know.
        cascade: of the levels of a classifier.
        cache: what was simulated of the flash's.
        log: what the passes did.
        sqnr: of every layer of slot 0, where that was measured.
    """

    model: Model
    budgets: Budgets
    levels: Levels
    quality: Sequence[Quality | None]
    private_bytes: Sequence[int]
    flash: FlashReport
    verification: Sequence[Verification]
    files: Mapping[str, bytes]
    diagnostics: Sequence[Diagnostic]
    cascade: Cascade | None
    cache: CacheReport | None
    log: Sequence[LogEntry]
    sqnr: Sequence[LayerSQNR]


def build_report(made: Compiled) -> Report:
    """Return the report of a compile."""
    budgets, levels = made.budgets, made.levels
    memory = [network.memory for network in levels.networks]
    return Report(
        schema_version=SCHEMA_VERSION,
        redsc=__version__,
        model=model_report(made.model, levels.graphs[0]),
        budget=_budget(budgets),
        levels=level_reports(made.model, levels, budgets, made.quality, made.private_bytes, made.sqnr),
        estimate=_estimate(find_latency_table(budgets)),
        arena=ResidentReport(resident_all_bytes(memory), resident_one_bytes(memory)),
        solver=_solver(levels),
        spaces=levels.full_widths,
        flash=made.flash,
        cache=made.cache,
        cascade=None if made.cascade is None else _cascade(made.cascade, levels),
        state=_state(levels.graphs[0], budgets),
        verification=tuple(made.verification),
        files=tuple(_file(name, data) for name, data in made.files.items()),
        diagnostics=tuple(made.diagnostics),
        log=tuple(made.log),
    )


def _file(name: str, data: bytes) -> FileReport:
    return FileReport(name, len(data), hashlib.sha256(data).hexdigest())


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
