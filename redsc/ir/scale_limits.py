"""Scales with which an int8 kernel of tflite-micro computes nonsense or stops the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from redsc.ir.graph import Node, Value
from redsc.ir.rescale import multiplier_of
from redsc.ir.types import Quant

__all__ = ["quotient_scale", "why_scales_fail"]

_LEAST = -128
_MOST_SHIFT = 31
_MOST_DIV_SHIFT = 23  # the bits above those of the largest dividend


def why_scales_fail(node: Node) -> str | None:
    """Return why a node must not run in int8 with the scales that its operands and results have, or None.

    Every one of them has a scale, of the whole tensor.
    """
    check = _CHECKS.get(node.op)
    return None if check is None else check(node)


def quotient_scale(node: Node) -> float:
    """Return how many steps of the result of a DIV a quotient of 1 is (micro/kernels/div.cc, in float64)."""
    return _scale(node.operand(0)) / (_scale(node.operand(1)) * _scale(node.outputs[0]))


def _quotient(node: Node) -> str | None:
    """The shifts to the right of reference/div.h must be shifts of an int32; of a dividend of 0 they need not.

    They are the bits above the dividend's highest one and those of the divisor below its own, less that of scales.
    """
    a, b = _quant(node.operand(0)), _quant(node.operand(1))
    headroom = _MOST_SHIFT if a.zero_point > _LEAST else _MOST_SHIFT - 1  # of -1, or of 1
    divisor = max(b.zero_point - _LEAST, -1 - _LEAST - b.zero_point)
    least, steps = headroom + divisor.bit_length() - 1 - _MOST_SHIFT, quotient_scale(node)
    _, shift = multiplier_of(steps)
    if least <= shift <= _MOST_DIV_SHIFT:
        return None
    wrong = f"its int8 kernel is wrong where a quotient of 1 is {steps:.3g} steps"
    return f"{wrong}: it needs {2 ** (least - 1)} to {2**_MOST_DIV_SHIFT}"


def _comparison(node: Node) -> str | None:
    """QuantizeMultiplierSmallerThanOneExp in micro/kernels/comparisons.cc stops the program."""
    largest = max(_scale(node.operand(index)) for index in range(2))
    return f"its int8 kernel takes scales below 1, this is {largest:.3g}" if largest >= 1 else None


def _scale(value: Value) -> float:
    return _quant(value).scale


def _quant(value: Value) -> Quant:
    assert value.type.quant is not None
    return value.type.quant


_COMPARISONS = ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
_CHECKS: Mapping[str, Callable[[Node], str | None]] = {
    "DIV": _quotient,
    **dict.fromkeys(_COMPARISONS, _comparison),
}
