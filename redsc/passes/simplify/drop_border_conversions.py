"""Let a network take and give int8 where it converts from and to float32 at its borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from redsc.choices import Kernels
from redsc.cost.arena import Effort
from redsc.cost.memory import measure_memory
from redsc.errors import Diagnostic
from redsc.ir import DType, Graph, Node
from redsc.passes.base import Exactness, Log, Pass
from redsc.passes.quantize.int8 import annotate

__all__ = ["DropBorderConversions", "float_border_note"]


@dataclass(frozen=True, slots=True)
class DropBorderConversions(Pass):
    """Drop the QUANTIZE of a graph input and the DEQUANTIZE to a graph output.

    The numbers between the borders stay the same; who calls the network converts: q = round(real / scale) +
    zero point. The float32 image, four times the int8 one, is often the largest tensor of all.

    1. A QUANTIZE of a float32 graph input to int8 is dropped: the input has its result's type.
    2. A DEQUANTIZE of an int8 value to a float32 graph output is dropped: the output is that value.
    3. Inputs and outputs keep their names.
    4. Refuses when something else reads the float32 tensor.
    5. Refuses when a graph input or another graph output would become the output.
    """

    name: ClassVar[str] = "drop-border-conversions"
    summary: ClassVar[str] = "take and give int8 instead of float32"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        """Look at both borders, the inputs first."""
        inputs = [node for node in list(graph.nodes) if self._drop_quantize(graph, node, log)]
        outputs = [node for node in list(graph.nodes) if self._drop_dequantize(graph, node, log)]
        return bool(inputs or outputs)

    def _drop_quantize(self, graph: Graph, node: Node, log: Log) -> bool:
        if not _converts(node, "QUANTIZE", DType.FLOAT32, DType.INT8) or node.operand(0) not in graph.inputs:
            return False
        source, result = node.operand(0), node.outputs[0]
        if not graph.is_private(source):
            log.refuse(self.name, node.name, f"{source.name!r} is read elsewhere")
            return False
        if graph.is_output(result):
            log.refuse(self.name, node.name, f"the output would be {source.name!r} itself")
            return False
        graph.replace_uses(result, source)
        graph.remove(node)
        less, source.type = source.type.nbytes, result.type
        log.change(self.name, node.name, f"the input {source.name!r} is int8", less)
        return True

    def _drop_dequantize(self, graph: Graph, node: Node, log: Log) -> bool:
        if not _converts(node, "DEQUANTIZE", DType.INT8, DType.FLOAT32) or not graph.is_output(node.outputs[0]):
            return False
        source, result = node.operand(0), node.outputs[0]
        if result.uses:
            log.refuse(self.name, node.name, f"{result.name!r} is read elsewhere")
            return False
        if source.producer is None or graph.is_output(source):
            log.refuse(self.name, node.name, f"the output would be {source.name!r} itself")
            return False
        graph.replace_uses(result, source)
        graph.remove(node)
        source.name = result.name
        log.change(self.name, node.name, f"the output {source.name!r} is int8", result.type.nbytes)
        return True


def float_border_note(graph: Graph, kernels: Kernels) -> list[Diagnostic]:
    """Return a note where an int8 network would need a smaller arena without float inputs and outputs."""
    trial = annotate(graph, {})
    if not DropBorderConversions().run(trial, Log()):
        return []
    before, after = (measure_memory(item, kernels, effort=Effort.QUICK).arena_bytes for item in (graph, trial))
    if after >= before:
        return []
    return [
        Diagnostic("L108", f"float inputs or outputs cost {before - after:,} B of RAM", hint="--int8-io drops them")
    ]


def _converts(node: Node, op: str, before: DType, after: DType) -> bool:
    return node.op == op and (node.operand(0).type.dtype, node.outputs[0].type.dtype) == (before, after)
