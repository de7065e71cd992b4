"""Let slices read what a concatenation was made of."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from redsc.ir import Graph, Node, Reshape, Value, op_def
from redsc.ir.ops.cut import sliced_axes
from redsc.ir.rules import View
from redsc.passes.base import Exactness, Log, Pass

__all__ = ["SkipJoining"]

_JOINS = ("CONCATENATION", "PACK")
_SLICES = ("SLICE", "STRIDED_SLICE")


@dataclass(frozen=True, slots=True)
class SkipJoining(Pass):
    """Let a slice that takes one operand of a concatenation be a view of that operand.

    Layers over sequences join the states of all steps, of which classifiers read the last one.

    1. Fires on a SLICE or STRIDED_SLICE whose elements follow one another in memory and are those of one operand of
       a CONCATENATION or PACK; views between the two do not matter.
    2. An operand that is a concatenation itself is looked into.
    3. Refuses where an axis before the joined one is longer than 1: operands do not lie one behind the other.
    4. Refuses where the slice takes a part of an operand, or of several.
    5. Refuses where the operand has another scale.
    """

    name: ClassVar[str] = "skip-joining"
    summary: ClassVar[str] = "let slices read what a concatenation was made of"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        """Look at every slice; concatenations that nothing reads any more are dropped with other dead nodes."""
        slices = [node for node in graph.nodes if node.op in _SLICES]
        return bool([node for node in slices if self._skip(graph, node, log)])

    def _skip(self, graph: Graph, node: Node, log: Log) -> bool:
        run, source = _run(node), node.operand(0)
        found = None if run is None else _operand(source, run)
        if found is None or found is source:
            return False
        if found.type.quant != node.outputs[0].type.quant:
            log.refuse(self.name, node.name, f"{found.name!r} has another scale")
            return False
        log.change(self.name, node.name, f"{node.op} takes {found.name!r}", node.outputs[0].type.nbytes)
        graph.rewrite(node, "RESHAPE", [found], Reshape(node.outputs[0].type.shape))
        return True


def _run(node: Node) -> range | None:
    """Return the places in memory of the elements that a slice takes, None where others lie between them."""
    shape = node.operand(0).type.shape
    taken = [_places(item, size) for item, size in zip(sliced_axes(node), shape, strict=True)]
    first = next((axis for axis, places in enumerate(taken) if len(places) > 1), len(shape))
    whole = all(places == range(size) for places, size in zip(taken[first + 1 :], shape[first + 1 :], strict=True))
    if not whole or any(places.step != 1 for places in taken) or not all(taken):
        return None
    begin = int(np.ravel_multi_index([places.start for places in taken], shape))
    return range(begin, begin + prod(len(places) for places in taken))


def _places(item: slice | int, size: int) -> range:
    return range(size)[item] if isinstance(item, slice) else range(item % size, item % size + 1)


def _operand(value: Value, run: range) -> Value | None:
    """Return the value, among those of which `value` is joined, that has just the elements `run` of it."""
    if len(run) == value.type.elements:
        return value
    node = value.producer
    if node is None:
        return None
    if isinstance(op_def(node.op).alias, View):
        return _operand(node.operand(0), run)
    if node.op not in _JOINS or prod(value.type.shape[: node.attrs.axis % len(value.type.shape)]) != 1:
        return None
    start = 0
    for part in node.present_inputs():
        end = start + part.type.elements
        if start <= run.start and run.stop <= end:
            return _operand(part, range(run.start - start, run.stop - start))
        start = end
    return None
