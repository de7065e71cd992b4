"""Elementwise ops of two and more operands: arithmetic, comparisons, logic, choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redsc.ir.activation import Activation
from redsc.ir.graph import Node
from redsc.ir.ops.definition import NoAttrs, OpDef, ShapeError, broadcast, limit_rank
from redsc.ir.rules import OWN_SCALE, InPlace, QuantRule, SameInputScales, SameScale, Ties
from redsc.ir.signatures import BOOL, F32, I8, I32, I64, Signature, same_type, signatures
from redsc.ir.types import DType, Shape

__all__ = ["ARITHMETIC_OPS", "Add", "Div", "Mul", "Sub"]


@dataclass(frozen=True, slots=True)
class Add:
    """Elementwise sum with numpy broadcasting."""

    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class Sub:
    """Elementwise difference with numpy broadcasting."""

    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class Mul:
    """Elementwise product with numpy broadcasting."""

    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class Div:
    """Elementwise quotient with numpy broadcasting."""

    activation: Activation = Activation.NONE


def _broadcast_up_to(rank: int) -> Callable[[Node], tuple[Shape, ...]]:
    """Return the type rule of a kernel that takes equal shapes of any rank, and broadcasts up to `rank` axes."""

    def infer(node: Node) -> tuple[Shape, ...]:
        (shape,) = broadcast(node)
        if any(value.type.shape != shape for value in node.present_inputs()):
            limit_rank(shape, rank)
        return (shape,)

    return infer


def _infer_equal_shapes(node: Node) -> tuple[Shape, ...]:
    shapes = {value.type.shape for value in node.present_inputs()}
    if len(shapes) != 1:
        raise ShapeError(f"shapes {sorted(shapes)} must be equal")
    return tuple(shapes)


def _binary(
    name: str, attrs: type[Any], rank: int, rows: tuple[Signature, ...], quant: QuantRule = OWN_SCALE
) -> OpDef:
    """Return the entry of an op of two operands, which broadcast up to `rank` axes."""
    return OpDef(
        name,
        attrs,
        infer=_broadcast_up_to(rank),
        channels=Ties(),
        signatures=rows,
        min_inputs=2,
        data=(0, 1),
        quant=quant,
        alias=InPlace((0, 1)),
    )


def _to_bool(*dtypes: DType) -> tuple[Signature, ...]:
    return signatures(*(((dtype, dtype), BOOL) for dtype in dtypes))


_NUMBERS, _MORE_NUMBERS = same_type((F32, I8, I32), 2), same_type((F32, I8, I32, I64), 2)
_COMPARED = (F32, I8, I32, I64)

# LiteRT broadcasts up to these ranks (tensorflow/lite/kernels: add.cc, sub.cc, mul.cc, div.cc, ...); tflite-micro
# follows with its broadcast_loop.h up to 8, prelu_common.cc up to 4.
ARITHMETIC_OPS = (
    _binary("ADD", Add, 6, _NUMBERS),
    _binary("SUB", Sub, 5, _NUMBERS),
    _binary("MUL", Mul, 6, _NUMBERS),
    _binary("DIV", Div, 5, _NUMBERS),
    _binary("MAXIMUM", NoAttrs, 5, _MORE_NUMBERS, SameScale(bounds=True)),
    _binary("MINIMUM", NoAttrs, 5, _MORE_NUMBERS, SameScale(bounds=True)),
    _binary("FLOOR_DIV", NoAttrs, 4, same_type((F32,), 2)),
    _binary("FLOOR_MOD", NoAttrs, 4, same_type((F32,), 2)),
    _binary("SQUARED_DIFFERENCE", NoAttrs, 4, _NUMBERS),
    _binary("LOGICAL_AND", NoAttrs, 4, same_type((BOOL,), 2)),
    _binary("LOGICAL_OR", NoAttrs, 4, same_type((BOOL,), 2)),
    _binary("EQUAL", NoAttrs, 4, _to_bool(*_COMPARED, BOOL)),
    _binary("NOT_EQUAL", NoAttrs, 4, _to_bool(*_COMPARED, BOOL)),
    _binary("GREATER", NoAttrs, 4, _to_bool(*_COMPARED)),
    _binary("GREATER_EQUAL", NoAttrs, 4, _to_bool(*_COMPARED)),
    _binary("LESS", NoAttrs, 4, _to_bool(*_COMPARED)),
    _binary("LESS_EQUAL", NoAttrs, 4, _to_bool(*_COMPARED)),
    OpDef(
        "ADD_N",
        NoAttrs,
        infer=_infer_equal_shapes,
        channels=Ties(),
        signatures=signatures(((F32, F32), F32), repeats=True),
        min_inputs=2,
        data=None,
        quant=SameInputScales(),
    ),
    OpDef(
        "SELECT_V2",
        NoAttrs,
        infer=_broadcast_up_to(5),
        channels=Ties(),
        signatures=signatures(((BOOL, F32, F32), F32), ((BOOL, I8, I8), I8)),
        min_inputs=3,
        data=(1, 2),
        quant=SameScale(),
        alias=InPlace((1, 2)),
    ),
    OpDef(
        "PRELU",
        NoAttrs,
        infer=_broadcast_up_to(4),
        channels=Ties(),
        signatures=same_type((F32, I8), 2),
        min_inputs=2,
        alias=InPlace(),
    ),
)
