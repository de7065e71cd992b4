"""What a change of the image's size does to each op: nothing, a new attribute, or a reason why it cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from redsc.formats.tables import Refusal, refuse
from redsc.ir import Node, ShapeError, Value, op_def
from redsc.ir.ops import constant_ints

__all__ = ["RESIZED", "Rule"]

Rule = Callable[[Node, Node], Node]
"""From a node, and its draft over operands of other sizes, to the draft with what must follow them.

Raises `ShapeError` where the node tells the size of its image.
"""

_CUTS = "it takes a part of the image whose place is a number"


def _plain(_node: Node, draft: Node) -> Node:
    """Nothing in it tells a size."""
    return draft


def _pool(node: Node, draft: Node) -> Node:
    """A window that covers all rows or columns still does."""
    (_, height, width, _), (_, rows, columns, _) = node.operand(0).type.shape, node.outputs[0].type.shape
    attrs, (_, new_height, new_width, _) = node.attrs, draft.operand(0).type.shape
    if rows == 1 and attrs.filter_h >= height:
        attrs = replace(attrs, filter_h=new_height)
    if columns == 1 and attrs.filter_w >= width:
        attrs = replace(attrs, filter_w=new_width)
    return replace(draft, attrs=attrs)


def _dense(_node: Node, draft: Node) -> Node:
    """A layer over the channels of each place tells no size."""
    if draft.operand(0).type.shape[-1] != draft.operand(1).type.shape[-1]:
        raise ShapeError("it has weights for every place of the image")
    return draft


def _broadcast(node: Node, draft: Node) -> Node:
    """Constants may have numbers per channel, not per place."""
    for value in draft.present_inputs():
        if value.is_constant and any(size != 1 for size in _across(value, node, draft)):
            raise ShapeError(f"{value.name!r} has numbers for every place of the image")
    return draft


def _across(value: Value, node: Node, draft: Node) -> Iterator[int]:
    """Yield the sizes of an operand along the axes that change, which broadcasting counts from the back."""
    sources = zip(node.present_inputs(), draft.present_inputs(), strict=True)
    changed = {
        place
        for old, new in sources
        for place, sizes in enumerate(zip(reversed(old.type.shape), reversed(new.type.shape), strict=True))
        if sizes[0] != sizes[1]
    }
    yield from (size for place, size in enumerate(reversed(value.type.shape)) if place in changed)


def _along(axes_of: Callable[[Node], list[int]], reason: str) -> Rule:
    """Return the rule of what may work along axes that keep their size, and along no others."""

    def follow(node: Node, draft: Node) -> Node:
        rank = len(op_def(node.op).source(node).type.shape)
        if {axis % rank for axis in axes_of(node)} & set(_changed_axes(node, draft)):
            raise ShapeError(reason)
        return draft

    return follow


def _operand(index: int) -> Callable[[Node], list[int]]:
    return lambda node: constant_ints(node, index, "axes")


def _changed_axes(node: Node, draft: Node) -> list[int]:
    """Return the axes of the data that have another size, ascending."""
    source = op_def(node.op).source
    sizes = zip(source(node).type.shape, source(draft).type.shape, strict=True)
    return [axis for axis, (old, new) in enumerate(sizes) if old != new]


def _reshape(node: Node, draft: Node) -> Node:
    """Axes that change stay as they are: they and those before them are the same before and after."""
    old, source = node.attrs.new_shape, node.operand(0).type.shape
    kept = _changed_axes(node, draft)[-1] + 1
    if source[:kept] != old[:kept]:
        raise ShapeError(f"it makes {list(old)} of {list(source)}")
    return replace(draft, attrs=replace(node.attrs, new_shape=(*draft.operand(0).type.shape[:kept], *old[kept:])))


def _slice(node: Node, draft: Node) -> Node:
    """What reaches the end of the image still does; places before it are numbers."""
    source, result = node.operand(0).type.shape, node.outputs[0].type.shape
    begins, sizes = (constant_ints(node, index, "place") for index in (1, 2))
    for axis in _changed_axes(node, draft):
        if begins[axis] + result[axis] != source[axis]:
            raise ShapeError(_CUTS)
        if sizes[axis] != -1:
            sizes[axis] = draft.operand(0).type.shape[axis] - begins[axis]
    if sizes == constant_ints(node, 2, "size"):
        return draft
    data = np.array(sizes, node.operand(2).type.dtype.numpy)
    constant = Value.constant(f"{node.outputs[0].name}/size", data)
    return replace(draft, inputs=(*draft.inputs[:2], constant))


def _strided_slice(node: Node, draft: Node) -> Node:
    """Ends at or behind the last place are the end of any image, and negative ones count from there."""
    ends, strides = (constant_ints(node, index, "place") for index in (2, 3))
    attrs, source = node.attrs, node.operand(0).type.shape
    for axis in _changed_axes(node, draft):
        reaches_end = attrs.end_mask >> axis & 1 or not 0 <= ends[axis] < source[axis]
        if attrs.shrink_axis_mask >> axis & 1 or strides[axis] < 0 or not reaches_end:
            raise ShapeError(_CUTS)
    return draft


RESIZED: Mapping[str, Rule | Refusal] = {
    **dict.fromkeys(
        (
            *("CONV_2D", "DEPTHWISE_CONV_2D", "BATCH_MATMUL", "MEAN", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ALL"),
            *("SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION", "LEAKY_RELU", "RELU", "RELU6", "ELU", "HARD_SWISH"),
            *("LOGISTIC", "TANH", "ABS", "RSQRT", "CEIL", "COS", "EXP", "FLOOR", "LOG", "NEG", "ROUND", "SIN"),
            *("SQRT", "SQUARE", "LOGICAL_NOT", "ZEROS_LIKE", "CAST", "QUANTIZE", "DEQUANTIZE", "REDSC_LOOKUP"),
            *("SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "REVERSE_V2", "CONCATENATION", "PACK"),
            *("PAD", "PADV2", "MIRROR_PAD", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"),
            *("SPACE_TO_DEPTH", "DEPTH_TO_SPACE"),
        ),
        _plain,
    ),
    **dict.fromkeys(
        (
            *("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "FLOOR_DIV", "FLOOR_MOD", "SQUARED_DIFFERENCE"),
            *("LOGICAL_AND", "LOGICAL_OR", "EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"),
            *("ADD_N", "SELECT_V2", "PRELU"),
        ),
        _broadcast,
    ),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), _pool),
    "FULLY_CONNECTED": _dense,
    "SUM": _along(_operand(1), "a sum over the image grows with it"),
    "CUMSUM": _along(_operand(1), "a sum over the image grows with it"),
    "ARG_MAX": _along(_operand(1), "its result is a place in the image"),
    "ARG_MIN": _along(_operand(1), "its result is a place in the image"),
    "GATHER": _along(lambda node: [node.attrs.axis], "it picks places of the image by their numbers"),
    "UNPACK": _along(lambda node: [node.attrs.axis], "it cuts the image into a number of parts"),
    "SPLIT": _along(_operand(0), "it cuts the image into a number of parts"),
    "SPLIT_V": _along(_operand(2), "it cuts the image into a number of parts"),
    "RESHAPE": _reshape,
    "SLICE": _slice,
    "STRIDED_SLICE": _strided_slice,
    **refuse(
        {
            "the size of its result is a constant": "RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR TRANSPOSE_CONV "
            "BROADCAST_TO FILL",
            "its result is the size of the image": "SHAPE BROADCAST_ARGS",
            "it works on places of the image by their numbers": "GATHER_ND DYNAMIC_UPDATE_SLICE EMBEDDING_LOOKUP",
            "a variable has one size": "READ_VARIABLE ASSIGN_VARIABLE",
            "its weights are for features of one size": "SVDF UNIDIRECTIONAL_SEQUENCE_LSTM",
        }
    ),
}
