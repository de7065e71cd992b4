"""Replace islands of float arithmetic in an int8 graph by look-ups in a table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from redsc.formats import write_tflite
from redsc.ir import LOOKUP, NO_ATTRS, Array, DType, Graph, Node, TensorType, Value, expand_lookup, op_def
from redsc.ir.rules import InPlace
from redsc.passes.base import Exactness, Log, Pass
from redsc.passes.quantize.functions import MOST_OPS
from redsc.passes.simplify.drop_dead_nodes import drop_unread

__all__ = ["Tabulate"]

_CODES = np.arange(-128, 128, dtype=np.int8)


@dataclass(frozen=True, slots=True)
class Tabulate(Pass):
    """Replace DEQUANTIZE - elementwise float ops - QUANTIZE by a table of the 256 possible results.

    tflite-micro has no int8 kernels for EXP, LOG, SQRT and others, nor for what is composed of them (softplus,
    Mish). Of one int8 tensor they are a function of 256 values: CAST and ADD make an index of the value, GATHER
    looks the result up. LiteRT computes the table, so the result is that of the island, without its float tensors.

    1. Fires on a QUANTIZE to int8 that depends on one DEQUANTIZE of an int8 tensor of the same shape, through
       elementwise ops whose other operands are constants of one element.
    2. Refuses where the island reads a second tensor, or an op in it is not elementwise.
    3. Parts of an island that something else reads stay as they are.
    4. A QUANTIZE of a graph input, of a DEQUANTIZE or of more than 64 ops is no such island.
    """

    name: ClassVar[str] = "tabulate"
    summary: ClassVar[str] = "replace float functions of one int8 tensor by a table"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        """Look at every QUANTIZE; what only it read of its island is dropped."""
        return bool([node for node in list(graph.nodes) if self._tabulate(graph, node, log)])

    def _tabulate(self, graph: Graph, node: Node, log: Log) -> bool:
        if node.op != "QUANTIZE":
            return False
        real, result = node.operand(0), node.outputs[0]
        is_border = _is(real, DType.FLOAT32) and _is(result, DType.INT8)
        if not is_border or real.producer is None or real.producer.op == "DEQUANTIZE":
            return False
        island = _Island()
        if not island.gather(real) or len(island.sources) != 1:
            log.refuse(self.name, node.name, "its float part is no function of one int8 tensor, element by element")
            return False
        (source,) = island.sources
        table = Value.constant(graph.unused_name(f"{result.name}.table"), island.table(node), result.type.quant)
        graph.rewrite(node, LOOKUP, [source, table], NO_ATTRS)
        indices = [value for value in expand_lookup(graph, node) if not value.is_constant]
        node.origin = node.origin or island.nodes[-1].origin
        less = drop_unread(graph, [real]) - sum(value.type.nbytes for value in indices)
        text = f"{len(island.nodes)} float op(s) become a table"
        log.change(self.name, result.name, text, less, table.type.nbytes)
        return True


def _is(value: Value, dtype: DType) -> bool:
    return value.type.dtype is dtype


@dataclass(slots=True)
class _Island:
    """The nodes between int8 tensors and a float value, in an order in which they run."""

    nodes: list[Node] = field(default_factory=list)
    sources: list[Value] = field(default_factory=list)

    def gather(self, value: Value, depth: int = 0) -> bool:
        """Gather what a value depends on; return whether that is elementwise, and not too much."""
        node = value.producer
        if node is None or depth > MOST_OPS or len(self.nodes) > MOST_OPS:
            return False
        if node in self.nodes:
            return True
        if node.op == "DEQUANTIZE":
            self.sources += [node.operand(0)] if node.operand(0) not in self.sources else []
            return _is(node.operand(0), DType.INT8)
        if not isinstance(op_def(node.op).alias, InPlace) or len(node.outputs) != 1:
            return False
        if not all(self.takes(operand, value, depth) for operand in node.present_inputs()):
            return False
        self.nodes.append(node)
        return True

    def takes(self, operand: Value, result: Value, depth: int) -> bool:
        """Whether an operand is one number, or a tensor like the result of which the same holds."""
        if operand.is_constant:
            return operand.type.elements == 1
        return operand.type.shape == result.type.shape and self.gather(operand, depth + 1)

    def table(self, last: Node) -> Array:
        """Return what the island and the QUANTIZE after it make of every int8 value, in LiteRT."""
        from redsc.runtime import EXECUTORS

        (source,) = self.sources
        graph = Graph("table", inputs=[Value("code", TensorType(_CODES.shape, DType.INT8, source.type.quant))])
        real = Value("real", TensorType(_CODES.shape, DType.FLOAT32))
        graph.append("DEQUANTIZE", graph.inputs, [real], op_def("DEQUANTIZE").attrs())
        copies = {use.node.outputs[0]: real for use in source.uses if use.node.op == "DEQUANTIZE"}
        for node in (*self.nodes, last):
            inputs = [copies[v] if v.data is None else _number(v, v.data) for v in node.present_inputs()]
            output = node.outputs[0]
            copies[output] = Value(output.name, replace(output.type, shape=_CODES.shape))
            graph.append(node.op, inputs, [copies[output]], node.attrs)
        graph.outputs = [copies[last.outputs[0]]]
        ((table,),) = EXECUTORS["litert"].run(write_tflite(graph), [[_CODES]])
        return table


def _number(value: Value, data: Array) -> Value:
    """Return a constant of one element as a vector, whatever axes it had."""
    return Value.constant(value.name, data.reshape(1), value.type.quant)
