"""Rows for int8 convolutions, depthwise and dense layers: packed weights, of which a level reads a part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import prod

import numpy as np

from redsc.choices import Kernels
from redsc.cost.engine.conv import GROUP_ELEMENTS, ConvWay, conv_way, filled
from redsc.cost.engine.depthwise import SCRATCH_BYTES, depthwise_way
from redsc.engine.call import Call, Constant, Field, Params
from redsc.engine.linear.fields import border_fields, constant_bias, window_fields
from redsc.engine.linear.pack_channels import name_shifts, pack_channels
from redsc.engine.linear.pack_conv import fits_sums, pack_rows
from redsc.engine.linear.pack_depthwise import pack_direct, pack_planar
from redsc.engine.quant import clamp_fields, quant_of
from redsc.engine.shared import Held
from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, Node
from redsc.ir.rescale import quantize_multipliers, rescalings

__all__ = ["INT8_LINEAR"]

_PACKED_BYTES = 2  # of an element of a pair of rows
_MOST = 2**15 - 1  # of a size in the kernels' parameters


def _conv(node: Node, held: Held, kernels: Kernels) -> Iterator[Call]:
    outputs, _, _, depth = node.operand(1).type.shape
    if depth != node.operand(0).type.shape[-1]:
        raise CannotTranslate("no kernel for groups of channels")
    geometry = {**window_fields(node), "output_channels": outputs, **border_fields(node)}
    yield _conv_call(node, geometry, held, kernels)


def _dense(node: Node, held: Held, kernels: Kernels) -> Iterator[Call]:
    """A 1x1 convolution of rows, or one whose window is a flattened image, of which fewer channels are read."""
    outputs, depth = node.operand(1).type.shape
    rows, stretches = node.operand(0).type.elements // depth, held.stretches
    geometry = {
        "input_height": 1 if stretches == 1 else rows,
        "input_width": rows if stretches == 1 else stretches,
        "input_channels": depth // stretches,
        "output_height": 1 if stretches == 1 else rows,
        "output_width": rows if stretches == 1 else 1,
        "output_channels": outputs,
        "batches": 1,
        "kernel_height": 1,
        "kernel_width": stretches,
        "stride_h": 1,
        "stride_w": 1,
        "dilation_h": 1,
        "dilation_w": 1,
    }
    yield _conv_call(node, geometry, held, kernels)


def _conv_call(node: Node, geometry: Mapping[str, int], held: Held, kernels: Kernels) -> Call:
    way = conv_way(node, kernels)
    if not _is_read_by_groups(node, held, way):
        held = Held(_weight(node))
    form = "sums" if fits_sums(held.whole) else "bytes"
    params: dict[str, Field] = {
        **_sizes(geometry),
        **_numbers(node),
        "form": f"REDSC_{form.upper()}",
        "rescale": name_shifts(*_scales(node), prod(node.operand(1).type.shape[1:])),
        "pixels": way.pixels,
        "taps_apart": int(way.taps_apart),
        **_stretches(node, held, way),
        "weight": _packed(held.whole, way),
        "channels": _channels(node),
    }
    return Call(
        f"redsc_conv_{form}_s8",
        f"redsc_conv_{form}.c",
        Params("redsc_conv", params),
        (node.operand(0), node.outputs[0]),
        takes_scratch=True,
        header="redsc_conv.h",
    )


def _depthwise(node: Node, held: Held, kernels: Kernels) -> Iterator[Call]:
    way, whole = depthwise_way(node, SCRATCH_BYTES[kernels]), held.whole
    geometry = {**window_fields(node), "multiplier": node.attrs.depth_multiplier, **border_fields(node)}
    params: dict[str, Field] = {
        **_sizes(geometry),
        **_numbers(node),
        "shifts": name_shifts(*_scales(node), geometry["kernel_height"] * geometry["kernel_width"]),
        "is_swapped": int(way.is_swapped),
        "strip_rows": way.strip_rows,
        "weight_stride": whole.shape[-1],
        "weight": Constant(pack_planar(whole, way.is_swapped) if way.is_planar else pack_direct(whole)),
        "channels": _channels(node),
    }
    kind = "planar" if way.is_planar else "direct"
    yield Call(
        f"redsc_depthwise_{kind}_s8",
        f"redsc_depthwise_{kind}.c",
        Params("redsc_depthwise", params),
        (node.operand(0), node.outputs[0]),
        takes_scratch=way.is_planar,
        header="redsc_depthwise.h",
    )


def _sizes(geometry: Mapping[str, int]) -> Mapping[str, int]:
    if max(geometry.values()) > _MOST:
        raise CannotTranslate(f"a size is larger than {_MOST:,}")
    return geometry


def _numbers(node: Node) -> dict[str, int | float]:
    """Return zero points and limits."""
    source, output = quant_of(node.operand(0)), quant_of(node.outputs[0])
    return {
        "input_zero_point": source.zero_point,
        "output_zero_point": output.zero_point,
        **clamp_fields(node.outputs[0], node.attrs.activation),
    }


def _channels(node: Node) -> Constant:
    return Constant(pack_channels(*_scales(node)), "redsc_channel_pair")


def _scales(node: Node) -> tuple[Array, Array, Array]:
    """Return bias, multiplier and shift of every output channel."""
    channels = node.outputs[0].type.shape[-1]
    bias = constant_bias(node)
    multipliers, shifts = quantize_multipliers(rescalings(node))
    zeros = np.zeros(channels, np.int32)
    return (
        zeros if bias is None else bias.reshape(-1),
        np.broadcast_to(multipliers, channels),
        np.broadcast_to(shifts, channels),
    )


def _weight(node: Node) -> Array:
    data = node.operand(1).data
    assert data is not None
    return data


def _is_read_by_groups(node: Node, held: Held, way: ConvWay) -> bool:
    """Whether the columns that a level reads of a larger weight are whole groups of every tap."""
    own, whole = node.operand(1).type.shape[-1], held.whole.shape[-1]
    return own == whole or held.stretches > 1 or (way.taps_apart and own >= GROUP_ELEMENTS)


def _stretches(node: Node, held: Held, way: ConvWay) -> dict[str, int]:
    """Return which part of a packed row is read."""
    taps = way.taps * held.stretches
    read, stored = (filled(w.shape[-1] // held.stretches) for w in (_weight(node), held.whole))
    if not way.taps_apart or read == stored:
        taps, read = 1, way.taps * way.tap_elements
        stored = read
    _, rows, elements = _rows(held.whole, way).shape
    return {
        "segments": taps,
        "segment_bytes": read * _PACKED_BYTES,
        "skip_bytes": (stored - read) * _PACKED_BYTES,
        "pair_bytes": rows * filled(elements) * _PACKED_BYTES,
    }


def _rows(whole: Array, way: ConvWay) -> Array:
    """Return a weight as rows of stretches that are filled up to groups: [O, stretches, elements]."""
    if whole.ndim == 2:
        return whole[:, None, :]
    outputs, height, width, channels = whole.shape
    return (
        whole.reshape(outputs, height * width, channels) if way.taps_apart else whole.reshape(outputs, height, -1)
    )


def _packed(whole: Array, way: ConvWay) -> Constant:
    return Constant(pack_rows(_rows(whole, way), fits_sums(whole)))


INT8_LINEAR: Mapping[str, Callable[[Node, Held, Kernels], Iterator[Call]]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
}
