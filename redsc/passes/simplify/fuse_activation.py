"""Fuse an activation into the op before it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from redsc.ir import Activation, Graph, Node, Value
from redsc.passes.base import Exactness, Log, Pass

__all__ = ["FUSABLE", "FuseActivation"]

FUSABLE = {"RELU": Activation.RELU, "RELU6": Activation.RELU6}


@dataclass(frozen=True, slots=True)
class FuseActivation(Pass):
    """Fuse RELU and RELU6 into the linear layer, addition or pool that makes their input.

    The kernels clamp their result as the activation does: act(op(x)) = op[act](x), also in int8 if both results
    have the same scale and zero point. It saves a tensor and a walk over it.

    1. Fires when the producer has an attribute for a fused activation, which is still NONE.
    2. Refuses when something else reads the producer's output, or it is a graph output.
    3. Refuses when int8 scales or zero points differ: the activation rescales. A float value without an int8 form
       takes on that of the activation.
    """

    name: ClassVar[str] = "fuse-activation"
    summary: ClassVar[str] = "fuse RELU and RELU6 into the op before them"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        """Fuse wherever the rules allow."""
        fused = [node for node in list(graph.nodes) if node.op in FUSABLE and self._fuse(graph, node, log)]
        return bool(fused)

    def _fuse(self, graph: Graph, node: Node, log: Log) -> bool:
        source, result = node.operand(0), node.outputs[0]
        producer = source.producer
        if producer is None or getattr(producer.attrs, "activation", None) is not Activation.NONE:
            return False
        if not graph.is_private(source):
            log.refuse(self.name, node.name, f"{source.name!r} is read elsewhere")
            return False
        if source.type.quant not in (result.type.quant, None):
            log.refuse(self.name, node.name, "it rescales")
            return False
        _become(graph, producer, node, result)
        log.change(self.name, producer.name, f"takes over {node.op} {node.name}", result.type.nbytes)
        return True


def _become(graph: Graph, producer: Node, activation: Node, result: Value) -> None:
    """Let `producer` make `result` in place of `activation`."""
    source = producer.outputs[0]
    graph.replace_uses(result, source)
    graph.remove(activation)
    source.name, source.type = result.name, result.type
    producer.attrs = replace(producer.attrs, activation=FUSABLE[activation.op])
    producer.origin = (*producer.origin, *(name for name in activation.origin if name not in producer.origin))
