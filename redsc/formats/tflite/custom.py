"""Custom ops in a TFLite file: the options of redsc's own (version 1 of docs/container.md), why others are refused.

Readers of a file need the attributes, kernels numbers that they can use as they are: both are there. The options of
tflite-micro's audio front end are kept as they are; their numbers are read as its kernels read them.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from flatbuffers import flexbuffers

from redsc.errors import MalformedModel
from redsc.formats.tflite.accessors import text_of
from redsc.formats.tflite.ops import ACTIVATION_CODES, PADDING_CODES, inverse
from redsc.ir import (
    CUSTOM_OPS,
    FRONT_END_OPS,
    SIGNAL_NUMBERS,
    Activation,
    DType,
    Node,
    Signal,
    StridedConv2D,
    StridedFullyConnected,
    Value,
)
from redsc.ir.activation import float_limits, int8_limits
from redsc.ir.ops.windows import padding_before
from redsc.ir.runs import RUN_NUMBERS

__all__ = ["CUSTOM_FILE_OPS", "custom_refusal", "decode_options", "encode_options"]

CUSTOM_FILE_OPS = CUSTOM_OPS | FRONT_END_OPS  # what a file names by text

_VERSION = 1
_HEAD = struct.Struct("<5B3x6H2i8sI")  # version to flags, strides to paddings, zero points, limits, number of runs
_HAS_BIAS, _KEEPS_DIMS = 1, 2
_ELEMENTS = {DType.FLOAT32: 0, DType.INT8: 1}
_NO_WINDOW = (1, 1, 1, 1, 0, 0)
_PADDINGS, _ACTIVATIONS = inverse(PADDING_CODES), inverse(ACTIVATION_CODES)


def encode_options(node: Node) -> bytes:
    """Return the options of a node whose op is a custom one."""
    if isinstance(node.attrs, Signal):
        return node.attrs.options
    attrs, output = node.attrs, node.outputs[0]
    is_conv = isinstance(attrs, StridedConv2D)
    flags = _HAS_BIAS * attrs.has_bias + _KEEPS_DIMS * (not is_conv and attrs.keep_num_dims)
    head = _HEAD.pack(
        _VERSION,
        _ELEMENTS[output.type.dtype],
        PADDING_CODES[attrs.padding] if is_conv else 0,
        ACTIVATION_CODES[attrs.activation],
        flags,
        *(_window(node) if is_conv else _NO_WINDOW),
        _zero_point(node.operand(0)),
        _zero_point(output),
        _limits(output, attrs.activation),
        len(attrs.runs) // RUN_NUMBERS,
    )
    return head + np.array(attrs.runs, "<u4").tobytes()


def decode_options(op: str, data: bytes) -> Any:
    """Return the attributes in the options of a custom op.

    Raises:
        MalformedModel: the bytes are no such options.
    """
    if op in FRONT_END_OPS:
        return Signal(data, _signal_numbers(op, data))
    try:
        version, _, padding, activation, flags, *numbers = _HEAD.unpack_from(data)
        stride_h, stride_w, dilation_h, dilation_w, *_, count = numbers
        runs = tuple(int(n) for n in np.frombuffer(data[_HEAD.size :], "<u4"))
        if version != _VERSION or len(runs) != RUN_NUMBERS * count:
            raise MalformedModel(f"{op} has options of version {version} with {len(runs)} numbers for {count} runs")
        fused, has_bias = _ACTIVATIONS[activation], bool(flags & _HAS_BIAS)
        if op == "REDSC_FULLY_CONNECTED":
            return StridedFullyConnected(runs, bool(flags & _KEEPS_DIMS), fused, has_bias)
        return StridedConv2D(runs, _PADDINGS[padding], stride_h, stride_w, dilation_h, dilation_w, fused, has_bias)
    except (struct.error, ValueError, KeyError) as error:
        raise MalformedModel(f"{op} has damaged options: {error}") from error


def custom_refusal(code: Any, most_chars: int) -> str:
    """Return why an operator code is refused that is a custom op, and none of redsc's own."""
    name = text_of(code.CustomCode())[:most_chars]
    return f"{name!r} is a custom op without a public definition"


def _signal_numbers(op: str, data: bytes) -> tuple[int, ...]:
    """Return the numbers of a flexbuffer's map, by their places as kernels have it (micro/flatbuffer_utils.cc).

    A file whose names and types say otherwise than the places is refused.
    """
    if not SIGNAL_NUMBERS[op]:
        return ()
    try:
        found = flexbuffers.Loads(data)
        width, packed = data[-1], data[-2]
        end, size = len(data) - 2 - width, 1 << (packed & 3)
        start = end - int.from_bytes(data[end : end + width], "little")
        places = range(start, start + size * len(found), size)
        numbers = tuple(int.from_bytes(data[place : place + size], "little", signed=True) for place in places)
    except Exception as error:  # flexbuffers raises struct.error, IndexError, TypeError, ...
        raise MalformedModel(f"{op} has damaged options: {error}") from error
    if tuple(found) != SIGNAL_NUMBERS[op] or tuple(found.values()) != numbers:
        raise MalformedModel(f"{op} has options that are not {', '.join(SIGNAL_NUMBERS[op])}")
    return numbers


def _window(node: Node) -> tuple[int, ...]:
    """Return strides, dilations and the paddings before the data."""
    a = node.attrs
    return (a.stride_h, a.stride_w, a.dilation_h, a.dilation_w, *padding_before(node))


def _zero_point(value: Value) -> int:
    quant = value.type.quant
    return quant.zero_point if quant is not None and value.type.dtype is DType.INT8 else 0


def _limits(output: Value, activation: Activation) -> bytes:
    """Return the least and the most that the output may be."""
    quant = output.type.quant
    if output.type.dtype is not DType.INT8 or quant is None:
        return struct.pack("<2f", *float_limits(activation))
    return struct.pack("<2i", *int8_limits(quant, activation))
