"""Pools."""

from __future__ import annotations

import numpy as np

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import Kind
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.ops.reduce import reduce_axes
from redsc.formats.onnx.ops.row import OnnxOp, Rows
from redsc.formats.onnx.ops.window import Axis, Window, pad_image, read_window
from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, Padding, Pool2D

__all__ = ["POOL_ROWS"]

_MOST_DIVISORS = 1 << 20  # of a map that is a constant of the file, 4 B for each
_NONNEGATIVE = {"Relu", "Sigmoid", "Softmax", "HardSigmoid"}  # a zero changes no maximum over their outputs


def _window(context: OnnxContext, node: OnnxNode) -> Window:
    window = read_window(context, node, node.get("kernel_shape", []))
    for axis in (window.height, window.width):
        if axis.dilation != 1:
            raise CannotTranslate("its window is dilated")
        if max(axis.before, axis.after) >= axis.kernel:
            raise CannotTranslate("its padding is as long as its window")
    return window


def _pool(window: Window, padding: Padding) -> Pool2D:
    height, width = window.height, window.width
    return Pool2D(padding, height.stride, width.stride, height.kernel, width.kernel)


def _max_pool(context: OnnxContext, node: OnnxNode) -> None:
    if any(context.is_read(name) for name in node.outputs[1:] if name):
        raise CannotTranslate("it gives indices")
    window = _window(context, node)
    source, padding = context.value(node.input(0)), window.padding
    if padding is None:
        zeros = context.producer(node.input(0)) in _NONNEGATIVE
        source = pad_image(context, node, source, window, "PAD" if zeros else "PADV2")
        padding = Padding.VALID
    context.emit(node, "MAX_POOL_2D", source, attrs=_pool(window, padding))


def _average_pool(context: OnnxContext, node: OnnxNode) -> None:
    """TFLite averages over what lies inside the image; other divisors are a multiplication by a constant map."""
    window = _window(context, node)
    source, padding = context.value(node.input(0)), window.padding
    counts_padding = bool(node.get("count_include_pad", 0))
    if padding is not None and not (counts_padding and padding is Padding.SAME):
        context.emit(node, "AVERAGE_POOL_2D", source, attrs=_pool(window, padding))
        return
    padded, attrs = pad_image(context, node, source, window), _pool(window, Padding.VALID)
    rows, columns = (_counted(axis, counts_padding) for axis in (window.height, window.width))
    if (rows == window.height.kernel).all() and (columns == window.width.kernel).all():
        context.emit(node, "AVERAGE_POOL_2D", padded, attrs=attrs)
        return
    if len(rows) * len(columns) > _MOST_DIVISORS:
        raise CannotTranslate(f"its padding needs a map of more than {_MOST_DIVISORS:,} divisors")
    mean = context.step(node, "AVERAGE_POOL_2D", padded, attrs=attrs, part="mean")
    elements = window.height.kernel * window.width.kernel
    scale = (elements / np.outer(rows, columns)).astype(np.float32)[None, :, :, None]
    context.emit(node, "MUL", mean, context.builder.constant(f"{node.output}.scale", scale))


def _counted(axis: Axis, counts_padding: bool) -> Array:
    """Return for each window how many of its elements the average divides by: never those that ceil_mode adds."""
    first, end = (-axis.before, axis.size + axis.after) if counts_padding else (0, axis.size)
    windows = (axis.before + axis.size + axis.after + axis.extra - axis.kernel) // axis.stride + 1
    if windows > _MOST_DIVISORS:
        raise CannotTranslate(f"it has more than {_MOST_DIVISORS:,} windows along an axis")
    starts = np.arange(windows) * axis.stride - axis.before
    counts: Array = np.maximum(np.minimum(starts + axis.kernel, end) - np.maximum(starts, first), 0)
    return counts


def _global(op: str) -> OnnxOp:
    def handler(context: OnnxContext, node: OnnxNode) -> None:
        axes = list(range(2, context.rank(node.input(0))))
        reduce_axes(context, node, op, axes, context.value(node.input(0)))

    return OnnxOp(handler, Kind.SPATIAL)


POOL_ROWS: Rows = {
    "MaxPool": OnnxOp(_max_pool, Kind.SPATIAL),
    "AveragePool": OnnxOp(_average_pool, Kind.SPATIAL),
    "GlobalAveragePool": _global("MEAN"),
    "GlobalMaxPool": _global("REDUCE_MAX"),
}
