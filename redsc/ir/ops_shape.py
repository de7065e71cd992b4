"""Ops that move elements."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from redsc.ir.graph import Node
from redsc.ir.ops import NoAttrs, OpDef, ShapeError, signatures
from redsc.ir.rules import Passes, Reshapes, SameScale, View
from redsc.ir.types import DType, Shape

__all__ = ["SHAPE_OPS", "Reshape"]

F32, I8, I32 = DType.FLOAT32, DType.INT8, DType.INT32


@dataclass(frozen=True, slots=True)
class Reshape:
    """A new static shape; TFLite's optional shape operand is resolved into it on import."""

    new_shape: Shape = ()


def _infer_pad(node: Node) -> tuple[Shape, ...]:
    shape, paddings = node.operand(0).type.shape, node.operand(1).data
    if paddings is None:
        raise ShapeError("the paddings must be a constant")
    if paddings.shape != (len(shape), 2) or (paddings < 0).any():
        raise ShapeError(f"paddings {paddings.tolist()} do not fit rank {len(shape)}")
    return (tuple(n + int(pad.sum()) for n, pad in zip(shape, paddings, strict=True)),)


def _infer_reshape(node: Node) -> tuple[Shape, ...]:
    source = node.operand(0).type
    if prod(node.attrs.new_shape) != source.elements:
        raise ShapeError(f"{source.elements} elements do not fill {list(node.attrs.new_shape)}")
    return (node.attrs.new_shape,)


SHAPE_OPS = (
    OpDef(
        "PAD",
        NoAttrs,
        infer=_infer_pad,
        channels=Passes(),
        signatures=signatures(((F32, I32), F32), ((I8, I32), I8)),
        min_inputs=2,
        quant=SameScale(),
    ),
    OpDef(
        "RESHAPE",
        Reshape,
        infer=_infer_reshape,
        channels=Reshapes(),
        signatures=signatures(((F32,), F32), ((I8,), I8)),
        quant=SameScale(),
        alias=View(),
    ),
)
