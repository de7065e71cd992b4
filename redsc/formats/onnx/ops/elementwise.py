"""Ops on each element, with broadcasting."""

from __future__ import annotations

import numpy as np

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.ops.row import OnnxOp, Rows
from redsc.formats.tables import CannotTranslate
from redsc.ir import DType, Value

__all__ = ["ELEMENTWISE_ROWS", "unary"]


def unary(op: str) -> OnnxOp:
    """Return the row of an op that TFLite has as it is."""

    def handler(context: OnnxContext, node: OnnxNode) -> None:
        context.emit(node, op, context.value(node.input(0)))

    return OnnxOp(handler)


def _binary(op: str, dtype: DType | None = None) -> OnnxOp:
    def handler(context: OnnxContext, node: OnnxNode) -> None:
        left, right = (context.operand(name, node.output) for name in node.inputs)
        context.emit(node, op, left, right, dtype=dtype)

    return OnnxOp(handler)


def _joined(context: OnnxContext, node: OnnxNode, op: str) -> Value:
    """Join all operands, two at a time."""
    operands = [context.operand(name, node.output) for name in node.inputs]
    result = operands[0]
    for index, other in enumerate(operands[1:], 2):
        result = context.step(node, op, result, other, part=str(index) if index < len(operands) else "")
    return result


def _variadic(op: str) -> OnnxOp:
    """Return the row of an op of any number of operands."""
    return OnnxOp(lambda context, node: context.alias(node, _joined(context, node, op)))


def _mean(context: OnnxContext, node: OnnxNode) -> None:
    count, total = len(node.inputs), _joined(context, node, "ADD")
    context.alias(node, total if count == 1 else context.step(node, "MUL", total, 1 / count, part="mean"))


def _div(context: OnnxContext, node: OnnxNode) -> None:
    """A division by constants is a multiplication."""
    left, right = node.inputs
    source = context.operand(left, node.output)
    divisor = context.model.constants.get(right)
    if divisor is None or (divisor == 0).any():
        context.emit(node, "DIV", source, context.operand(right, node.output))
        return
    factor = context.operand(right, node.output)
    assert factor.data is not None
    inverse = context.builder.constant(f"{node.output}.inverse", np.asarray(np.float32(1) / factor.data))
    context.emit(node, "MUL", source, inverse)


def _pow(context: OnnxContext, node: OnnxNode) -> None:
    exponent = context.number(node, "exponent", 1, 1.0)
    source = context.value(node.input(0))
    if exponent == 1:
        context.alias(node, source)
    elif exponent in _POWERS:
        context.emit(node, _POWERS[exponent], source)
    elif exponent == 3:
        square = context.step(node, "SQUARE", source, part="square")
        context.emit(node, "MUL", square, source)
    else:
        raise CannotTranslate(f"its exponent is {exponent:g}")


_POWERS = {2.0: "SQUARE", 0.5: "SQRT", -0.5: "RSQRT"}


def _reciprocal(context: OnnxContext, node: OnnxNode) -> None:
    context.emit(node, "DIV", 1.0, context.value(node.input(0)))


def _clip(context: OnnxContext, node: OnnxNode) -> None:
    """RELU and RELU6 where the bounds are theirs, else MINIMUM and MAXIMUM."""
    low = context.number(node, "min", 1, -np.inf)
    high = context.number(node, "max", 2, np.inf)
    source = context.value(node.input(0))
    bounds = [("MAXIMUM", low), ("MINIMUM", high)]
    used = [(op, bound) for op, bound in bounds if abs(bound) < np.finfo(np.float32).max]
    if (low, high) in _RELUS:
        context.emit(node, _RELUS[low, high], source)
    elif not used:
        context.alias(node, source)
    else:
        for op, bound in used[:-1]:
            source = context.step(node, op, source, bound, part=op.lower())
        op, bound = used[-1]
        context.emit(node, op, source, bound)


_RELUS = {(0.0, np.inf): "RELU", (0.0, float(np.finfo(np.float32).max)): "RELU", (0.0, 6.0): "RELU6"}


def _where(context: OnnxContext, node: OnnxNode) -> None:
    condition, *choices = node.inputs
    operands = [context.operand(name, node.output) for name in choices]
    found = context.operand(condition, node.output)
    context.emit(node, "SELECT_V2", found, *operands, dtype=DType.FLOAT32)


def _expand(context: OnnxContext, node: OnnxNode) -> None:
    """Repeat along axes of size 1."""
    shape = context.indices(node, "shape", context.graph_shape(node.output))
    context.emit(node, "BROADCAST_TO", context.operand(node.input(0), node.output), shape)


ELEMENTWISE_ROWS: Rows = {
    "Add": _binary("ADD"),
    "Sub": _binary("SUB"),
    "Mul": _binary("MUL"),
    "Div": OnnxOp(_div),
    "Sum": _variadic("ADD"),
    "Max": _variadic("MAXIMUM"),
    "Min": _variadic("MINIMUM"),
    "Mean": OnnxOp(_mean),
    "Pow": OnnxOp(_pow),
    "Reciprocal": OnnxOp(_reciprocal),
    "Clip": OnnxOp(_clip),
    "Where": OnnxOp(_where),
    "Expand": OnnxOp(_expand),
    "Abs": unary("ABS"),
    "Neg": unary("NEG"),
    "Exp": unary("EXP"),
    "Log": unary("LOG"),
    "Sqrt": unary("SQRT"),
    "Sin": unary("SIN"),
    "Cos": unary("COS"),
    "Ceil": unary("CEIL"),
    "Floor": unary("FLOOR"),
    "Round": unary("ROUND"),
    "Not": unary("LOGICAL_NOT"),
    "And": _binary("LOGICAL_AND"),
    "Or": _binary("LOGICAL_OR"),
    "Greater": _binary("GREATER", dtype=DType.BOOL),
    "GreaterOrEqual": _binary("GREATER_EQUAL", dtype=DType.BOOL),
    "Less": _binary("LESS", dtype=DType.BOOL),
    "LessOrEqual": _binary("LESS_EQUAL", dtype=DType.BOOL),
    "Xor": _binary("NOT_EQUAL", dtype=DType.BOOL),
    "Equal": _binary("EQUAL", dtype=DType.BOOL),
}
