"""The row for transposed convolutions, int8 and float32."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from redsc.codegen.engine.call import Call, Constant, Field, Params
from redsc.codegen.engine.float_linear import before, constant_bias, constant_weight, find_part
from redsc.codegen.engine.quant import clamp, clamp_float, quant_of
from redsc.ir import Array, DType, Node
from redsc.passes.strided import quantize_multipliers

__all__ = ["transpose_conv_calls"]

_INPUT, _BIAS = 2, 3


def transpose_conv_calls(node: Node, whole: Array | None = None) -> Iterator[Call]:
    """Return the call of a layer whose weights [O, H, W, I] are part of the array `whole`, or their own."""
    weight, x, y = constant_weight(node), node.operand(_INPUT), node.outputs[0]
    part = find_part(weight if whole is None else whole, weight)
    is_float = x.type.dtype is DType.FLOAT32
    fields: dict[str, Field] = {
        **_window_fields(node),
        "channel_stride": part.channel_stride,
        "tap_stride": part.tap_stride,
        "weight": Constant.of(part.array, "float" if is_float else "int8_t"),
        **(_float_fields(node) if is_float else _int8_fields(node)),
    }
    function = "redsc_transpose_conv_f32" if is_float else "redsc_transpose_conv_s8"
    yield Call(function, "redsc_transpose_conv.c", Params("redsc_transpose_conv_params", fields), (x, y))


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
        "pad_top": before(out_h, height, kernel_h, a.stride_h, 1, a.padding),
        "pad_left": before(out_w, width, kernel_w, a.stride_w, 1, a.padding),
    }


def _float_fields(node: Node) -> dict[str, Field]:
    bias, (low, high) = constant_bias(node, _BIAS), clamp_float(node.attrs.activation)
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
