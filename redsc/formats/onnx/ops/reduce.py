"""Reductions over axes, and the place of an extreme."""

from __future__ import annotations

from collections.abc import Sequence

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import Kind, Layout, natural_layout
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.ops.row import OnnxOp, Rows
from redsc.formats.tables import CannotTranslate
from redsc.ir import ArgExtreme, CumSum, DType, Value, op_def

__all__ = ["REDUCE_ROWS", "reduce_axes", "without_axes"]


def reduce_axes(context: OnnxContext, node: OnnxNode, op: str, axes: Sequence[int], source: Value) -> None:
    """Reduce `source`, which is laid out as the node's first input, over axes of the file.

    Raises:
        CannotTranslate: an axis is named twice.
    """
    name = node.input(0)
    places = sorted({context.axis(name, axis) for axis in axes})
    if len(places) != len(axes):
        raise CannotTranslate(f"its axes {list(axes)} are not different axes of rank {context.rank(name)}")
    operand = context.indices(node, "axes", places)
    if context.rank(node.output) == context.rank(name):
        context.emit(node, op, source, operand, attrs=op_def(op).attrs(keep_dims=True))
        return
    reduced = context.step(node, op, source, operand, attrs=op_def(op).attrs(keep_dims=True), part="reduced")
    context.bind_reduced(node, reduced, axes)


def without_axes(context: OnnxContext, node: OnnxNode) -> Layout:
    """Return the output layout in which the axes that stay keep their order in memory."""
    rank = context.rank(node.output)
    if rank == context.rank(node.input(0)):
        return context.layouts[node.input(0)]
    dropped = _reduced_axes(context, node)
    kept = [axis for axis in range(context.rank(node.input(0))) if axis not in dropped]
    moved = [kept.index(axis) for axis in context.layouts[node.input(0)] if axis in kept]
    return natural_layout(moved, rank)


_ONE_AXIS = ("ArgMax", "ArgMin", "Gather")


def _reduced_axes(context: OnnxContext, node: OnnxNode) -> list[int]:
    rank = context.rank(node.input(0))
    if node.op in _ONE_AXIS:
        axes = [node.get("axis", 0)]
    else:
        axes = context.parameter(node, "axes", 1) or []
        if not axes and not node.get("noop_with_empty_axes", 0):
            axes = list(range(rank))
    if any(not -rank <= axis < rank for axis in axes):
        raise CannotTranslate(f"its axes {axes} are not axes of rank {rank}")
    return [axis % rank for axis in axes]


def _reduce(op: str, before: str | None = None, after: str | None = None) -> OnnxOp:
    """Return the row of a reduction, with an elementwise op before or after it."""

    def handler(context: OnnxContext, node: OnnxNode) -> None:
        axes, name = _reduced_axes(context, node), node.input(0)
        source = context.value(name)
        if not axes:
            if before or after:
                raise CannotTranslate("it reduces no axis")
            context.alias(node, source)
            return
        if before:
            source = context.step(node, before, source, part=before.lower())
        if after is None:
            reduce_axes(context, node, op, axes, source)
            return
        places = context.indices(node, "axes", sorted(context.axis(name, axis) for axis in axes))
        reduced = context.step(node, op, source, places, attrs=op_def(op).attrs(keep_dims=True), part="reduced")
        context.bind_reduced(node, context.step(node, after, reduced, part=after.lower()), axes)

    return OnnxOp(handler, Kind.FREE, without_axes)


def _cumulative_sum(context: OnnxContext, node: OnnxNode) -> None:
    axes = context.constant(node.input(1), "its axis is").reshape(-1)
    place = context.indices(node, "axis", [context.axis(node.input(0), int(axis)) for axis in axes])
    attrs = CumSum(bool(node.get("exclusive", 0)), bool(node.get("reverse", 0)))
    context.emit(node, "CUMSUM", context.value(node.input(0)), place, attrs=attrs)


def _arg(op: str) -> OnnxOp:
    """Return the row of a search for an extreme: TFLite drops the axis and gives int32.

    The last of several extremes is the first one from the other end.
    """

    def handler(context: OnnxContext, node: OnnxNode) -> None:
        (axis,) = _reduced_axes(context, node)
        source, is_last = context.value(node.input(0)), bool(node.get("select_last_index", 0))
        place = context.indices(node, "axis", [context.axis(node.input(0), axis)])
        if is_last:
            source = context.step(node, "REVERSE_V2", source, place, part="reversed")
        attrs = ArgExtreme(DType.INT32)
        found = context.step(node, op, source, place, attrs=attrs, dtype=DType.INT32, part="place")
        if is_last:
            end = context.indices(node, "end", [context.shape(node.input(0))[axis] - 1])
            found = context.step(node, "SUB", end, found, dtype=DType.INT32, part="from_start")
        context.bind_reduced(node, found, [axis])

    return OnnxOp(handler, Kind.FREE, without_axes)


REDUCE_ROWS: Rows = {
    "ReduceMean": _reduce("MEAN"),
    "ReduceSum": _reduce("SUM"),
    "ReduceMax": _reduce("REDUCE_MAX"),
    "ReduceMin": _reduce("REDUCE_MIN"),
    "ReduceSumSquare": _reduce("SUM", before="SQUARE"),
    "ReduceL1": _reduce("SUM", before="ABS"),
    "ReduceL2": _reduce("SUM", before="SQUARE", after="SQRT"),
    "ReduceLogSum": _reduce("SUM", after="LOG"),
    "ReduceLogSumExp": _reduce("SUM", before="EXP", after="LOG"),
    "CumSum": OnnxOp(_cumulative_sum),
    "ArgMax": _arg("ARG_MAX"),
    "ArgMin": _arg("ARG_MIN"),
}
