"""Ops that take parts, join parts, or fill up."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from redsc.formats.onnx.context import OnnxContext, origin
from redsc.formats.onnx.layout import Kind
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.ops.parts import MOST_PICKED, cut, join
from redsc.formats.onnx.ops.reduce import without_axes
from redsc.formats.onnx.ops.row import OnnxOp, Rows
from redsc.formats.onnx.protobuf import DataType
from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, Block, Concatenation, DType, Gather, MirrorMode, MirrorPad, Split, StridedSlice, Value
from redsc.ir.ops.move import MOST_JOINED

__all__ = ["MOVE_ROWS"]


def _concat(context: OnnxContext, node: OnnxNode) -> None:
    parts = [context.part(name, node.output) for name in node.inputs]
    context.alias(node, join(context, node, parts, context.axis(node.output, node.get("axis", 1)), "joined"))


def _split(context: OnnxContext, node: OnnxNode) -> None:
    name = node.input(0)
    axis = node.get("axis", 0)
    place, count = context.axis(name, axis), len(node.outputs)
    sizes = [context.shape(output)[axis % context.rank(name)] for output in node.outputs]
    operand = context.builder.constant(f"{node.output}.axis", np.array(place, np.int32))
    names = [output or f"{node.output}.{index}" for index, output in enumerate(node.outputs)]
    if len(set(sizes)) == 1:
        values = context.builder.split_op(
            "SPLIT", operand, context.value(name), names=names, attrs=Split(count), origin=origin(node)
        )
    else:
        values = context.builder.split_op(
            "SPLIT_V",
            context.value(name),
            context.indices(node, "sizes", sizes),
            operand,
            names=names,
            attrs=Split(count),
            origin=origin(node),
        )
    for output, value in zip(node.outputs, values, strict=True):
        context.keep(output, value, context.quants.get(output))


def _slice(context: OnnxContext, node: OnnxNode) -> None:
    """A step of 1 is a SLICE, another a STRIDED_SLICE; backwards, the axis is reversed first."""
    name, rank = node.input(0), context.rank(node.input(0))
    starts, ends = context.parameter(node, "starts", 1), context.parameter(node, "ends", 2)
    if starts is None or ends is None:
        raise CannotTranslate("it has no bounds")
    axes = context.parameter(node, "axes", 3) or list(range(len(starts)))
    steps = context.parameter(node, "steps", 4) or [1] * len(starts)
    source = context.value(name)
    spans, strides = {}, [1] * len(source.type.shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place, span = context.axis(name, axis), range(context.shape(name)[axis % rank])[start:end:step]
        if step < 0:
            operand = context.indices(node, f"reversed{place}", [place])
            source = context.step(node, "REVERSE_V2", source, operand, part=f"reverse{place}")
            last = source.type.shape[place] - 1
            span = range(last - span.start, last - span.start + (len(span) - 1) * -step + 1, -step)
        spans[place], strides[place] = (span.start, span.stop), abs(step)
    if max(strides) == 1:
        context.alias(node, cut(context, node, source, spans, "cut"))
        return
    context.alias(node, _strided(context, node, source, spans, strides))


def _strided(
    context: OnnxContext, node: OnnxNode, source: Value, spans: dict[int, tuple[int, int]], strides: list[int]
) -> Value:
    shape = source.type.shape
    begin = context.indices(node, "begin", [spans.get(axis, (0, 0))[0] for axis in range(len(shape))])
    end = context.indices(node, "end", [spans.get(axis, (0, n))[1] for axis, n in enumerate(shape)])
    attrs = StridedSlice(
        begin_mask=sum(1 << axis for axis in range(len(shape)) if axis not in spans),
        end_mask=sum(1 << axis for axis in range(len(shape)) if axis not in spans),
    )
    steps = context.indices(node, "strides", strides)
    return context.step(node, "STRIDED_SLICE", source, begin, end, steps, attrs=attrs, part="strided")


def _gather(context: OnnxContext, node: OnnxNode) -> None:
    """Neighbours are a SLICE; a single index drops its axis."""
    name, rank = node.input(0), context.rank(node.input(0))
    axis = node.get("axis", 0)
    place, size = context.axis(name, axis), context.shape(name)[axis % rank]
    indices = context.constant(node.input(1), "its indices are")
    if indices.ndim > 1 or indices.dtype.kind not in "iu" or (np.abs(indices + 0.5) > size).any():
        raise CannotTranslate(f"its indices are no list of places below {size}")
    picked = [int(i) % size for i in indices.reshape(-1)]
    if all(right == left + 1 for left, right in pairwise(picked)):
        found = cut(context, node, context.value(name), {place: (picked[0], picked[-1] + 1)}, "cut")
    else:
        operand = context.indices(node, "indices", picked)
        found = context.step(node, "GATHER", context.value(name), operand, attrs=Gather(place), part="picked")
    if indices.ndim == 0:
        context.bind_reduced(node, found, [axis])
    else:
        context.alias(node, found)


def _pad(context: OnnxContext, node: OnnxNode) -> None:
    """Negative padding cuts."""
    name = node.input(0)
    mode, rank = node.get("mode", "constant"), context.rank(name)
    pads = context.parameter(node, "pads", 1) or context.parameter(node, "paddings", 1) or []
    axes = context.parameter(node, "axes", 3) or list(range(rank))
    if len(pads) != 2 * len(axes):
        raise CannotTranslate(f"it pads {len(axes)} axes by {pads}")
    source = context.value(name)
    amounts = np.zeros((len(source.type.shape), 2), int)
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        amounts[context.axis(name, axis)] = before, after
    if (amounts < 0).any():
        spans = {
            place: (max(-before, 0), source.type.shape[place] + min(after, 0))
            for place, (before, after) in enumerate(amounts.tolist())
        }
        source = cut(context, node, source, spans, "cut")
    _fill(context, node, source, np.maximum(amounts, 0), mode, context.number(node, "value", 2, 0.0))


def _fill(context: OnnxContext, node: OnnxNode, source: Value, amounts: Array, mode: str, value: float) -> None:
    operand = context.indices(node, "paddings", amounts)
    if not amounts.any():
        context.alias(node, source)
    elif mode == "reflect":
        context.emit(node, "MIRROR_PAD", source, operand, attrs=MirrorPad(MirrorMode.REFLECT))
    elif mode != "constant":
        raise CannotTranslate(f"its mode is {mode}")
    elif value == 0:
        context.emit(node, "PAD", source, operand)
    else:
        context.emit(node, "PADV2", source, operand, value)


def _tile(context: OnnxContext, node: OnnxNode) -> None:
    """Join copies along each axis that repeats."""
    name = node.input(0)
    repeats = context.parameter(node, "repeats", 1)
    if repeats is None or len(repeats) != context.rank(name) or max(repeats) > MOST_JOINED:
        raise CannotTranslate(f"it repeats by {repeats}")
    value = context.value(name)
    for axis, times in enumerate(repeats):
        if times > 1:
            attrs = Concatenation(context.axis(name, axis))
            value = context.step(node, "CONCATENATION", *[value] * times, attrs=attrs, part=f"times{axis}")
    context.alias(node, value)


def _depth_to_space(context: OnnxContext, node: OnnxNode) -> None:
    """TFLite's order of channels is DCR; for CRD they are brought into it first."""
    source, block = context.value(node.input(0)), node.get("blocksize", 1)
    if node.get("mode", "DCR") == "CRD":
        channels = source.type.shape[-1]
        order = _turned(context, node, channels, channels // (block * block))
        source = context.step(node, "GATHER", source, order, attrs=Gather(3), part="reordered")
    context.emit(node, "DEPTH_TO_SPACE", source, attrs=Block(block))


def _space_to_depth(context: OnnxContext, node: OnnxNode) -> None:
    source, block = context.value(node.input(0)), node.get("blocksize", 1)
    if node.get("mode", "DCR") == "DCR":
        context.emit(node, "SPACE_TO_DEPTH", source, attrs=Block(block))
        return
    blocks = context.step(node, "SPACE_TO_DEPTH", source, attrs=Block(block), part="blocks")
    order = _turned(context, node, blocks.type.shape[-1], block * block)
    context.emit(node, "GATHER", blocks, order, attrs=Gather(3))


def _turned(context: OnnxContext, node: OnnxNode, channels: int, rows: int) -> Value:
    """Return the indices of channels that lie in so many rows, column by column."""
    if channels % rows or channels > MOST_PICKED:
        raise CannotTranslate(f"it moves {channels:,} channels one by one, at most {MOST_PICKED:,} can be")
    return context.indices(node, "channels", np.arange(channels).reshape(rows, -1).T.reshape(-1))


def _cast(context: OnnxContext, node: OnnxNode) -> None:
    wanted = _CAST_TYPES.get(node.get("to"))
    source = context.value(node.input(0))
    if wanted is None:
        raise CannotTranslate(f"it casts to element type {node.get('to')} of onnx.proto")
    if wanted is source.type.dtype:
        context.alias(node, source)
    else:
        context.emit(node, "CAST", source, dtype=wanted)


_CAST_TYPES = {
    DataType.FLOAT: DType.FLOAT32,
    DataType.INT32: DType.INT32,
    DataType.INT64: DType.INT32,  # TFLM's index tensors have 32 bits
    DataType.BOOL: DType.BOOL,
}

MOVE_ROWS: Rows = {
    "Concat": OnnxOp(_concat),
    "Split": OnnxOp(_split),
    "Slice": OnnxOp(_slice),
    "Gather": OnnxOp(_gather, Kind.FREE, without_axes),
    "Pad": OnnxOp(_pad),
    "Tile": OnnxOp(_tile),
    "Cast": OnnxOp(_cast),
    "DepthToSpace": OnnxOp(_depth_to_space, Kind.SPATIAL),
    "SpaceToDepth": OnnxOp(_space_to_depth, Kind.SPATIAL),
}
