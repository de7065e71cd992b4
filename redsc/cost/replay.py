"""Kernels replayed: which input element each step reads first; step k then writes output element k.

A `Replay` gives these elements of operand 0 as an array with an entry per output element, `NEVER` for a step that
reads nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from redsc.ir import Array, Node, Padding
from redsc.ir.ops.windows import axis_padding

__all__ = [
    "NEVER",
    "Replay",
    "by_elements",
    "by_elements_of_rows",
    "by_pixels",
    "by_rows",
    "depthwise",
    "distance",
    "pad",
    "pool",
]

NEVER = np.iinfo(np.int64).max
Replay = Callable[[Node], Array]


def distance(reads: Array) -> int:
    """Return the most elements written before a step, less the first element that it or a later one reads."""
    later = np.minimum.accumulate(reads[::-1])[::-1]
    distances = np.arange(len(reads))[later < NEVER] - later[later < NEVER]
    return int(distances.max()) if distances.size else 0


def by_elements(node: Node) -> Array:
    """Pixel by pixel, every output channel reads the whole window: reference_ops/integer_ops ConvPerChannel."""
    height, width = node.operand(1).type.shape[1:3]
    return np.repeat(_windows(node, height, width), node.outputs[0].type.shape[-1])


def by_pixels(node: Node) -> Array:
    """All channels of a pixel are written after its window was read: redsc_conv.h."""
    height, width = node.operand(1).type.shape[1:3]
    return _at_once(_windows(node, height, width), node.outputs[0].type.shape[-1])


def by_rows(node: Node) -> Array:
    """A dense layer is a 1x1 convolution whose pixels are rows; a row is read before it is written."""
    return _at_once(_rows(node), node.outputs[0].type.shape[-1])


def by_elements_of_rows(node: Node) -> Array:
    """Each output of a dense layer reads its whole row."""
    return np.repeat(_rows(node), node.outputs[0].type.shape[-1])


def _rows(node: Node) -> Array:
    depth = node.operand(1).type.shape[1]
    return np.arange(node.operand(0).type.elements // depth) * depth


def _at_once(reads: Array, channels: int) -> Array:
    """Return the reads of steps of which the first of so many reads for all."""
    found = np.full(len(reads) * channels, NEVER)
    found[::channels] = reads
    return found


def _per_channel(node: Node, height: int, width: int) -> Array:
    """Pixel by pixel and channel by channel, an output channel reads its own channel of the window."""
    channels, results = node.operand(0).type.shape[-1], node.outputs[0].type.shape[-1]
    read = np.arange(results) // (results // channels)
    return (_windows(node, height, width)[:, None] + read[None, :]).reshape(-1)


def depthwise(node: Node) -> Array:
    """Each output channel reads its own channel of the window: DepthwiseConvPerChannel."""
    height, width = node.operand(1).type.shape[1:3]
    return _per_channel(node, height, width)


def pool(node: Node) -> Array:
    """Likewise: reference_integer_ops AveragePool and MaxPool."""
    return _per_channel(node, node.attrs.filter_h, node.attrs.filter_w)


def pad(node: Node) -> Array:
    """In the order of the output; an element of the border reads nothing."""
    pads = node.operand(1).data
    assert pads is not None
    shape = node.operand(0).type.shape
    found = np.full(node.outputs[0].type.shape, NEVER)
    inside = tuple(slice(before, before + n) for (before, _), n in zip(pads.tolist(), shape, strict=True))
    found[inside] = np.arange(node.operand(0).type.elements).reshape(shape)
    return found.reshape(-1)


def _windows(node: Node, height: int, width: int) -> Array:
    """Return the first input element that each output pixel reads, border aside, in the order of the pixels."""
    batch, rows, columns, channels = node.operand(0).type.shape
    _, out_rows, out_columns, _ = node.outputs[0].type.shape
    attrs = node.attrs
    dilation_h, dilation_w = getattr(attrs, "dilation_h", 1), getattr(attrs, "dilation_w", 1)
    top = _first_read(rows, out_rows, height, attrs.stride_h, dilation_h, attrs.padding)
    left = _first_read(columns, out_columns, width, attrs.stride_w, dilation_w, attrs.padding)
    image = np.arange(batch)[:, None, None] * rows
    found: Array = ((image + top[None, :, None]) * columns + left[None, None, :]) * channels
    return found.reshape(-1)


def _first_read(size: int, out: int, kernel: int, stride: int, dilation: int, padding: Padding) -> Array:
    """Return per place along one axis the first index inside the image that its window reads."""
    starts = np.arange(out) * stride - axis_padding(size, out, kernel, stride, dilation, padding)
    inside = starts % dilation  # of a window that begins before the image; it may lie before all of that
    return np.where(starts >= 0, starts, np.where(inside < size, inside, 0))
