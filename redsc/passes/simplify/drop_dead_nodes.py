"""Drop what no output depends on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from redsc.ir import Graph, Node, Value, op_def
from redsc.passes.base import Exactness, Log, Pass

__all__ = ["DropDeadNodes", "drop_unread"]


@dataclass(frozen=True, slots=True)
class DropDeadNodes(Pass):
    """Drop nodes on which no output depends.

    Converters leave them: the TFLite converter writes SHAPE, STRIDED_SLICE and PACK to compute the static shape of
    a RESHAPE.

    1. Fires when nothing reads any output of a node and none of them is a graph output.
    2. Refuses on nodes that keep state: the next inference reads what this one assigns.
    """

    name: ClassVar[str] = "drop-dead-nodes"
    summary: ClassVar[str] = "drop nodes on which no output depends"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        """Drop from the end to the start, so that one walk finds all."""
        dead = [node for node in reversed(graph.nodes) if self._drop(graph, node, log)]
        return bool(dead)

    def _drop(self, graph: Graph, node: Node, log: Log) -> bool:
        if not _is_dead(graph, node):
            return False
        graph.remove(node)
        log.change(self.name, node.name, f"{node.op} is read by nothing", _written(node))
        return True


def drop_unread(graph: Graph, values: Iterable[Value]) -> int:
    """Drop the nodes that make these values as far as nothing reads them any more, and what was for them only.

    Returns:
        The bytes that are not written any more.
    """
    waiting, less = list(values), 0
    while waiting:
        node = waiting.pop().producer
        if node is not None and node in graph.nodes and _is_dead(graph, node):
            waiting += node.present_inputs()
            graph.remove(node)
            less += _written(node)
    return less


def _is_dead(graph: Graph, node: Node) -> bool:
    return not op_def(node.op).is_stateful and not any(map(graph.is_read, node.outputs))


def _written(node: Node) -> int:
    return sum(value.type.nbytes for value in node.outputs)
