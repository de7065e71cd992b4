"""Convolutions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import Kind
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.ops.parts import cut, split_evenly
from redsc.formats.onnx.ops.row import OnnxOp, Rows
from redsc.formats.onnx.ops.window import Axis, Window, pad_image, read_axes, read_window
from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, Concatenation, Conv2D, DepthwiseConv2D, Padding, TransposeConv, Value
from redsc.ir.ops.move import MOST_JOINED

__all__ = ["CONV_ROWS"]

_MOST_DILATED = 1 << 10


def _weights(context: OnnxContext, node: OnnxNode) -> Array:
    """Return the weights in rank 4: those of a 1-D convolution get a height of 1."""
    weight = context.floats(node.input(1), "its weights are")
    return weight[:, :, None, :] if weight.ndim == 3 else weight


def _bias(context: OnnxContext, node: OnnxNode, channels: int) -> Array:
    if not node.input(2):
        return np.zeros(channels, np.float32)
    bias = context.floats(node.input(2), "its bias is")
    if bias.shape != (channels,):
        raise CannotTranslate(f"its bias has the shape {list(bias.shape)}")
    return bias


def _conv(context: OnnxContext, node: OnnxNode) -> None:
    window = read_window(context, node, context.shape(node.input(1))[2:])
    weight = _weights(context, node)
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
    bias = context.weight(node.input(2) or f"{node.output}.bias", _bias(context, node, out), 0)
    context.emit(node, op, source, kernel, bias, attrs=attrs)


def _conv_transpose(context: OnnxContext, node: OnnxNode) -> None:
    """TRANSPOSE_CONV makes (size - 1) * stride + reach elements, or SAME's cut of them; other cuts are a SLICE."""
    window = _transposed_window(context, node)
    weight = _dilated(_weights(context, node), window)
    _, out_h, out_w, _ = context.graph_shape(node.output)
    wanted = (out_h, out_w)
    made = (_full(window.height, out_h), _full(window.width, out_w))
    padding = Padding.VALID
    if made != wanted and _is_same(window.height, out_h) and _is_same(window.width, out_w):
        padding, made = Padding.SAME, wanted
    attrs = TransposeConv(padding, window.height.stride, window.width.stride)
    whole = _transposed(context, node, weight, made, attrs)
    if made != wanted:
        begins = {1: window.height.before, 2: window.width.before}
        spans = {axis: (begin, begin + n) for (axis, begin), n in zip(begins.items(), wanted, strict=True)}
        whole = cut(context, node, whole, spans, "cut")
    context.alias(node, whole)


def _transposed(
    context: OnnxContext, node: OnnxNode, weight: Array, size: tuple[int, int], attrs: TransposeConv
) -> Value:
    """Return the whole transposed convolution; each group of channels has its own, and they are joined."""
    groups, out = node.get("group", 1), context.graph_shape(node.output)[-1]
    if not 1 <= groups <= MOST_JOINED or len(weight) % groups or out != weight.shape[1] * groups:
        raise CannotTranslate(f"it has {groups} groups over {len(weight)} channels, up to {MOST_JOINED} are split")
    sources = split_evenly(context, node, context.value(node.input(0)), groups)
    shape = context.indices(node, "shape", (sources[0].type.shape[0], *size, out // groups))
    kernels, biases = np.split(weight, groups), np.split(_bias(context, node, out), groups)
    parts = [
        context.step(
            node,
            "TRANSPOSE_CONV",
            shape,
            context.weight(node.input(1), kernel.transpose(1, 2, 3, 0), 0, 1),  # IOHW -> OHWI
            source,
            context.weight(node.input(2) or f"{node.output}.bias", bias, 0),
            attrs=attrs,
            part=f"group{index}" if groups > 1 else "",
        )
        for index, (source, kernel, bias) in enumerate(zip(sources, kernels, biases, strict=True))
    ]
    return (
        parts[0]
        if groups == 1
        else context.step(node, "CONCATENATION", *parts, attrs=Concatenation(3), part="whole")
    )


def _transposed_window(context: OnnxContext, node: OnnxNode) -> Window:
    """Return the window with `before` as what is cut off at the begin; `after` is whatever the output leaves.

    `auto_pad` and `output_shape` state the output and leave the cut to a rule (ONNX operator ConvTranspose).
    """
    axes = read_axes(context, node, context.shape(node.input(1))[2:])
    mode, wanted = node.get("auto_pad", "NOTSET"), context.shape(node.output)[2:]
    added = node.get("output_padding") or [0] * len(axes)
    if mode == "VALID":
        axes = [replace(axis, before=0) for axis in axes]
    elif mode.startswith("SAME") or node.get("output_shape"):
        totals = [
            max((axis.size - 1) * axis.stride + axis.reach + more - n, 0)
            for axis, more, n in zip(axes, added, wanted, strict=True)
        ]
        befores = [total // 2 if mode == "SAME_UPPER" else total - total // 2 for total in totals]
        axes = [replace(axis, before=before) for axis, before in zip(axes, befores, strict=True)]
    return Window.over(axes)


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


def _dilated(weight: Array, window: Window) -> Array:
    """Return the kernel with zeros between its elements: TRANSPOSE_CONV knows no dilation."""
    height, width = window.height, window.width
    if height.reach * width.reach > _MOST_DILATED:
        raise CannotTranslate(f"its dilated kernel has more than {_MOST_DILATED:,} elements")
    spread = np.zeros((*weight.shape[:2], height.reach, width.reach), np.float32)
    spread[:, :, :: height.dilation, :: width.dilation] = weight
    return spread


CONV_ROWS: Rows = {
    "Conv": OnnxOp(_conv, Kind.SPATIAL),
    "ConvTranspose": OnnxOp(_conv_transpose, Kind.SPATIAL),
}
