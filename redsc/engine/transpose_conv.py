"""The row for transposed convolutions, int8 and float32."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from redsc.engine.call import Call, Constant, Field, Params
from redsc.engine.float_linear import constant_bias, strides_of
from redsc.engine.quant import clamp, quant_of
from redsc.engine.shared import Held
from redsc.ir import DType, Node, Padding
from redsc.ir.clamp import float_limits
from redsc.ir.rescale import quantize_multipliers

__all__ = ["transpose_conv_calls"]

_INPUT, _BIAS = 2, 3


def transpose_conv_calls(node: Node, held: Held) -> Iterator[Call]:
    """Return the call of a layer whose constant weights OHWI lie where `held` says."""
    x, y = node.operand(_INPUT), node.outputs[0]
    kind, c_type, own = ("f32", "float", _float_fields) if _is_float(node) else ("s8", "int8_t", _int8_fields)
    fields: dict[str, Field] = {
        **_window_fields(node),
        **strides_of(held.whole),
        "weight": Constant.of(held.whole, c_type),
        **own(node),
    }
    params = Params("redsc_transpose_conv_params", fields)
    yield Call(f"redsc_transpose_conv_{kind}", "redsc_transpose_conv.c", params, (x, y))


def _is_float(node: Node) -> bool:
    return node.operand(_INPUT).type.dtype is DType.FLOAT32


def _window_fields(node: Node) -> dict[str, Field]:
    """The pads are those of the convolution from the output to the input."""
    (images, height, width, channels), (_, kernel_h, kernel_w, _) = (
        node.operand(i).type.shape for i in (_INPUT, 1)
    )
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
        "pad_top": _before(out_h, height, kernel_h, a.stride_h, a.padding),
        "pad_left": _before(out_w, width, kernel_w, a.stride_w, a.padding),
    }


def _before(size: int, out: int, kernel: int, stride: int, padding: Padding) -> int:
    """Return what a window begins with before the image (ComputePadding in tensorflow/lite/kernels/padding.h)."""
    return max(0, (out - 1) * stride + kernel - size) // 2 if padding is Padding.SAME else 0


def _float_fields(node: Node) -> dict[str, Field]:
    bias, (low, high) = constant_bias(node, _BIAS), float_limits(node.attrs.activation)
    limits: dict[str, Field] = {"minimum_f32": low, "maximum_f32": high}
    return limits if bias is None else {"bias": Constant.of(bias, "float"), **limits}


def _int8_fields(node: Node) -> dict[str, Field]:
    """A multiplier per output channel, of scales in float64.

    Source: PopulateConvolutionQuantizationParams in tensorflow/lite/kernels/kernel_util.cc.
    """
    y, channels = node.outputs[0], node.outputs[0].type.shape[-1]
    source, weight, result = quant_of(node.operand(_INPUT)), node.operand(1).type.quant, quant_of(y)
    assert weight is not None
    low, high = clamp(y, node.attrs.activation)
    multipliers, shifts = quantize_multipliers(source.scale * np.array(weight.scales) / result.scale)
    bias = constant_bias(node, _BIAS)
    rows = np.stack(
        [
            np.zeros(channels, np.int32) if bias is None else bias.reshape(-1),
            np.broadcast_to(multipliers, channels),
            np.broadcast_to(shifts, channels),
        ],
        axis=1,
    )
    return {
        "channels": Constant.of(rows.astype(np.int32), "redsc_transpose_conv_channel"),
        "input_zero_point": source.zero_point,
        "output_zero_point": result.zero_point,
        "minimum_s8": low,
        "maximum_s8": high,
    }
