"""Ops that work along axes: reductions, indices of extremes, running sums."""

from __future__ import annotations

from dataclasses import dataclass

from redsc.ir.graph import Node
from redsc.ir.ops.definition import OpDef, constant_axis, constant_ints, different_axes, same_shape
from redsc.ir.rules import OWN_SCALE, Along, QuantRule, Reduces, SameScale
from redsc.ir.signatures import BOOL, F32, I8, I32, same_type, signatures
from redsc.ir.types import DType, Shape

__all__ = ["REDUCE_OPS", "ArgExtreme", "CumSum", "Mean", "Reduce"]


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean over the axes in operand 1."""

    keep_dims: bool = False


@dataclass(frozen=True, slots=True)
class Reduce:
    """Sum, maximum, minimum or conjunction over the axes in operand 1."""

    keep_dims: bool = False


@dataclass(frozen=True, slots=True)
class ArgExtreme:
    """Index of the first maximum or minimum along the axis in operand 1, which goes."""

    output_type: DType = DType.INT32


@dataclass(frozen=True, slots=True)
class CumSum:
    """Running sum along the axis in operand 1, without the element itself if `exclusive`."""

    exclusive: bool = False
    reverse: bool = False


def _infer_reduce(node: Node) -> tuple[Shape, ...]:
    shape = node.operand(0).type.shape
    axes = different_axes(constant_ints(node, 1, "axes"), len(shape))
    if node.attrs.keep_dims:
        return (tuple(1 if axis in axes else n for axis, n in enumerate(shape)),)
    return (tuple(n for axis, n in enumerate(shape) if axis not in axes),)


def _infer_arg(node: Node) -> tuple[Shape, ...]:
    shape = node.operand(0).type.shape
    axis = constant_axis(node, 1, len(shape))
    return (shape[:axis] + shape[axis + 1 :],)


def _infer_cumsum(node: Node) -> tuple[Shape, ...]:
    (shape,) = same_shape(node)
    constant_axis(node, 1, len(shape))
    return (shape,)


def _reduction(name: str, attrs: type[Mean | Reduce], dtypes: tuple[DType, ...], quant: QuantRule) -> OpDef:
    return OpDef(
        name,
        attrs,
        infer=_infer_reduce,
        channels=Reduces(axes=1),
        signatures=same_type(dtypes, 1, I32),
        min_inputs=2,
        quant=quant,
    )


REDUCE_OPS = (
    _reduction("MEAN", Mean, (F32, I8), OWN_SCALE),
    _reduction("SUM", Reduce, (F32,), OWN_SCALE),  # LiteRT's reference kernel of int8 is wrong: its sums overflow
    _reduction("REDUCE_MAX", Reduce, (F32, I8), SameScale()),
    _reduction("REDUCE_MIN", Reduce, (F32, I8), SameScale()),
    _reduction("REDUCE_ALL", Reduce, (BOOL,), OWN_SCALE),
    *(
        OpDef(
            name,
            ArgExtreme,
            infer=_infer_arg,
            channels=Reduces(axes=1),
            signatures=signatures(((F32, I32), I32), ((I8, I32), I32)),
            min_inputs=2,
        )
        for name in ("ARG_MAX", "ARG_MIN")
    ),
    OpDef(
        "CUMSUM",
        CumSum,
        infer=_infer_cumsum,
        channels=Along(axes=1),
        signatures=same_type((F32,), 1, I32),
        min_inputs=2,
    ),
)
