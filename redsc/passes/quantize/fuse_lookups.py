"""Recognise a look-up in a table that TFLM needs three ops for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from redsc.choices import Kernels
from redsc.ir import LOOKUP, NO_ATTRS, TABLE_SHIFT, TABLE_SIZE, Activation, DType, Graph, Node, Value
from redsc.passes.base import Exactness, Log, Pass
from redsc.passes.simplify.drop_dead_nodes import drop_unread

__all__ = ["FuseLookups"]


@dataclass(frozen=True, slots=True)
class FuseLookups(Pass):
    """Replace the CAST, ADD and GATHER that `Tabulate` makes by one op: no index takes memory then.

    y = table[128 + x] for int8 x: a table of 256 results, of which every index is one.

    1. Fires for the C engine; TFLM has no kernel for it.
    2. Fires on a GATHER from a constant int8 vector of 256 numbers whose indices are a CAST of an int8 tensor of
       the result's shape, plus 128.
    3. What else reads the CAST or the ADD still does.
    """

    kernels: Kernels
    name: ClassVar[str] = "fuse-lookups"
    summary: ClassVar[str] = "recognise look-ups in tables of 256 numbers"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        """Look at every GATHER; indices that nothing else reads are dropped."""
        if not self.kernels.are_ours:
            return False
        return bool([node for node in list(graph.nodes) if self._fuse(graph, node, log)])

    def _fuse(self, graph: Graph, node: Node, log: Log) -> bool:
        if node.op != "GATHER" or not _is_table(node.operand(0)):
            return False
        index = node.operand(1)
        source = _looked_up(index)
        if source is None or source.type.shape != node.outputs[0].type.shape:
            return False
        graph.rewrite(node, LOOKUP, [source, node.operand(0)], NO_ATTRS)
        log.change(self.name, node.name, "CAST, ADD and GATHER are one look-up", drop_unread(graph, [index]))
        return True


def _is_table(value: Value) -> bool:
    return value.is_constant and value.type.dtype is DType.INT8 and value.type.shape == (TABLE_SIZE,)


def _looked_up(index: Value) -> Value | None:
    """Return the int8 tensor of which indices are 128 more, None if they are something else."""
    add = index.producer
    if add is None or add.op != "ADD" or add.attrs.activation is not Activation.NONE:
        return None
    shifts = [value for value in add.inputs if value is not None and _is_shift(value)]
    casts = [value.producer for value in add.present_inputs() if not value.is_constant]
    if not shifts or len(casts) != 1 or casts[0] is None or casts[0].op != "CAST":
        return None
    source = casts[0].operand(0)
    is_widened = source.type.dtype is DType.INT8 and index.type.dtype is DType.INT32
    return source if is_widened else None


def _is_shift(value: Value) -> bool:
    return value.data is not None and value.data.size > 0 and bool((value.data == TABLE_SHIFT).all())
