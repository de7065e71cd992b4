"""The levels as the report has them: what each costs and is worth, node by node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from redsc.budgets import Budgets
from redsc.choices import Kernels
from redsc.cost.latency import find_latency_table
from redsc.cost.macs import graph_macs
from redsc.cost.memory import NetworkMemory
from redsc.formats import Model
from redsc.passes.levels import Levels
from redsc.report.network import BufferReport, NodeReport, buffer_reports, bytes_in_use, node_reports
from redsc.runtime.data.view import Crop, Size
from redsc.runtime.evaluate.quality import Quality
from redsc.runtime.evaluate.sqnr import LayerSQNR

__all__ = ["ArenaReport", "LevelReport", "level_reports"]


@dataclass(frozen=True, slots=True)
class ArenaReport:
    """The RAM of one level on a 32-bit target; `status` says whether the head is proven least for its order.

    Of the C engine the head is its arena, the tail its state, and the greedy head what no sharing of bytes between
    an operand and a result would leave.
    """

    head_bytes: int
    tail_bytes: int
    total_bytes: int
    tflm_greedy_head_bytes: int
    lower_bound_bytes: int
    status: str
    kernels: str


@dataclass(frozen=True, slots=True)
class LevelReport:
    """One level; `crop` (top, left, height, width) is the part of the image that it sees, null for all of it.

    `resolution` (height, width) is what that is scaled to, null where it is not. `latency_basis` says whether its
    layers were measured on the target or are estimated. `nodes` are in the order in which they run, `buffers` what
    lies in the head of its arena.
    """

    name: str
    slot: int
    macs: int
    macs_fraction: float
    widths: Mapping[str, int]
    skipped: tuple[str, ...]
    arena: ArenaReport
    private_bytes: int
    latency_us: int | None = None
    latency_basis: str | None = None
    energy_uj: int | None = None
    quality: Quality | None = None
    resolution: Size | None = None
    crop: Crop | None = None
    nodes: tuple[NodeReport, ...] = ()
    buffers: tuple[BufferReport, ...] = ()

    @property
    def live_bytes(self) -> tuple[int, ...]:
        """Bytes of the head that hold something, before the first step and in every step."""
        return bytes_in_use(self.buffers, len(self.nodes))


def level_reports(
    model: Model,
    levels: Levels,
    budgets: Budgets,
    quality: Sequence[Quality | None],
    private_bytes: Sequence[int],
    sqnr: Iterable[LayerSQNR],
) -> tuple[LevelReport, ...]:
    """Return a row per level, the largest first; `sqnr` is that of the layers of slot 0."""
    full, table = graph_macs(model.graph), find_latency_table(budgets)
    decibels = {row.value: round(row.sqnr_db, 2) for row in sqnr if isfinite(row.sqnr_db)}
    rows = zip(levels.plan.levels, levels.networks, quality, private_bytes, strict=True)
    return tuple(
        LevelReport(
            name=level.name,
            slot=slot,
            macs=network.macs,
            macs_fraction=round(network.macs / full, 6) if full else 1.0,
            widths=network.widths,
            skipped=level.skipped,
            arena=_arena(network.memory, budgets.kernels),
            private_bytes=own_bytes,
            latency_us=None if table is None else table.microseconds(network.graph),
            latency_basis=None if table is None else table.basis(network.graph),
            energy_uj=None if table is None else table.microjoules(network.graph),
            quality=measured,
            resolution=level.resolution,
            crop=level.crop,
            nodes=node_reports(network.graph, model.node_names, table, None if slot else decibels),
            buffers=buffer_reports(network.shipped, network.memory, budgets.kernels),
        )
        for slot, (level, network, measured, own_bytes) in enumerate(rows)
    )


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
