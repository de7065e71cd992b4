"""Ops that change or tell shapes: reshaping, transposing, broadcasting."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from redsc.ir.graph import Node
from redsc.ir.ops.definition import (
    NoAttrs,
    OpDef,
    ShapeError,
    axis_of,
    constant_ints,
    different_axes,
    limit_rank,
    same_type,
    signatures,
)
from redsc.ir.rules import Barrier, Passes, Reshapes, SameScale, Transposes, View
from redsc.ir.types import DType, Shape

__all__ = ["SHAPE_OPS", "Reshape", "ShapeOf", "Squeeze"]

F32, I8, I16, I32, I64, BOOL = DType.FLOAT32, DType.INT8, DType.INT16, DType.INT32, DType.INT64, DType.BOOL


@dataclass(frozen=True, slots=True)
class Reshape:
    """A new static shape; TFLite's optional shape operand is resolved into it on import."""

    new_shape: Shape = ()


@dataclass(frozen=True, slots=True)
class Squeeze:
    """The axes of size 1 that go; none named means all of them, which the reader resolves."""

    squeeze_dims: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ShapeOf:
    """The static shape as a tensor."""

    out_type: DType = DType.INT32


def _infer_reshape(node: Node) -> tuple[Shape, ...]:
    source = node.operand(0).type
    if prod(node.attrs.new_shape) != source.elements:
        raise ShapeError(f"{source.elements} elements do not fill {list(node.attrs.new_shape)}")
    return (node.attrs.new_shape,)


def _infer_squeeze(node: Node) -> tuple[Shape, ...]:
    shape = node.operand(0).type.shape
    axes = different_axes(list(node.attrs.squeeze_dims), len(shape))
    axes = axes or {axis for axis, n in enumerate(shape) if n == 1}
    if any(shape[axis] != 1 for axis in axes):
        raise ShapeError(f"axes {sorted(axes)} of {list(shape)} are not all 1")
    return (tuple(n for axis, n in enumerate(shape) if axis not in axes),)


def _infer_expand_dims(node: Node) -> tuple[Shape, ...]:
    shape, axes = node.operand(0).type.shape, constant_ints(node, 1, "axis")
    if len(axes) != 1:
        raise ShapeError(f"axes {axes} must be one")
    axis = axis_of(axes[0], len(shape) + 1)
    return ((*shape[:axis], 1, *shape[axis:]),)


def _infer_transpose(node: Node) -> tuple[Shape, ...]:
    shape, perm = node.operand(0).type.shape, constant_ints(node, 1, "permutation")
    if sorted(perm) != list(range(len(shape))):
        raise ShapeError(f"{perm} is no permutation of {len(shape)} axes")
    limit_rank(shape, 5)
    return (tuple(shape[axis] for axis in perm),)


def _infer_broadcast_to(node: Node) -> tuple[Shape, ...]:
    shape, target = node.operand(0).type.shape, tuple(constant_ints(node, 1, "shape"))
    try:
        fits = np.broadcast_shapes(shape, target) == target
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(f"{list(shape)} does not broadcast to {list(target)}")
    limit_rank(target, 5)
    return (target,)


def _infer_fill(node: Node) -> tuple[Shape, ...]:
    if node.operand(1).type.shape:
        raise ShapeError(f"the value has the shape {list(node.operand(1).type.shape)}, must be a scalar")
    return (tuple(constant_ints(node, 0, "shape")),)


def _infer_shape(node: Node) -> tuple[Shape, ...]:
    return ((len(node.operand(0).type.shape),),)


def _infer_broadcast_args(node: Node) -> tuple[Shape, ...]:
    shapes = [value.type.shape for value in node.present_inputs()]
    if any(len(shape) != 1 for shape in shapes):
        raise ShapeError(f"operands have the shapes {shapes}, need vectors")
    return (max(shapes),)


SHAPE_OPS = (
    OpDef(
        "RESHAPE",
        Reshape,
        infer=_infer_reshape,
        channels=Reshapes(),
        signatures=same_type((F32, I8, I16, I32, I64, BOOL)),
        quant=SameScale(),
        alias=View(),
    ),
    OpDef(
        "SQUEEZE",
        Squeeze,
        infer=_infer_squeeze,
        channels=Reshapes(),
        signatures=same_type((F32, I8, I16, I32, I64, BOOL)),
        quant=SameScale(),
        alias=View(),
    ),
    OpDef(
        "EXPAND_DIMS",
        NoAttrs,
        infer=_infer_expand_dims,
        channels=Reshapes(),
        signatures=same_type((F32, I8, I16), 1, I32),
        min_inputs=2,
        quant=SameScale(),
        alias=View(),
    ),
    OpDef(
        "TRANSPOSE",
        NoAttrs,
        infer=_infer_transpose,
        channels=Transposes(perm=1),
        signatures=same_type((F32, I8, I16), 1, I32),
        min_inputs=2,
        quant=SameScale(),
    ),
    OpDef(
        "BROADCAST_TO",
        NoAttrs,
        infer=_infer_broadcast_to,
        channels=Passes(),
        signatures=same_type((F32, I8, I32), 1, I32),
        min_inputs=2,
        quant=SameScale(),
        shape_operand=1,
    ),
    OpDef(
        "FILL",
        NoAttrs,
        infer=_infer_fill,
        channels=Barrier("it is filled with one number"),
        signatures=signatures(((I32, F32), F32), ((I32, I8), I8), ((I32, I32), I32)),
        min_inputs=2,
        data=(1,),
        quant=SameScale(),
        shape_operand=0,
    ),
    OpDef(
        "SHAPE",
        ShapeOf,
        infer=_infer_shape,
        channels=Barrier("their number is read"),
        signatures=signatures(((F32,), I32), ((I8,), I32), ((I32,), I32)),
    ),
    OpDef(
        "BROADCAST_ARGS",
        NoAttrs,
        infer=_infer_broadcast_args,
        channels=Barrier("it computes a shape"),
        signatures=same_type((I32,), 2),
        min_inputs=2,
        data=(0, 1),
    ),
)
