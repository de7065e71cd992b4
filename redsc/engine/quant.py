"""What the engine's kernels are told of element types and scales: zero points, and the limits of activations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from redsc.engine.call import Call, Emit, Field
from redsc.formats.tables import CannotTranslate
from redsc.ir import Activation, DType, Node, Quant, Value
from redsc.ir.activation import float_limits, int8_limits

__all__ = [
    "INT8_RANGE",
    "by_type",
    "clamp",
    "clamp_fields",
    "quant_of",
    "zero_points",
]

INT8_RANGE = (-128, 127)


def by_type(rows: Mapping[DType, Emit]) -> Emit:
    """Return the row that hands a node to the one for the element type of its first operand."""

    def emit(node: Node) -> Iterable[Call]:
        dtype = node.operand(0).type.dtype
        if dtype not in rows:
            raise CannotTranslate(f"no kernel for elements of {dtype.value}")
        return rows[dtype](node)

    return emit


def quant_of(value: Value) -> Quant:
    """Return the scale and zero point of an int8 tensor.

    Raises:
        CannotTranslate: it has none, or several.
    """
    quant = value.type.quant
    if quant is None or quant.is_per_channel:
        raise CannotTranslate(f"{value.name!r} has no scale, or one per channel")
    return quant


def zero_points(**tensors: Value) -> dict[str, Field]:
    """Return what a kernel is told of the zero points of int8 tensors, by their names there."""
    return {f"{name}_zero_point": quant_of(value).zero_point for name, value in tensors.items()}


def clamp(output: Value, activation: Activation) -> tuple[int, int]:
    """Return the least and the most that an int8 output may be."""
    return int8_limits(quant_of(output), activation)


def clamp_fields(output: Value, activation: Activation) -> dict[str, int | float]:
    """Return the members `minimum` and `maximum` of a kernel's parameters."""
    is_float = output.type.dtype is DType.FLOAT32
    low, high = float_limits(activation) if is_float else clamp(output, activation)
    return {"minimum": low, "maximum": high}
