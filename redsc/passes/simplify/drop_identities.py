"""Drop ops that change nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from redsc.ir import Graph, Node, Reshape, op_def
from redsc.ir.rules import View
from redsc.passes.base import Exactness, Log, Pass

__all__ = ["DropIdentities"]


@dataclass(frozen=True, slots=True)
class DropIdentities(Pass):
    """Drop views that give the type they get, and skip views of views.

    1. A view (RESHAPE, SQUEEZE, EXPAND_DIMS) whose output has the type of its input is dropped.
    2. A view of a view becomes a RESHAPE of the first one's input; the first is dropped when nothing else reads it.
    3. Refuses when a graph input, a constant or another graph output would become a graph output.
    4. Views that give the same numbers another scale stay.
    """

    name: ClassVar[str] = "drop-identities"
    summary: ClassVar[str] = "drop reshapes that change nothing"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        """Walk once in schedule order."""
        views = [node for node in list(graph.nodes) if _is_view(node)]
        return bool([node for node in views if self._simplify(graph, node, log)])

    def _simplify(self, graph: Graph, node: Node, log: Log) -> bool:
        skipped = self._skip(graph, node, log)
        return self._drop(graph, node, log) or skipped

    def _skip(self, graph: Graph, node: Node, log: Log) -> bool:
        middle = node.operand(0)
        first = middle.producer
        if first is None or not _is_view(first) or first.operand(0).type.quant != middle.type.quant:
            return False
        graph.rewrite(node, "RESHAPE", [first.operand(0)], Reshape(node.outputs[0].type.shape))
        log.change(self.name, node.name, f"the {first.op} before it moves nothing")
        if not graph.is_read(middle):
            graph.remove(first)
        return True

    def _drop(self, graph: Graph, node: Node, log: Log) -> bool:
        source, result = node.operand(0), node.outputs[0]
        if source.type != result.type:
            return False
        is_output = graph.is_output(result)
        if is_output and (source.producer is None or graph.is_output(source)):
            log.refuse(self.name, node.name, f"the output would be {source.name!r} itself")
            return False
        graph.replace_uses(result, source)
        graph.remove(node)
        if is_output:
            source.name = result.name
        log.change(self.name, node.name, f"{node.op} changes nothing", result.type.nbytes)
        return True


def _is_view(node: Node) -> bool:
    return isinstance(op_def(node.op).alias, View)
