"""Which tensors are contiguous parts of others: where both lie in one place, their kernels copy nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate
from math import prod

from redsc.cost.buffer import ALIGNMENT_BYTES
from redsc.ir import Graph, Node, Value, op_def
from redsc.ir.ops import axis_of, constant_ints
from redsc.ir.ops.cut import sliced_axes
from redsc.ir.rules import Joins, Slices, Splits, View

__all__ = ["Part", "find_views"]

Part = tuple[Value, Value, int]  # a tensor, the one that it is a part of, and where in it, in bytes


def find_views(graph: Graph) -> list[Part]:
    """Return the tensors in RAM that can lie inside others, with the tensor they lie in and their place there.

    1. What RESHAPE and its kin give is their operand.
    2. Pieces of a SPLIT, UNPACK or SLICE are parts of their operand, operands of a CONCATENATION or PACK parts of
       its result, where they are contiguous: no axis before the cut has more than one element.
    3. A part starts at a multiple of the alignment, and parts of one tensor do not overlap.
    4. A tensor is a part of one other at most: of the first in the schedule.
    """
    taken: dict[Value, list[tuple[int, int]]] = {}
    found: dict[Value, Part] = {}
    for node in graph.nodes:
        for part, whole, start in _parts(node):
            end = start + part.type.nbytes
            is_free = all(end <= low or high <= start for low, high in taken.get(whole, []))
            if start % ALIGNMENT_BYTES or part in found or part.is_constant or whole.is_constant or not is_free:
                continue
            taken.setdefault(whole, []).append((start, end))
            found[part] = part, whole, start
    return list(found.values())


def _parts(node: Node) -> Iterator[Part]:
    rule = op_def(node.op)
    if isinstance(rule.alias, View):
        yield node.outputs[0], node.operand(0), 0
    for kind, parts in _RULES.items():
        if isinstance(rule.channels, kind):
            yield from parts(node)


def _joined(node: Node) -> Iterator[Part]:
    whole, parts = node.outputs[0], list(node.present_inputs())
    if prod(whole.type.shape[: axis_of(node.attrs.axis, len(whole.type.shape))]) == 1:
        yield from _in_a_row(whole, parts)


def _split(node: Node) -> Iterator[Part]:
    rule = op_def(node.op).channels
    assert isinstance(rule, Splits)
    (whole,) = op_def(node.op).data_inputs(node)
    axis = (
        getattr(node.attrs, rule.axis) if isinstance(rule.axis, str) else constant_ints(node, rule.axis, "axis")[0]
    )
    if prod(whole.type.shape[: axis_of(axis, len(whole.type.shape))]) == 1:
        yield from _in_a_row(whole, list(node.outputs))


def _sliced(node: Node) -> Iterator[Part]:
    """Contiguous where only one axis is cut, and those before it give one element each."""
    whole, start, inner = node.operand(0), 0, 1
    is_filled = True  # all axes behind, from the first to the last element
    for size, cut in zip(reversed(whole.type.shape), reversed(sliced_axes(node)), strict=True):
        taken = range(size)[cut] if isinstance(cut, slice) else range(size)[cut : cut + 1 or None]
        if not taken or (len(taken) > 1 and not (is_filled and taken.step == 1)):
            return
        start, inner, is_filled = start + taken[0] * inner, inner * size, is_filled and len(taken) == size
    yield node.outputs[0], whole, start * whole.type.dtype.itemsize


def _in_a_row(whole: Value, parts: list[Value]) -> Iterator[Part]:
    starts = accumulate((part.type.nbytes for part in parts), initial=0)
    yield from ((part, whole, start) for part, start in zip(parts, starts, strict=False))


_RULES: dict[type, Callable[[Node], Iterator[Part]]] = {Joins: _joined, Splits: _split, Slices: _sliced}
