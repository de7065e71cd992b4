"""Replace islands of float arithmetic in an int8 graph by look-ups in a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from redsc.formats import write_tflite
from redsc.ir import Add, Array, DType, Gather, Graph, Node, TensorType, Value, op_def
from redsc.ir.rules import InPlace
from redsc.passes.base import Exactness, Log, Pass
from redsc.passes.simplify.drop_dead_nodes import DropDeadNodes

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
    """

    name: ClassVar[str] = "tabulate"
    summary: ClassVar[str] = "replace float functions of one int8 tensor by a table"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        """Look at every QUANTIZE; what nothing reads any more is dropped."""
        done = [node for node in list(graph.nodes) if self._tabulate(graph, node, log)]
        DropDeadNodes().run(graph, Log())
        return bool(done)

    def _tabulate(self, graph: Graph, node: Node, log: Log) -> bool:
        if node.op != "QUANTIZE" or not _is(node.operand(0), DType.FLOAT32) or not _is(node.outputs[0], DType.INT8):
            return False
        island: list[Node] = []
        sources = _sources(node.operand(0), island)
        if sources is None or len(sources) != 1:
            log.refuse(self.name, node.name, "its float part is no function of one int8 tensor, element by element")
            return False
        (source,) = sources
        result = node.outputs[0]
        if not island or source.type.shape != result.type.shape or source.type.quant is None:
            return False
        table = Value.constant(f"{result.name}.table", _table(source, island, node), result.type.quant)
        half = Value.constant(f"{result.name}.half", np.array([128], np.int32))
        kind = TensorType(result.type.shape, DType.INT32)
        raw, index = Value(f"{result.name}.raw", kind), Value(f"{result.name}.index", kind)
        graph.append("CAST", [source], [raw], op_def("CAST").attrs(), node.origin, before=node)
        graph.append("ADD", [raw, half], [index], Add(), node.origin, before=node)
        graph.rewrite(node, "GATHER", [table, index], Gather())
        node.origin = node.origin or island[-1].origin
        log.change(self.name, result.name, f"{len(island)} float op(s) become a table")
        return True


def _is(value: Value, dtype: DType) -> bool:
    return value.type.dtype is dtype


def _sources(value: Value, island: list[Node]) -> set[Value] | None:
    """Return the int8 tensors on which a float value depends elementwise, and gather the nodes between; or None."""
    node = value.producer
    if node is None:
        return None
    if node.op == "DEQUANTIZE":
        return {node.operand(0)} if _is(node.operand(0), DType.INT8) else None
    if not isinstance(op_def(node.op).alias, InPlace) or len(node.outputs) != 1:
        return None
    found: set[Value] = set()
    for operand in node.present_inputs():
        if operand.is_constant:
            if operand.type.elements != 1:
                return None
            continue
        sources = _sources(operand, island) if operand.type.shape == value.type.shape else None
        if sources is None:
            return None
        found |= sources
    if node not in island:
        island.append(node)
    return found


def _table(source: Value, island: list[Node], last: Node) -> Array:
    """Return what the island makes of every int8 value, in LiteRT."""
    from redsc.runtime import EXECUTORS

    graph = Graph("table", inputs=[Value("code", TensorType(_CODES.shape, DType.INT8, source.type.quant))])
    real = Value("real", TensorType(_CODES.shape, DType.FLOAT32))
    graph.append("DEQUANTIZE", graph.inputs, [real], op_def("DEQUANTIZE").attrs())
    copies = {use.node.outputs[0]: real for use in source.uses if use.node.op == "DEQUANTIZE"}
    for node in (*island, last):
        inputs = [
            Value.constant(v.name, v.data) if v.data is not None else copies[v] for v in node.present_inputs()
        ]
        output = node.outputs[0]
        copies[output] = Value(output.name, replace(output.type, shape=_CODES.shape))
        graph.append(node.op, inputs, [copies[output]], node.attrs)
    graph.outputs = [copies[last.outputs[0]]]
    ((table,),) = EXECUTORS["litert"].run(write_tflite(graph), [[_CODES]])
    return table
