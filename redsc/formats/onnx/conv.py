"""Convolutions."""

from __future__ import annotations

import numpy as np

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import Kind
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.row import OnnxOp, Rows
from redsc.formats.onnx.window import Axis, pad_image, read_window
from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, Conv2D, DepthwiseConv2D, Padding, TransposeConv, Value

__all__ = ["CONV_ROWS"]


def _weights(context: OnnxContext, node: OnnxNode) -> Array:
    """Return the weights in rank 4: those of a 1-D convolution get a height of 1."""
    weight = context.floats(node.input(1), "its weights are")
    return weight[:, :, None, :] if weight.ndim == 3 else weight


def _bias(context: OnnxContext, node: OnnxNode, channels: int) -> Value:
    if not node.input(2):
        return context.builder.constant(f"{node.output}.bias", np.zeros(channels, np.float32))
    return context.weight(node.input(2), context.floats(node.input(2), "its bias is"), 0)


def _conv(context: OnnxContext, node: OnnxNode) -> None:
    weight = _weights(context, node)
    window = read_window(context, node, context.shape(node.input(1))[2:])
    channels, out, group = context.shape(node.input(0))[1], weight.shape[0], node.get("group", 1)
    if channels != weight.shape[1] * group or out % group:
        raise CannotTranslate(f"it has {group} groups over {channels} channels")
    source, padding = context.value(node.input(0)), window.padding
    if padding is None:
        source, padding = pad_image(context, node, source, window), Padding.VALID
    height, width = window.height, window.width
    attrs: Conv2D | DepthwiseConv2D = Conv2D(padding, height.stride, width.stride, height.dilation, width.dilation)
    op, axes, axis = "CONV_2D", (0, 2, 3, 1), 0  # OIHW -> OHWI
    if group == channels > 1:
        attrs = DepthwiseConv2D(
            padding, height.stride, width.stride, height.dilation, width.dilation, out // channels
        )
        op, axes, axis = "DEPTHWISE_CONV_2D", (1, 2, 3, 0), 3  # OIHW with I = 1 -> 1HWO
    kernel = context.weight(node.input(1), weight.transpose(axes), axis)
    context.emit(node, op, source, kernel, _bias(context, node, out), attrs=attrs)


def _conv_transpose(context: OnnxContext, node: OnnxNode) -> None:
    """TRANSPOSE_CONV makes (size - 1) * stride + reach elements, or SAME's cut of them; other cuts are a SLICE."""
    node.require_defaults(group=1, output_shape=None)
    weight = _dilated(_weights(context, node), node.get("dilations") or [1])
    window = read_window(context, node, context.shape(node.input(1))[2:])
    _, out_h, out_w, out = context.graph_shape(node.output)
    wanted = (out_h, out_w)
    full = tuple(_full(axis, n) for axis, n in zip((window.height, window.width), wanted, strict=True))
    padding, made = Padding.VALID, full
    if full != wanted and _is_same(window.height, out_h) and _is_same(window.width, out_w):
        padding, made = Padding.SAME, wanted
    source = context.value(node.input(0))
    inputs = (
        context.indices(node, "shape", (source.type.shape[0], *made, out)),
        context.weight(node.input(1), weight.transpose(1, 2, 3, 0), 0),  # IOHW -> OHWI
        source,
        _bias(context, node, out),
    )
    attrs = TransposeConv(padding, window.height.stride, window.width.stride)
    if made == wanted:
        context.emit(node, "TRANSPOSE_CONV", *inputs, attrs=attrs)
        return
    whole = context.step(node, "TRANSPOSE_CONV", *inputs, attrs=attrs, part="whole")
    begin = context.indices(node, "begin", (0, window.height.before, window.width.before, 0))
    size = context.indices(node, "size", (-1, *wanted, -1))
    context.emit(node, "SLICE", whole, begin, size)


def _full(axis: Axis, wanted: int) -> int:
    """Return how many elements VALID must make so that `wanted` can be cut out after the padding."""
    least = (axis.size - 1) * axis.stride + axis.reach
    if axis.before + wanted > least + axis.stride - 1:
        raise CannotTranslate("its output padding is larger than its stride allows")
    return max(least, axis.before + wanted)


def _is_same(axis: Axis, wanted: int) -> bool:
    """Whether SAME makes exactly the wanted cut (TFLite kernels/transpose_conv.cc: the forward op's padding)."""
    total = (axis.size - 1) * axis.stride + axis.reach - wanted
    return total >= 0 and total // 2 == axis.before and -(-wanted // axis.stride) == axis.size


def _dilated(weight: Array, dilations: list[int]) -> Array:
    """Return the kernel with zeros between its elements: TRANSPOSE_CONV knows no dilation."""
    step_h, step_w = [1, 1, *dilations][-2:]
    rows, columns = (weight.shape[2] - 1) * step_h + 1, (weight.shape[3] - 1) * step_w + 1
    spread = np.zeros((*weight.shape[:2], rows, columns), np.float32)
    spread[:, :, ::step_h, ::step_w] = weight
    return spread


CONV_ROWS: Rows = {
    "Conv": OnnxOp(_conv, Kind.SPATIAL),
    "ConvTranspose": OnnxOp(_conv_transpose, Kind.SPATIAL),
}
