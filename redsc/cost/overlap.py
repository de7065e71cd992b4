"""How far a result may lie over an operand that dies with it: DMO (Blacker et al., arXiv 2010.01668).

A kernel is replayed as the list of the first input element that each step reads; step k writes output element k
after it has read. The result may lie so that no byte is written before its last read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache

import numpy as np

from redsc.cost.arena import most_shared
from redsc.cost.buffer import aligned
from redsc.cost.liveness import live_ranges
from redsc.cost.order import Credits
from redsc.cost.views import Part
from redsc.ir import Array, Graph, Node, Padding, Value, op_def
from redsc.ir.rules import InPlace, View
from redsc.options import Kernels

__all__ = ["find_overlaps", "overlap_credits", "overlap_distance"]

_NEVER = np.iinfo(np.int64).max  # a step that reads nothing
_VECTOR_CHANNELS = 124  # arm_depthwise_conv_s8_opt takes so many at once with MVE, over all pixels


def find_overlaps(graph: Graph, kernels: Kernels, views: Iterable[Part]) -> list[tuple[Value, Value, int]]:
    """Return every operand over which the result of its node may lie, with that result and the distance.

    1. The node is the operand's last reader and reads it once; the operand is no graph output.
    2. Nothing that is live in that step shares bytes with the operand as a view of it, or as what it is a view of;
       and the result is none of these.
    """
    ranges, kin = live_ranges(graph), _kin(views)
    found = []
    for step, node in enumerate(graph.nodes):
        for index, value in enumerate(node.inputs):
            if value is None or value.is_constant or ranges[value].end > step + 1 or graph.is_output(value):
                continue
            relatives = kin.get(value, {value}) - {value}
            is_shared = any(ranges[other].start <= step < ranges[other].end for other in relatives)
            distance = overlap_distance(node, index, kernels)
            if distance is not None and not is_shared and node.inputs.count(value) == 1:
                found.append((value, node.outputs[0], distance))
    return found


def overlap_credits(kernels: Kernels) -> Credits:
    """Return the bytes that a node saves by writing over an operand, for the search for an order."""

    def credits(node: Node) -> dict[Value, int]:
        found = {}
        for index, value in enumerate(node.inputs):
            if value is None or value.is_constant or node.inputs.count(value) > 1 or not node.outputs:
                continue
            dying, born = aligned(value.type.nbytes), aligned(node.outputs[0].type.nbytes)
            is_view = index == 0 and isinstance(op_def(node.op).alias, View)
            distance = 0 if is_view else overlap_distance(node, index, kernels)
            if distance is not None:
                found[value] = most_shared(dying, born, distance)
        return found

    return credits


def _kin(views: Iterable[Part]) -> dict[Value, set[Value]]:
    """Return for every view and every tensor with views all that lie in the same bytes or beside them."""
    kin: dict[Value, set[Value]] = {}
    for part, whole, _ in views:
        family = kin.get(part, {part}) | kin.get(whole, {whole})
        kin.update(dict.fromkeys(family, family))
    return kin


def overlap_distance(node: Node, index: int, kernels: Kernels) -> int | None:
    """Return the least offset of operand `index` less that of the result, in bytes, None where they must lie apart.

    It is a multiple of the alignment; a negative one lets the result begin above the operand. What these kernels
    may do is in `_LEGAL`, redsc's own among them, which every firmware runs; an elementwise result may lie over any
    operand of its shape.
    """
    if len(node.outputs) != 1:
        return None
    source, result = node.operand(index).type, node.outputs[0].type
    rule = op_def(node.op).alias
    if isinstance(rule, InPlace) and index in rule.inputs:
        is_elementwise = source.shape == result.shape
        narrows = source.dtype.itemsize > result.dtype.itemsize and kernels is Kernels.REFERENCE
        return 0 if is_elementwise and (source.dtype.itemsize == result.dtype.itemsize or narrows) else None
    legal = _LEGAL[kernels].get(node.op)
    if index != 0 or legal is None or not legal(node):
        return None
    reads = _READS[node.op](node)
    itemsize = source.dtype.itemsize
    return aligned(max(_distance(reads), -source.elements) * itemsize)


def _distance(reads: Array) -> int:
    """Return the most elements written before a step, less the first element that it or a later one reads."""
    later = np.minimum.accumulate(reads[::-1])[::-1]
    distances = np.arange(len(reads))[later < _NEVER] - later[later < _NEVER]
    return int(distances.max()) if distances.size else 0


def _convolution(node: Node) -> Array:
    """Pixel by pixel, every output channel reads the whole window: reference_ops/integer_ops ConvPerChannel."""
    height, width = node.operand(1).type.shape[1:3]
    return np.repeat(_windows(node, height, width), node.outputs[0].type.shape[-1])


def _per_channel(node: Node, height: int, width: int) -> Array:
    """Pixel by pixel and channel by channel, an output channel reads its own channel of the window."""
    channels, results = node.operand(0).type.shape[-1], node.outputs[0].type.shape[-1]
    read = np.arange(results) // (results // channels)
    return (_windows(node, height, width)[:, None] + read[None, :]).reshape(-1)


def _depthwise(node: Node) -> Array:
    height, width = node.operand(1).type.shape[1:3]
    return _per_channel(node, height, width)


def _pool(node: Node) -> Array:
    return _per_channel(node, node.attrs.filter_h, node.attrs.filter_w)


def _pad(node: Node) -> Array:
    """In the order of the output; an element of the border reads nothing."""
    pads = node.operand(1).data
    assert pads is not None
    shape = node.operand(0).type.shape
    found = np.full(node.outputs[0].type.shape, _NEVER)
    inside = tuple(slice(before, before + n) for (before, _), n in zip(pads.tolist(), shape, strict=True))
    found[inside] = np.arange(node.operand(0).type.elements).reshape(shape)
    return found.reshape(-1)


def _windows(node: Node, height: int, width: int) -> Array:
    """Return the first input element that each output pixel reads, border aside, in the order of the pixels."""
    batch, rows, columns, channels = node.operand(0).type.shape
    _, out_rows, out_columns, _ = node.outputs[0].type.shape
    attrs = node.attrs
    dilation_h, dilation_w = getattr(attrs, "dilation_h", 1), getattr(attrs, "dilation_w", 1)
    is_same = attrs.padding is Padding.SAME
    top = _first_read(rows, out_rows, height, attrs.stride_h, dilation_h, is_same)
    left = _first_read(columns, out_columns, width, attrs.stride_w, dilation_w, is_same)
    image = np.arange(batch)[:, None, None] * rows
    found: Array = ((image + top[None, :, None]) * columns + left[None, None, :]) * channels
    return found.reshape(-1)


@cache
def _first_read(size: int, out: int, kernel: int, stride: int, dilation: int, is_same: bool) -> Array:
    """Return per place along one axis the first index inside the image that its window reads."""
    before = max(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - size) // 2 if is_same else 0
    starts = np.arange(out) * stride - before
    return np.array([next((n for n in range(at, size, dilation) if n >= 0), max(at, 0)) for at in starts.tolist()])


def _always(_node: Node) -> bool:
    return True


def _is_tall(node: Node) -> bool:
    """CMSIS-NN computes 1x1 and 1xN convolutions channel by channel over all pixels; groups likewise."""
    _, height, _, channels = node.operand(1).type.shape
    return height > 1 and channels == node.operand(0).type.shape[-1]


def _is_narrow(node: Node) -> bool:
    return node.operand(0).type.shape[-1] <= _VECTOR_CHANNELS


_READS: Mapping[str, Callable[[Node], Array]] = {
    "CONV_2D": _convolution,
    "REDSC_CONV_2D": _convolution,  # redsc_conv_2d.c has the loops of the reference kernels
    "DEPTHWISE_CONV_2D": _depthwise,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    "PAD": _pad,
    "PADV2": _pad,
}
_OURS = {"REDSC_CONV_2D": _always}
_LEGAL: Mapping[Kernels, Mapping[str, Callable[[Node], bool]]] = {
    Kernels.SAFE: _OURS,
    Kernels.REFERENCE: dict.fromkeys(_READS, _always),
    Kernels.CMSIS_NN: {"CONV_2D": _is_tall, "DEPTHWISE_CONV_2D": _is_narrow, **_OURS},
}
