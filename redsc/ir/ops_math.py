"""Elementwise ops, reductions and changes of representation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from redsc.ir.graph import Node
from redsc.ir.ops import NoAttrs, OpDef, ShapeError, same_shape, signatures
from redsc.ir.ops_conv import Activation
from redsc.ir.rules import Barrier, Fixed, InPlace, Passes, Reduces, Ties
from redsc.ir.types import DType, Shape

__all__ = ["MATH_OPS", "Add", "LeakyRelu", "Mean", "Softmax"]

F32, I8, I32 = DType.FLOAT32, DType.INT8, DType.INT32
_UNARY = signatures(((F32,), F32), ((I8,), I8))
_BINARY = signatures(((F32, F32), F32), ((I8, I8), I8))


@dataclass(frozen=True, slots=True)
class Add:
    """Elementwise sum with numpy broadcasting."""

    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean over the axes in operand 1."""

    keep_dims: bool = False


@dataclass(frozen=True, slots=True)
class Softmax:
    """Softmax over the last axis, logits times `beta`."""

    beta: float = 1.0


@dataclass(frozen=True, slots=True)
class LeakyRelu:
    """`x` where positive, else `alpha * x`."""

    alpha: float = 0.01


def _infer_broadcast(node: Node) -> tuple[Shape, ...]:
    shapes = [value.type.shape for value in node.present_inputs()]
    try:
        return (tuple(int(n) for n in np.broadcast_shapes(*shapes)),)
    except ValueError as error:
        raise ShapeError(f"shapes {shapes} do not broadcast") from error


def _infer_mean(node: Node) -> tuple[Shape, ...]:
    shape, data = node.operand(0).type.shape, node.operand(1).data
    if data is None:
        raise ShapeError("the axes must be a constant")
    rank = len(shape)
    axes = {int(axis) % rank for axis in data.reshape(-1) if -rank <= int(axis) < rank}
    if len(axes) != data.size:
        raise ShapeError(f"axes {data.reshape(-1).tolist()} are not {data.size} different axes of rank {rank}")
    if node.attrs.keep_dims:
        return (tuple(1 if axis in axes else n for axis, n in enumerate(shape)),)
    return (tuple(n for axis, n in enumerate(shape) if axis not in axes),)


MATH_OPS = (
    OpDef(
        "ADD",
        Add,
        infer=_infer_broadcast,
        channels=Ties(),
        signatures=_BINARY,
        min_inputs=2,
        data=(0, 1),
        alias=InPlace((0, 1)),
    ),
    OpDef(
        "MEAN",
        Mean,
        infer=_infer_mean,
        channels=Reduces(axes=1),
        signatures=signatures(((F32, I32), F32), ((I8, I32), I8)),
        min_inputs=2,
    ),
    OpDef(
        "SOFTMAX",
        Softmax,
        infer=same_shape,
        channels=Barrier("softmax sums over the channels"),
        signatures=_UNARY,
        quant=Fixed(1 / 256, -128),
    ),
    OpDef("RELU", NoAttrs, infer=same_shape, channels=Passes(), signatures=_UNARY, alias=InPlace()),
    OpDef("RELU6", NoAttrs, infer=same_shape, channels=Passes(), signatures=_UNARY, alias=InPlace()),
    OpDef("LEAKY_RELU", LeakyRelu, infer=same_shape, channels=Passes(), signatures=_UNARY, alias=InPlace()),
    OpDef(
        "QUANTIZE",
        NoAttrs,
        infer=same_shape,
        channels=Passes(),
        signatures=signatures(((F32,), I8), ((I8,), I8)),
        alias=InPlace(),
    ),
    OpDef(
        "DEQUANTIZE",
        NoAttrs,
        infer=same_shape,
        channels=Passes(),
        signatures=signatures(((I8,), F32)),
    ),
)
