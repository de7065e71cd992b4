"""Take parts of values of the graph, and join values: steps of what several operators become."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from redsc.formats.onnx.context import OnnxContext, origin
from redsc.formats.onnx.nodes import OnnxNode
from redsc.ir import Concatenation, Split, Value
from redsc.ir.ops.move import MOST_JOINED

__all__ = ["MOST_PICKED", "cut", "join", "split_evenly"]

MOST_PICKED = 1 << 16
"""Elements that a GATHER takes one by one: the file has an index of 4 B for each."""
_TO_THE_END = -1  # as a size of SLICE


def cut(context: OnnxContext, node: OnnxNode, source: Value, spans: dict[int, tuple[int, int]], part: str) -> Value:
    """Return a value cut to `[begin, end)` along axes of the graph, by their number."""
    shape = source.type.shape
    begin = [spans.get(axis, (0, 0))[0] for axis in range(len(shape))]
    size = [
        _TO_THE_END if spans.get(axis, (0, n))[1] == n else spans[axis][1] - spans[axis][0]
        for axis, n in enumerate(shape)
    ]
    operands = (context.indices(node, f"{part}.begin", begin), context.indices(node, f"{part}.size", size))
    return context.step(node, "SLICE", source, *operands, part=part)


def split_evenly(
    context: OnnxContext, node: OnnxNode, source: Value, count: int, part: str = "split"
) -> tuple[Value, ...]:
    """Return equal parts of a value along its last axis."""
    if count == 1:
        return (source,)
    axis = context.builder.constant(f"{node.output}.axis", np.array(len(source.type.shape) - 1, np.int32))
    names = [f"{node.output}.{part}{index}" for index in range(count)]
    return context.builder.split_op("SPLIT", axis, source, names=names, attrs=Split(count), origin=origin(node))


def join(context: OnnxContext, node: OnnxNode, parts: Sequence[Value], axis: int, part: str) -> Value:
    """Return values joined along an axis of the graph; more than TFLM joins at once are joined in groups."""
    attrs, rest = Concatenation(axis), list(parts)
    while len(rest) > MOST_JOINED:
        first = context.step(node, "CONCATENATION", *rest[:MOST_JOINED], attrs=attrs, part=f"{part}.of{len(rest)}")
        rest = [first, *rest[MOST_JOINED:]]
    return rest[0] if len(rest) == 1 else context.step(node, "CONCATENATION", *rest, attrs=attrs, part=part)
