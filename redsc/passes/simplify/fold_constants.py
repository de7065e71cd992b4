"""Compute what depends on constants only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from redsc.errors import ExecutorError
from redsc.formats import write_tflite
from redsc.ir import Array, Graph, Node, Value, is_pure
from redsc.limits import DEFAULT_LIMITS
from redsc.passes.base import Exactness, Log, Pass

__all__ = ["FoldConstants"]


@dataclass(frozen=True, slots=True)
class FoldConstants(Pass):
    """Replace nodes that read constants only by their results, which LiteRT's reference kernels compute.

    It saves the node, its kernel and the result's place in RAM; the result takes flash instead. No op of the table
    is random.

    1. Fires on a node all of whose operands are constants, and then on those that read its results; not on one that
       keeps state.
    2. Refuses when a result is a graph output: that may not be a constant.
    3. Refuses when all results together would take 1 MiB more than the constants that go.
    4. Refuses when a result holds NaN or infinity, or LiteRT does not run the node.
    """

    name: ClassVar[str] = "fold-constants"
    summary: ClassVar[str] = "compute what depends on constants only"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        """Walk once in schedule order."""
        before, spare = len(graph.nodes), DEFAULT_LIMITS.grown_bytes
        for node in list(graph.nodes):
            if is_pure(node) and all(value.is_constant for value in node.present_inputs()):
                spare -= self._fold(graph, node, spare, log)
        return len(graph.nodes) < before

    def _fold(self, graph: Graph, node: Node, spare: int, log: Log) -> int:
        """Fold a node unless a rule forbids it; return by how many bytes the constants grow."""
        growth = _growth(graph, node)
        found = _results(graph, node, growth, spare)
        if isinstance(found, str):
            log.refuse(self.name, node.name, found)
            return 0
        for value, array in zip(node.outputs, found, strict=True):
            graph.replace_uses(value, Value.constant(value.name, array, value.type.quant))
        graph.remove(node)
        log.change(self.name, node.name, f"{node.op} of constants is computed", growth_bytes=growth)
        return growth


def _growth(graph: Graph, node: Node) -> int:
    """Return the bytes of a node's results less those of the constants that nothing else reads."""
    read = [value for value in node.present_inputs() if graph.is_private(value)]
    return sum(value.type.nbytes for value in node.outputs) - sum(value.type.nbytes for value in read)


def _results(graph: Graph, node: Node, growth: int, spare: int) -> list[Array] | str:
    """Return what a node makes of its constants, or why it stays."""
    if any(graph.is_output(value) for value in node.outputs):
        return "a graph output may not be a constant"
    if growth > spare:
        return f"the constants would grow by {growth:,} B, folding may add {spare:,} B more"
    try:
        found = _run(node)
    except ExecutorError as error:
        return error.diagnostic.message
    if not all(np.isfinite(array).all() for array in found):
        return "it gives NaN or infinity"
    return found


def _run(node: Node) -> list[Array]:
    """Return the outputs of a node in LiteRT."""
    from redsc.runtime import EXECUTORS

    copies = [v if v is None or v.data is None else _copy(v, v.data) for v in node.inputs]
    graph = Graph("constants", outputs=[Value(value.name, value.type) for value in node.outputs])
    graph.append(node.op, copies, graph.outputs, node.attrs)
    (found,) = EXECUTORS["litert"].run(write_tflite(graph), [[]])
    return found


def _copy(value: Value, data: Array) -> Value:
    """Return a constant that another graph may use."""
    return Value.constant(value.name, data, value.type.quant)
