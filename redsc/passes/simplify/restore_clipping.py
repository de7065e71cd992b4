"""Give a layer the activation that its quantised result implies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from redsc.ir import Activation, DType, Graph, Node, Quant
from redsc.passes.base import Exactness, Log, Pass

__all__ = ["RestoreClipping"]

_LOW, _STEPS = -128, 255
_SIX = 6.0


@dataclass(frozen=True, slots=True)
class RestoreClipping(Pass):
    """Fuse the RELU or RELU6 that a quantised file left to the saturation of its integers.

    Quantisers drop an activation where the integers behind it saturate in the same place (onnxruntime's QDQ does):
    with zero point -128 nothing below 0 exists, and with scale 6 / 255 nothing above 6. The integers are the same
    with the activation and without; the float form of the network, with which levels are calibrated and measured,
    is right only with it.

    1. Fires on a layer with an attribute for a fused activation, still NONE, whose float result has an int8 form
       with zero point -128: RELU6 where its range ends at 6, else RELU.
    2. Leaves results alone that have no such form: the kernel's integers would change.
    """

    name: ClassVar[str] = "restore-clipping"
    summary: ClassVar[str] = "give layers the activation that their quantised result implies"
    preserves: ClassVar[Exactness] = Exactness.FLOAT_CLOSE

    def run(self, graph: Graph, log: Log) -> bool:
        """Look at every layer."""
        return bool([node for node in graph.nodes if self._restore(node, log)])

    def _restore(self, node: Node, log: Log) -> bool:
        if getattr(node.attrs, "activation", None) is not Activation.NONE:
            return False
        kind = node.outputs[0].type
        if kind.dtype is not DType.FLOAT32 or kind.quant is None or kind.quant.zero_point != _LOW:
            return False
        activation = _implied(kind.quant)
        node.attrs = replace(node.attrs, activation=activation)
        log.change(self.name, node.name, f"its integers saturate like {activation.value}")
        return True


def _implied(quant: Quant) -> Activation:
    reach = quant.scale * _STEPS
    return Activation.RELU6 if abs(reach - _SIX) < quant.scale / 2 else Activation.RELU
