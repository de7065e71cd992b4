"""A look-up in a table as one op, for the C engine: TFLM and files have CAST, ADD and GATHER in its place.

Operands: data, and the table: the results of the int8 numbers from -128 to 127, in their order.
"""

from __future__ import annotations

import numpy as np

from redsc.ir.graph import Graph, Node, Value
from redsc.ir.ops.arithmetic import Add
from redsc.ir.ops.definition import NoAttrs, OpDef, ShapeError, same_shape
from redsc.ir.ops.move import Gather
from redsc.ir.rules import InPlace, Passes, RawIntegers
from redsc.ir.signatures import I8, same_type
from redsc.ir.types import DType, Shape, TensorType

__all__ = ["LOOKUP", "LOOKUP_OPS", "TABLE_SHIFT", "TABLE_SIZE", "expand_lookup"]

LOOKUP = "REDSC_LOOKUP"
TABLE_SIZE = 256
TABLE_SHIFT = 128  # from a number to its place in the table


def _infer(node: Node) -> tuple[Shape, ...]:
    if node.operand(1).type.shape != (TABLE_SIZE,):
        raise ShapeError(f"the table has the shape {list(node.operand(1).type.shape)}, needs [{TABLE_SIZE}]")
    return same_shape(node)


LOOKUP_OPS = (
    OpDef(
        LOOKUP,
        NoAttrs,
        _infer,
        channels=Passes(),
        signatures=same_type((I8,), 2),
        min_inputs=2,
        quant=RawIntegers(),
        alias=InPlace(),
    ),
)


def expand_lookup(graph: Graph, node: Node) -> tuple[Value, ...]:
    """Let CAST, ADD and GATHER make the result of a look-up; return the values that this adds."""
    source, table, result = node.operand(0), node.operand(1), node.outputs[0]
    shift = Value.constant(graph.unused_name(f"{result.name}.half"), np.array([TABLE_SHIFT], np.int32))
    kind = TensorType(result.type.shape, DType.INT32)
    raw, index = (Value(graph.unused_name(f"{result.name}.{name}"), kind) for name in ("raw", "index"))
    graph.append("CAST", [source], [raw], NoAttrs(), node.origin, before=node)
    graph.append("ADD", [raw, shift], [index], Add(), node.origin, before=node)
    graph.rewrite(node, "GATHER", [table, index], Gather())
    return raw, shift, index
