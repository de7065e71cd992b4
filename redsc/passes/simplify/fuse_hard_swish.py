"""Recognise the parts of a HARD_SWISH."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from redsc.ir import NO_ATTRS, Activation, DType, Graph, Node, Value
from redsc.passes.base import Exactness, Log, Pass
from redsc.passes.simplify.drop_dead_nodes import drop_unread

__all__ = ["FuseHardSwish"]

_TOLERANCE = 1e-6
_MOST_MULS = 8  # exporters write two


@dataclass(frozen=True, slots=True)
class FuseHardSwish(Pass):
    """Replace x * relu6(x + 3) / 6, however it is multiplied, by HARD_SWISH.

    Exporters write it in parts; the kernel needs one tensor where the parts need three, and one rounding in int8.

    1. Fires on a product of MULs whose factors are x, an ADD of x and 3 that is cut by RELU6, and constants whose
       product is 1/6.
    2. Refuses when something else reads a part, or a part is a graph output.
    3. Refuses when a MUL has an activation, and on integers.
    4. Refuses when a constant gives the result more axes than x has.
    """

    name: ClassVar[str] = "fuse-hard-swish"
    summary: ClassVar[str] = "recognise x * relu6(x + 3) / 6"
    preserves: ClassVar[Exactness] = Exactness.FLOAT_CLOSE

    def run(self, graph: Graph, log: Log) -> bool:
        """Look at each product from its last MUL on; its parts are dropped."""
        products = [node for node in graph.nodes[::-1] if _is_product(node)]
        return bool([node for node in products if self._fuse(graph, node, log)])

    def _fuse(self, graph: Graph, node: Node, log: Log) -> bool:
        factors = _factors(graph, node) if graph.is_read(node.outputs[0]) else []
        tensors = [value for value in factors if not value.is_constant]
        numbers = [float(v.data.reshape(-1)[0]) for v in factors if v.data is not None and v.data.size == 1]
        if len(tensors) != 2 or len(numbers) != len(factors) - 2 or abs(prod(numbers) - 1 / 6) > _TOLERANCE:
            return False
        found = [(source, gate) for source, gate in (tensors, tensors[::-1]) if _is_gate(gate, source)]
        if not found or found[0][0].type.shape != node.outputs[0].type.shape:
            return False
        source, gate = found[0]
        if not graph.is_private(gate):
            log.refuse(self.name, node.name, f"{gate.name!r} is read elsewhere")
            return False
        parts = list(node.present_inputs())
        graph.rewrite(node, "HARD_SWISH", [source], NO_ATTRS)
        log.change(self.name, node.name, "x * relu6(x + 3) / 6 is one op", drop_unread(graph, parts))
        return True


def _is_product(node: Node) -> bool:
    return (
        node.op == "MUL"
        and node.attrs.activation is Activation.NONE
        and node.operand(0).type.dtype is DType.FLOAT32
    )


def _factors(graph: Graph, node: Node) -> list[Value]:
    """Return the factors of a product, through the MULs that only it reads; of a long one some may be products."""
    found = list(node.present_inputs())
    for _ in range(_MOST_MULS):
        inner = next((v for v in found if v.producer and _is_product(v.producer) and graph.is_private(v)), None)
        if inner is None or inner.producer is None:
            break
        place = found.index(inner)
        found[place : place + 1] = inner.producer.present_inputs()
    return found


def _is_gate(gate: Value, source: Value) -> bool:
    """Whether a value is relu6(source + 3)."""
    node = gate.producer
    if node is None or node.op != "ADD" or node.attrs.activation is not Activation.RELU6:
        return False
    others = [value for value in node.present_inputs() if value is not source]
    shift = others[0].data if len(others) == 1 else None
    return shift is not None and shift.size == 1 and abs(float(shift.reshape(-1)[0]) - 3) < _TOLERANCE
