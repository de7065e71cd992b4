"""Rows for float32 convolutions and dense layers: one kernel, direct loops, weights as they are in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from redsc.codegen.engine.call import Call, Constant, Field, Params
from redsc.codegen.engine.quant import clamp_fields
from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, Node, Padding
from redsc.passes.strided import find_runs

__all__ = ["FLOAT_LINEAR", "WeightPart", "before", "constant_bias", "constant_weight", "find_part"]

_RUN = 4  # numbers of one run
_DENSE_RANK = 2


@dataclass(frozen=True, slots=True)
class WeightPart:
    """Where a layer's weights lie in an array that may be larger.

    taps: stretches of `depth` input channels that an output channel reads; a dense layer has one, or one per pixel
        of the image whose channels a level cut.
    channel_stride, tap_stride: elements from an output channel's weights to the next one's, from a tap to the next.
    """

    array: Array
    taps: int
    depth: int
    channel_stride: int
    tap_stride: int


def find_part(whole: Array, weight: Array) -> WeightPart:
    """Return where a weight [O, taps..., I] lies in a larger one; in an array of its own where it is no such part.

    A part has the first output channels, and of every tap the first input channels.
    """
    found = find_runs(whole, weight)
    first, depth, taps, stride = found if found is not None and len(found) == _RUN else (-1, 0, 0, 0)
    if first != 0 or (taps > 1 and weight.ndim > _DENSE_RANK):
        whole, depth, taps, stride = weight, weight.shape[-1], 1, weight.shape[-1]
    stretches = taps * prod(weight.shape[1:-1])
    return WeightPart(whole, stretches, depth, prod(whole.shape[1:]), stride if taps > 1 else whole.shape[-1])


def constant_weight(node: Node) -> Array:
    """Return the weights of a linear layer.

    Raises:
        CannotTranslate: they are not constant.
    """
    weight = node.operand(1).data
    if weight is None:
        raise CannotTranslate("its weights are not constant")
    return weight


def constant_bias(node: Node, index: int = 2) -> Array | None:
    """Return the bias of a linear layer, None where it has none.

    Raises:
        CannotTranslate: it is not constant.
    """
    value = node.inputs[index] if len(node.inputs) > index else None
    if value is None:
        return None
    if value.data is None:
        raise CannotTranslate("its bias is not constant")
    return value.data


def before(size: int, out: int, kernel: int, stride: int, dilation: int, padding: Padding) -> int:
    """Return the padding before the image along an axis (ComputePadding in tensorflow/lite/kernels/padding.h)."""
    return max(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - size) // 2 if padding is Padding.SAME else 0


def _conv_calls(node: Node, whole: Array) -> Iterator[Call]:
    part, channels = find_part(whole, constant_weight(node)), node.operand(0).type.shape[-1]
    outputs = node.outputs[0].type.shape[-1]
    fields = _window_fields(node) | _weight_fields(part) | {"group_outputs": outputs // (channels // part.depth)}
    yield _call(node, fields)


def _depthwise_calls(node: Node, whole: Array) -> Iterator[Call]:
    """Weights [1, H, W, O]: the weights of an output channel are a tap apart, those of the next one lie beside."""
    weight = constant_weight(node)
    channels = weight.shape[-1]
    is_part = whole.shape[:-1] == weight.shape[:-1] and np.array_equal(whole[..., :channels], weight)
    array = whole if is_part else weight
    part = WeightPart(array, prod(weight.shape[1:-1]), 1, 1, array.shape[-1])
    yield _call(node, _window_fields(node) | _weight_fields(part) | {"group_outputs": node.attrs.depth_multiplier})


def _dense_calls(node: Node, whole: Array) -> Iterator[Call]:
    """Each row is an image of one pixel row, and the window covers it."""
    weight = constant_weight(node)
    part, outputs, taps = find_part(whole, weight), weight.shape[0], ("input_width", "kernel_width")
    ones = ("input_height", "output_height", "output_width", "kernel_height", "stride_h", "stride_w")
    dilations = ("dilation_h", "dilation_w")
    fields: dict[str, Field] = {
        "images": node.operand(0).type.elements // weight.shape[1],
        "input_channels": part.depth,
        "output_channels": outputs,
        "group_outputs": outputs,
        **dict.fromkeys((*ones, *dilations), 1),
        **dict.fromkeys(taps, part.taps),
    }
    yield _call(node, fields | _weight_fields(part))


def _window_fields(node: Node) -> dict[str, Field]:
    (images, height, width, channels), (_, kernel_h, kernel_w, _) = (node.operand(i).type.shape for i in (0, 1))
    (_, out_h, out_w, outputs), a = node.outputs[0].type.shape, node.attrs
    return {
        "images": images,
        "input_height": height,
        "input_width": width,
        "input_channels": channels,
        "output_height": out_h,
        "output_width": out_w,
        "output_channels": outputs,
        "kernel_height": kernel_h,
        "kernel_width": kernel_w,
        "stride_h": a.stride_h,
        "stride_w": a.stride_w,
        "dilation_h": a.dilation_h,
        "dilation_w": a.dilation_w,
        "pad_top": before(height, out_h, kernel_h, a.stride_h, a.dilation_h, a.padding),
        "pad_left": before(width, out_w, kernel_w, a.stride_w, a.dilation_w, a.padding),
    }


def _weight_fields(part: WeightPart) -> dict[str, Field]:
    return {
        "depth": part.depth,
        "channel_stride": part.channel_stride,
        "tap_stride": part.tap_stride,
        "weight": Constant.of(part.array, "float"),
    }


def _call(node: Node, fields: dict[str, Field]) -> Call:
    bias = constant_bias(node)
    fields |= clamp_fields(node.outputs[0], node.attrs.activation)
    if bias is not None:
        fields["bias"] = Constant.of(bias, "float")
    params = Params("redsc_linear_f32_params", fields)
    return Call("redsc_linear_f32", "redsc_linear_f32.c", params, (node.operand(0), node.outputs[0]))


FLOAT_LINEAR: Mapping[str, Callable[[Node, Array], Iterator[Call]]] = {
    "CONV_2D": _conv_calls,
    "DEPTHWISE_CONV_2D": _depthwise_calls,
    "FULLY_CONNECTED": _dense_calls,
}
"""By op: the calls of a layer whose weights are part of the array `whole`."""
