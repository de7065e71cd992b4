"""Drop ops that change nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from redsc.ir import Graph, Node, op_def
from redsc.ir.rules import View
from redsc.passes.base import Exactness, Log, Pass

__all__ = ["DropIdentities"]


@dataclass(frozen=True, slots=True)
class DropIdentities(Pass):
    """Drop views that give the type they get, and skip views of views.

    1. A view (RESHAPE) whose output has the type of its input is dropped.
    2. A view of a view reads the first one's input; the first is dropped when nothing else reads it.
    3. Refuses when a graph input would become a graph output.
    """

    name: ClassVar[str] = "drop-identities"
    summary: ClassVar[str] = "drop reshapes that change nothing"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        """Walk once in schedule order."""
        views = [node for node in list(graph.nodes) if isinstance(op_def(node.op).alias, View)]
        return bool([node for node in views if self._simplify(graph, node, log)])

    def _simplify(self, graph: Graph, node: Node, log: Log) -> bool:
        skipped = self._skip(graph, node, log)
        return self._drop(graph, node, log) or skipped

    def _skip(self, graph: Graph, node: Node, log: Log) -> bool:
        first = node.operand(0).producer
        if first is None or not isinstance(op_def(first.op).alias, View):
            return False
        if first.operand(0).type.quant != first.outputs[0].type.quant:
            return False
        graph.set_input(node, 0, first.operand(0))
        if not first.outputs[0].uses and not graph.is_output(first.outputs[0]):
            graph.remove(first)
            log.change(self.name, first.name, f"{first.op} is followed by another one")
        return True

    def _drop(self, graph: Graph, node: Node, log: Log) -> bool:
        source, result = node.operand(0), node.outputs[0]
        if source.type != result.type:
            return False
        if source.producer is None and graph.is_output(result):
            log.refuse(self.name, node.name, "it makes an output of an input")
            return False
        is_output = graph.is_output(result)
        graph.replace_uses(result, source)
        graph.remove(node)
        if is_output:
            source.name = result.name
        log.change(self.name, node.name, f"{node.op} changes nothing")
        return True
