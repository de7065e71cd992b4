"""The row for transposed convolutions, int8 and float32."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from redsc.engine.call import Call, Constant, Field, Params
from redsc.engine.linear.fields import constant_bias, strides_of, window_fields
from redsc.engine.quant import clamp, quant_of
from redsc.engine.shared import Held
from redsc.ir import DType, Node
from redsc.ir.activation import float_limits
from redsc.ir.ops.windows import axis_padding
from redsc.ir.rescale import quantize_multipliers

__all__ = ["transpose_conv_calls"]

_INPUT, _BIAS = 2, 3


def transpose_conv_calls(node: Node, held: Held) -> Iterator[Call]:
    """Return the call of a layer whose constant weights OHWI lie where `held` says."""
    x, y = node.operand(_INPUT), node.outputs[0]
    kind, c_type, own = ("f32", "float", _float_fields) if _is_float(node) else ("s8", "int8_t", _int8_fields)
    fields: dict[str, Field] = {
        **_geometry(node),
        **strides_of(held.whole),
        "weight": Constant.of(held.whole, c_type),
        **own(node),
    }
    params = Params("redsc_transpose_conv_params", fields)
    yield Call(f"redsc_transpose_conv_{kind}", "redsc_transpose_conv.c", params, (x, y))


def _is_float(node: Node) -> bool:
    return node.operand(_INPUT).type.dtype is DType.FLOAT32


def _geometry(node: Node) -> dict[str, int]:
    """The pads are those of the convolution from the output to the input."""
    fields, a = window_fields(node, _INPUT), node.attrs
    high, wide = (fields[f"output_{size}"] for size in ("height", "width"))
    return {
        **fields,
        "output_channels": node.outputs[0].type.shape[-1],
        "pad_top": axis_padding(high, fields["input_height"], fields["kernel_height"], a.stride_h, 1, a.padding),
        "pad_left": axis_padding(wide, fields["input_width"], fields["kernel_width"], a.stride_w, 1, a.padding),
    }


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
