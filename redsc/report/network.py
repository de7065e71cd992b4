"""A network as the report has it: every node with what it costs, every buffer with its place in the arena."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain, repeat

from redsc.choices import Kernels
from redsc.cost.latency import LatencyTable
from redsc.cost.memory import NetworkMemory, placed_buffers
from redsc.ir import Graph, Node, Shape, op_def

__all__ = ["BufferReport", "NodeReport", "buffer_reports", "bytes_in_use", "node_reports"]


@dataclass(frozen=True, slots=True)
class NodeReport:
    """A node of the schedule.

    Attributes:
        name: the user's own name of it.
        source: the node of the model file that it was made of: in ONNX its name, in TFLite that of its first
            result; None where no single one is known.
        op: the operator.
        shape: of its first result, channels last.
        macs: multiply-accumulates.
        constant_bytes: what it reads of weights and other constants.
        latency_us: microseconds, measured or estimated as `Report.estimate` says; None without a table.
        sqnr_db: signal to quantisation noise of its first result in the whole network; None where not measured.
    """

    name: str
    source: str | None
    op: str
    shape: Shape
    macs: int
    constant_bytes: int
    latency_us: float | None = None
    sqnr_db: float | None = None


@dataclass(frozen=True, slots=True)
class BufferReport:
    """A buffer in the head of the arena: bytes `[offset, offset + bytes)` during the steps `[start, end)`.

    Step i runs node i; inputs are written before step 0 and start at -1. `kind` is `input`, `output`, `activation`
    or `scratch`. Two that are live at once share bytes only where a kernel may overwrite what it reads, or where
    one is a part of the other.
    """

    name: str
    kind: str
    bytes: int
    offset: int
    start: int
    end: int


def node_reports(
    graph: Graph,
    source_names: Set[str] = frozenset(),
    table: LatencyTable | None = None,
    sqnr_db: Mapping[str, float] | None = None,
) -> tuple[NodeReport, ...]:
    """Return a row per node, in the order of the schedule; `sqnr_db` is by the name of a result."""
    measured = sqnr_db or {}
    return tuple(
        NodeReport(
            name=node.name,
            source=_source(node, source_names),
            op=node.op,
            shape=node.outputs[0].type.shape if node.outputs else (),
            macs=op_def(node.op).macs(node),
            constant_bytes=sum(v.type.nbytes for v in {v for v in node.present_inputs() if v.is_constant}),
            latency_us=None if table is None else _microseconds(table, node),
            sqnr_db=next((measured[v.name] for v in node.outputs if v.name in measured), None),
        )
        for node in graph.nodes
    )


def buffer_reports(graph: Graph, memory: NetworkMemory, kernels: Kernels) -> tuple[BufferReport, ...]:
    """Return the buffers of the head, tensors first; `memory` is what was measured of this graph."""
    kinds = dict.fromkeys(graph.activations(), "activation")
    kinds |= dict.fromkeys(graph.outputs, "output") | dict.fromkeys(graph.inputs, "input")
    tensors = [kinds[value] for value in graph.activations()]
    return tuple(
        BufferReport(
            name=buffer.name,
            kind=kind,
            bytes=buffer.size,
            offset=offset,
            start=buffer.live.start,
            end=buffer.live.end,
        )
        for (buffer, offset), kind in zip(
            placed_buffers(graph, memory, kernels), chain(tensors, repeat("scratch")), strict=False
        )
    )


def bytes_in_use(buffers: Sequence[BufferReport], steps: int) -> tuple[int, ...]:
    """Return how many bytes of the head hold something, before the first step and in every step."""
    return tuple(
        _covered([buffer for buffer in buffers if buffer.start <= step < buffer.end]) for step in range(-1, steps)
    )


def _covered(buffers: Sequence[BufferReport]) -> int:
    total = end = 0
    for buffer in sorted(buffers, key=lambda buffer: buffer.offset):
        top = buffer.offset + buffer.bytes
        total += max(0, top - max(end, buffer.offset))
        end = max(end, top)
    return total


def _source(node: Node, names: Set[str]) -> str | None:
    known = (*node.origin, *(value.name for value in node.outputs))
    return next((name for name in known if name in names), None)


def _microseconds(table: LatencyTable, node: Node) -> float:
    return round(table.millicycles(node) / (1000 * table.target.megahertz), 3)
