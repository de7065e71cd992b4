"""Rows for float32 convolutions and dense layers: one kernel, direct loops, weights as they are in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from redsc.engine.call import Call, Constant, Field, Params
from redsc.engine.linear.fields import border_fields, constant_bias, strides_of, window_fields
from redsc.engine.quant import clamp_fields
from redsc.engine.shared import Held
from redsc.ir import Node

__all__ = ["FLOAT_LINEAR"]


def _conv_calls(node: Node, held: Held) -> Iterator[Call]:
    channels, outputs = node.operand(0).type.shape[-1], node.outputs[0].type.shape[-1]
    depth = node.operand(1).type.shape[-1]
    fields = {"depth": depth, "group_outputs": outputs // (channels // depth), **strides_of(held.whole)}
    yield _call(node, held, _geometry(node) | fields)


def _depthwise_calls(node: Node, held: Held) -> Iterator[Call]:
    """Weights 1HWO: those of the next output channel lie beside."""
    strides = strides_of(held.whole) | {"channel_stride": 1}
    fields = {"depth": 1, "group_outputs": node.attrs.depth_multiplier, **strides}
    yield _call(node, held, _geometry(node) | fields)


def _dense_calls(node: Node, held: Held) -> Iterator[Call]:
    """Each row is an image of one pixel row that the window covers: with a pixel per stretch."""
    outputs, inputs = node.operand(1).type.shape
    ones = ("input_height", "output_height", "output_width", "kernel_height", "stride_h", "stride_w")
    fields: dict[str, Field] = {
        **dict.fromkeys((*ones, "dilation_h", "dilation_w"), 1),
        **dict.fromkeys(("input_width", "kernel_width"), held.stretches),
        **dict.fromkeys(("input_channels", "depth"), inputs // held.stretches),
        **dict.fromkeys(("output_channels", "group_outputs"), outputs),
        "batches": node.operand(0).type.elements // inputs,
    }
    yield _call(node, held, fields | strides_of(held.whole.reshape(len(held.whole), 1, held.stretches, -1)))


def _geometry(node: Node) -> dict[str, Field]:
    return {**window_fields(node), "output_channels": node.outputs[0].type.shape[-1], **border_fields(node)}


def _call(node: Node, held: Held, fields: Mapping[str, Field]) -> Call:
    bias = constant_bias(node)
    fields = {
        **fields,
        "weight": Constant.of(held.whole, "float"),
        **clamp_fields(node.outputs[0], node.attrs.activation),
    }
    if bias is not None:
        fields["bias"] = Constant.of(bias, "float")
    params = Params("redsc_linear_f32_params", fields)
    return Call("redsc_linear_f32", "redsc_linear_f32.c", params, (node.operand(0), node.outputs[0]))


FLOAT_LINEAR: Mapping[str, Callable[[Node, Held], Iterator[Call]]] = {
    "CONV_2D": _conv_calls,
    "DEPTHWISE_CONV_2D": _depthwise_calls,
    "FULLY_CONNECTED": _dense_calls,
}
"""By op: the calls of a layer whose constant weights lie where `Held` says."""
