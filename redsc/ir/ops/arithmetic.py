"""Elementwise ops of two and more operands: arithmetic, comparisons, logic, choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from redsc.ir.activation import Activation
from redsc.ir.graph import Node
from redsc.ir.ops.definition import NoAttrs, OpDef, ShapeError, broadcast, limit_rank, same_type, signatures
from redsc.ir.rules import InPlace, SameInputScales, SameScale, Ties
from redsc.ir.types import DType, Shape

__all__ = ["ARITHMETIC_OPS", "Add", "Div", "Mul", "Sub"]

F32, I8, I32, I64, BOOL = DType.FLOAT32, DType.INT8, DType.INT32, DType.INT64, DType.BOOL


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


# LiteRT broadcasts up to these ranks (tensorflow/lite/kernels: add.cc, sub.cc, mul.cc, div.cc, ...); tflite-micro
# follows with its broadcast_loop.h up to 8, prelu_common.cc up to 4.
_RANKS = {"ADD": 6, "MUL": 6, "SUB": 5, "DIV": 5, "MAXIMUM": 5, "MINIMUM": 5, "SELECT_V2": 5}
_FOUR = _broadcast_up_to(4)

ARITHMETIC_OPS = (
    *(
        OpDef(
            name,
            attrs,
            infer=_broadcast_up_to(_RANKS[name]),
            channels=Ties(),
            signatures=same_type(dtypes, 2),
            min_inputs=2,
            data=(0, 1),
            alias=InPlace((0, 1)),
        )
        for name, attrs, dtypes in (
            ("ADD", Add, (F32, I8, I32)),
            ("SUB", Sub, (F32, I8, I32)),
            ("MUL", Mul, (F32, I8, I32)),
            ("DIV", Div, (F32, I8, I32)),
        )
    ),
    *(
        OpDef(
            name,
            NoAttrs,
            infer=_broadcast_up_to(_RANKS[name]),
            channels=Ties(),
            signatures=same_type((F32, I8, I32, I64), 2),
            min_inputs=2,
            data=(0, 1),
            quant=SameScale(bounds=True),
            alias=InPlace((0, 1)),
        )
        for name in ("MAXIMUM", "MINIMUM")
    ),
    *(
        OpDef(
            name,
            NoAttrs,
            infer=_FOUR,
            channels=Ties(),
            signatures=same_type(dtypes, 2),
            min_inputs=2,
            data=(0, 1),
            alias=InPlace((0, 1)),
        )
        for name, dtypes in (
            ("FLOOR_DIV", (F32,)),
            ("FLOOR_MOD", (F32,)),
            ("SQUARED_DIFFERENCE", (F32, I8, I32)),
            ("LOGICAL_AND", (BOOL,)),
            ("LOGICAL_OR", (BOOL,)),
        )
    ),
    *(
        OpDef(
            name,
            NoAttrs,
            infer=_FOUR,
            channels=Ties(),
            signatures=signatures(*(((dtype, dtype), BOOL) for dtype in (F32, I8, I32, I64, *more))),
            min_inputs=2,
            data=(0, 1),
            alias=InPlace((0, 1)),
        )
        for name, more in (
            ("EQUAL", (BOOL,)),
            ("NOT_EQUAL", (BOOL,)),
            ("GREATER", ()),
            ("GREATER_EQUAL", ()),
            ("LESS", ()),
            ("LESS_EQUAL", ()),
        )
    ),
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
        infer=_broadcast_up_to(_RANKS["SELECT_V2"]),
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
        infer=_FOUR,
        channels=Ties(),
        signatures=same_type((F32, I8), 2),
        min_inputs=2,
        alias=InPlace(),
    ),
)
