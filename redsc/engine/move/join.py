"""Rows for joining and cutting: copies between a tensor and its parts along an axis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from redsc.engine.call import Call, Emit
from redsc.engine.move.box import View, move
from redsc.ir import Array, Node
from redsc.ir.ops import axis_of, constant_ints
from redsc.ir.ops.cut import sliced_axes

__all__ = ["JOINS"]


def _concatenate(node: Node) -> Iterator[Call]:
    result, parts = node.outputs[0], list(node.present_inputs())
    axis = axis_of(node.attrs.axis, len(result.type.shape))
    for part, view in zip(parts, _in_a_row(axis, [part.type.shape[axis] for part in parts]), strict=True):
        yield from move(part, result, put=view)


def _pack(node: Node) -> Iterator[Call]:
    axis = axis_of(node.attrs.axis, len(node.outputs[0].type.shape))
    for place, part in enumerate(node.present_inputs()):
        yield from move(part, node.outputs[0], put=_at(axis, place))


def _unpack(node: Node) -> Iterator[Call]:
    axis = axis_of(node.attrs.axis, len(node.operand(0).type.shape))
    for place, part in enumerate(node.outputs):
        yield from move(node.operand(0), part, take=_at(axis, place))


def _split(node: Node, whole_index: int, axis_index: int) -> Iterator[Call]:
    whole = node.operand(whole_index)
    axis = axis_of(constant_ints(node, axis_index, "axis")[0], len(whole.type.shape))
    views = _in_a_row(axis, [part.type.shape[axis] for part in node.outputs])
    for part, view in zip(node.outputs, views, strict=True):
        yield from move(whole, part, take=view)


def _slice(node: Node) -> Iterator[Call]:
    """A negative stride is one in the copy too. The dots make a view of a single element as well."""
    taken: tuple[Any, ...] = (*sliced_axes(node), ...)
    return move(node.operand(0), node.outputs[0], take=lambda whole: whole[taken])


def _at(axis: int, place: int) -> View:
    taken: tuple[Any, ...] = (*(slice(None),) * axis, place, ...)
    return lambda whole: whole[taken]


def _in_a_row(axis: int, sizes: Sequence[int]) -> list[View]:
    """Return the views of the pieces of these sizes that make up an axis."""

    def piece(start: int, size: int) -> View:
        def view(whole: Array) -> Array:
            return whole[(*(slice(None),) * axis, slice(start, start + size))]

        return view

    starts = accumulate(sizes, initial=0)
    return [piece(start, size) for start, size in zip(starts, sizes, strict=False)]


JOINS: Mapping[str, Emit] = {
    "CONCATENATION": _concatenate,
    "PACK": _pack,
    "UNPACK": _unpack,
    "SPLIT": lambda node: _split(node, 1, 0),
    "SPLIT_V": lambda node: _split(node, 0, 2),
    "SLICE": _slice,
    "STRIDED_SLICE": _slice,
}
"""By op."""
