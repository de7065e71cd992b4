"""Drop reshapes that the op before or after them makes up for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from redsc.ir import Graph, Mean, Node, Reduce, op_def
from redsc.ir.rules import View
from redsc.passes.base import Exactness, Log, Pass

__all__ = ["DropFlattening"]


@dataclass(frozen=True, slots=True)
class DropFlattening(Pass):
    """Drop views that the reduction before them or the dense layers after them make up for.

    FULLY_CONNECTED reads its input as rows as long as those of its weights, whatever its axes (tflite-micro takes
    their number from the output, kernels/fully_connected.cc). A reduction keeps its axes as sizes of 1, or not.

    1. A view (RESHAPE, SQUEEZE, EXPAND_DIMS) that only FULLY_CONNECTED layers read, as data, is dropped.
    2. Layers that keep the axes of their input stop doing so; refuses where they give other than two.
    3. A view of a reduction is dropped where the reduction with the other `keep_dims` gives its shape.
    4. Refuses when something else reads the value that would change.
    5. Views that give the same numbers another scale stay.
    """

    name: ClassVar[str] = "drop-flattening"
    summary: ClassVar[str] = "drop reshapes before dense layers and after reductions"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        """Look at every view."""
        views = [node for node in list(graph.nodes) if _keeps_numbers(node)]
        return bool([node for node in views if self._drop(graph, node, log)])

    def _drop(self, graph: Graph, node: Node, log: Log) -> bool:
        return self._drop_before_dense(graph, node, log) or self._drop_after_reduction(graph, node, log)

    def _drop_before_dense(self, graph: Graph, node: Node, log: Log) -> bool:
        source, flat = node.operand(0), node.outputs[0]
        readers = [use.node for use in flat.uses if use.index == 0 and use.node.op == "FULLY_CONNECTED"]
        if not readers:
            return False
        if len(readers) != len(flat.uses) or graph.is_output(flat):
            log.refuse(self.name, node.name, f"{flat.name!r} is read elsewhere")
            return False
        if any(len(reader.outputs[0].type.shape) != 2 for reader in readers):
            log.refuse(self.name, node.name, "the layer after it keeps its axes")
            return False
        for reader in readers:
            attrs = replace(reader.attrs, keep_num_dims=False)
            graph.rewrite(reader, reader.op, [source, *reader.inputs[1:]], attrs)
        graph.remove(node)
        log.change(self.name, node.name, "FULLY_CONNECTED flattens itself", flat.type.nbytes)
        return True

    def _drop_after_reduction(self, graph: Graph, node: Node, log: Log) -> bool:
        source, result = node.operand(0), node.outputs[0]
        reduction = source.producer
        if reduction is None or not isinstance(reduction.attrs, Mean | Reduce):
            return False
        attrs = replace(reduction.attrs, keep_dims=not reduction.attrs.keep_dims)
        if op_def(reduction.op).infer(replace(reduction, attrs=attrs)) != (result.type.shape,):
            return False
        if not graph.is_private(source):
            log.refuse(self.name, node.name, f"{source.name!r} is read elsewhere")
            return False
        reduction.attrs = attrs
        graph.replace_uses(result, source)
        graph.remove(node)
        source.name, source.type = result.name, result.type
        log.change(self.name, node.name, f"{reduction.op} makes the shape itself", result.type.nbytes)
        return True


def _keeps_numbers(node: Node) -> bool:
    is_view = isinstance(op_def(node.op).alias, View)
    return is_view and node.operand(0).type.quant == node.outputs[0].type.quant
