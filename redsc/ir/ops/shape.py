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
    constant_axis,
    constant_ints,
    copying,
    different_axes,
    limit_rank,
)
from redsc.ir.rules import Barrier, Passes, Reshapes, Transposes, View
from redsc.ir.signatures import BOOL, F32, I8, I16, I32, I64, same_type, signatures
from redsc.ir.types import DType, Shape

__all__ = ["SHAPE_OPS", "Reshape", "ShapeOf", "Squeeze"]


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
    shape = node.operand(0).type.shape
    axis = constant_axis(node, 1, len(shape) + 1)
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


_ALL = same_type((F32, I8, I16, I32, I64, BOOL))
_FILLED = signatures(((I32, F32), F32), ((I32, I8), I8), ((I32, I32), I32))

SHAPE_OPS = (
    copying("RESHAPE", Reshape, _infer_reshape, Reshapes(), _ALL, alias=View()),
    copying("SQUEEZE", Squeeze, _infer_squeeze, Reshapes(), _ALL, alias=View()),
    copying(
        "EXPAND_DIMS", NoAttrs, _infer_expand_dims, Reshapes(), same_type((F32, I8, I16), 1, I32), alias=View()
    ),
    copying("TRANSPOSE", NoAttrs, _infer_transpose, Transposes(perm=1), same_type((F32, I8, I16), 1, I32)),
    copying(
        "BROADCAST_TO",
        NoAttrs,
        _infer_broadcast_to,
        Passes(),
        same_type((F32, I8, I32), 1, I32),
        shape_operand=1,
    ),
    copying(
        "FILL",
        NoAttrs,
        _infer_fill,
        Barrier("it is filled with one number"),
        _FILLED,
        data=(1,),
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
