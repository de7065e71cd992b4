"""Rows of the engine's table for arithmetic on two operands that broadcast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from redsc.engine.call import Call, Emit, Field, Params
from redsc.engine.compute.broadcast import Axis, common_axes, loops
from redsc.engine.quant import INT8_RANGE, by_type, clamp_fields, quant_of, zero_points
from redsc.formats.tables import CannotTranslate
from redsc.ir import DType, Node, Value
from redsc.ir.rescale import multiplier_of
from redsc.ir.scale_limits import quotient_scale, why_scales_fail

__all__ = ["ELEMENTWISE", "binary_call", "operands_of"]

_SOURCE, _SOURCE_F32 = "redsc_elementwise.c", "redsc_elementwise_f32.c"
_MOST_SHIFT, _SHORT_SHIFT = 31, 23
_LEFT_SHIFT = 20  # by which int8 sums are widened: kernels/add.cc
_SQUARED_SHIFT = 7  # and differences that are squared


def _sum(sign: int) -> Emit:
    """Return the row of a + sign * b; tensorflow/lite/micro/kernels/add_common.cc, multipliers in float64."""

    def emit(node: Node) -> Iterator[Call]:
        (wide, narrow), output = sorted(operands_of(node), key=_scale, reverse=True), node.outputs[0]
        signs = (1, sign) if wide is node.operand(0) else (sign, 1)
        twice = 2 * _scale(wide)
        b_multiplier, b_shift = _right(_scale(narrow) / twice)
        multiplier, shift = _right(twice / ((1 << _LEFT_SHIFT) * _scale(output)))
        limits = clamp_fields(output, node.attrs.activation)
        is_plain = _is_plain(limits, (wide, narrow), output) and _is_short(shift)
        fields = {
            "a_factor": signs[0] * (1 << (_LEFT_SHIFT - 1)),
            "b_multiplier": b_multiplier,
            "multiplier": multiplier,
            "b_sign": signs[1],
            "b_shift": b_shift,
            "shift": shift,
            **zero_points(a=wide, b=narrow, y=output),
            **limits,
            "is_plain": int(is_plain),
        }
        return binary_call("redsc_add_s8", "redsc_add_params_s8", (wide, narrow), output, fields)

    return emit


def _mul(node: Node) -> Iterator[Call]:
    """tensorflow/lite/micro/kernels/mul_common.cc."""
    (a, b), output = operands_of(node), node.outputs[0]
    multiplier, shift = multiplier_of(_scale(a) * _scale(b) / _scale(output))
    limits = clamp_fields(output, node.attrs.activation)
    is_plain = _is_plain(limits, (a, b), output) and _is_short(-shift) and multiplier > 0
    fields = {
        "multiplier": multiplier,
        "shift": shift,
        **zero_points(a=a, b=b, y=output),
        **limits,
        "is_plain": int(is_plain),
    }
    return binary_call("redsc_mul_s8", "redsc_mul_params_s8", (a, b), output, fields)


def _squared_difference(node: Node) -> Iterator[Call]:
    """tensorflow/lite/micro/kernels/squared_difference.cc."""
    (wide, narrow), output = sorted(operands_of(node), key=_scale, reverse=True), node.outputs[0]
    twice = 2 * _scale(wide)
    b_multiplier, b_shift = _right(_scale(narrow) / twice)
    multiplier, shift = multiplier_of(twice * twice / ((1 << 2 * _SQUARED_SHIFT) * _scale(output)))
    fields: dict[str, Field] = {
        "b_multiplier": b_multiplier,
        "multiplier": multiplier,
        "b_shift": b_shift,
        "shift": shift,
        **zero_points(a=wide, b=narrow, y=output),
    }
    name = "redsc_squared_difference"
    return binary_call(f"{name}_s8", f"{name}_params_s8", (wide, narrow), output, fields)


def _div(node: Node) -> Iterator[Call]:
    """tensorflow/lite/micro/kernels/div.cc."""
    if reason := why_scales_fail(node):
        raise CannotTranslate(f"no kernel: {reason}")
    (a, b), output = operands_of(node), node.outputs[0]
    multiplier, shift = multiplier_of(quotient_scale(node))
    fields = {
        "multiplier": multiplier,
        "shift": shift,
        **zero_points(a=a, b=b, y=output),
        **clamp_fields(output, node.attrs.activation),
    }
    return binary_call("redsc_div_s8", "redsc_div_params_s8", (a, b), output, fields, "redsc_divide.c")


def _right(real: float) -> tuple[int, int]:
    """Return a multiplier of at least 2^30 and the shift to the right of a real number below 1.

    Raises:
        CannotTranslate: the number is not below 1; TFLM refuses that as well.
    """
    multiplier, shift = _never_zero(multiplier_of(real))
    if shift > 0:
        raise CannotTranslate("the scales of the inputs and of the output differ too much")
    return multiplier, -shift


def _never_zero(scale: tuple[int, int]) -> tuple[int, int]:
    """Return a multiplier of at least 2^30; for what TFLite flushes to zero the shift that makes 0 of int8 sums."""
    return scale if scale[0] else (1 << 30, -_MOST_SHIFT)


def _is_short(shift: int) -> bool:
    """Whether there is a shift to the right, and half a step and a zero point fit into 32 bits before it."""
    return 1 <= shift <= _SHORT_SHIFT


def _is_plain(limits: Mapping[str, Field], operands: tuple[Value, Value], output: Value) -> bool:
    """Whether the limits are those of int8, and both operands go on by 1 within a row."""
    row = _axes(operands, output)[-1]
    return (limits["minimum"], limits["maximum"]) == INT8_RANGE and (row.a_step, row.b_step) == (1, 1)


def _prelu(node: Node) -> Iterator[Call]:
    """tensorflow/lite/micro/kernels/prelu_common.cc."""
    (a, b), output = operands_of(node), node.outputs[0]
    x, slope, y = map(_scale, (a, b, output))
    scales = [_never_zero(multiplier_of(real)) for real in (x / y, x * slope / y)]
    fields = {
        "multiplier": tuple(multiplier for multiplier, _ in scales),
        "shift": tuple(shift for _, shift in scales),
        **zero_points(a=a, b=b, y=output),
    }
    return binary_call("redsc_prelu_s8", "redsc_prelu_params_s8", (a, b), output, fields)


def _extreme(flip: int) -> Emit:
    """tensorflow/lite/kernels/internal/reference/maximum_minimum.h."""

    def emit(node: Node) -> Iterator[Call]:
        fields = {"flip": flip}
        return binary_call(
            "redsc_maximum_s8", "redsc_maximum_params_s8", operands_of(node), node.outputs[0], fields
        )

    return emit


def _float(function: str) -> Emit:
    def emit(node: Node) -> Iterator[Call]:
        activation = getattr(node.attrs, "activation", None)
        fields = {} if activation is None else clamp_fields(node.outputs[0], activation)
        operands, output = operands_of(node), node.outputs[0]
        return binary_call(function, "redsc_binary_params_f32", operands, output, fields, _SOURCE_F32)

    return emit


def _select(node: Node) -> Iterator[Call]:
    """tensorflow/lite/kernels/internal/reference/select.h."""
    output, operands = node.outputs[0], (*operands_of(node), node.operand(2))
    if any(value.type.elements not in (1, output.type.elements) for value in operands):
        raise CannotTranslate("no kernel for operands that repeat and have more than one element")
    names = ("condition_step", "a_step", "b_step")
    steps = {name: int(value.type.elements > 1) for name, value in zip(names, operands, strict=True)}
    params = Params("redsc_select_params", {"count": output.type.elements, **steps})
    bits = 8 * output.type.dtype.itemsize
    yield Call(f"redsc_select_{bits}", "redsc_select.c", params, (*operands, output))


def binary_call(
    function: str,
    params: str,
    operands: tuple[Value, Value],
    output: Value,
    fields: Mapping[str, Field],
    source: str = _SOURCE,
) -> Iterator[Call]:
    """Yield the call of a kernel that goes along rows of both operands.

    Args:
        function: its name.
        params: the struct that it takes, of which `rows` is a member.
        operands: as it takes them.
        output: what it writes.
        fields: the struct's other members.
        source: the file that defines it.

    Raises:
        CannotTranslate: the operands take turns in repeating along more axes than the kernels have loops.
    """
    yield Call(function, source, Params(params, {**_rows(operands, output), **fields}), (*operands, output))


def _rows(operands: tuple[Value, Value], output: Value) -> dict[str, Field]:
    """Return the members of `rows`: the innermost axis is the row, the others are loops around it."""
    *outer, row = _axes(operands, output)
    itemsize = operands[0].type.dtype.itemsize
    return {
        "rows.length": row.size,
        "rows.a_step": row.a_step,
        "rows.b_step": row.b_step,
        **loops("rows.loops", outer, itemsize, itemsize),
    }


def _axes(operands: tuple[Value, Value], output: Value) -> list[Axis]:
    return common_axes((operands[0].type.shape, operands[1].type.shape), output.type.shape)


def _scale(value: Value) -> float:
    return quant_of(value).scale


def operands_of(node: Node) -> tuple[Value, Value]:
    """Return both operands of a node."""
    return node.operand(0), node.operand(1)


_INT8: Mapping[str, Emit] = {
    "ADD": _sum(1),
    "SUB": _sum(-1),
    "MUL": _mul,
    "PRELU": _prelu,
    "MAXIMUM": _extreme(0),
    "MINIMUM": _extreme(-1),
    "DIV": _div,
    "SQUARED_DIFFERENCE": _squared_difference,
}
_FLOAT: Mapping[str, Emit] = {name: _float(f"redsc_{name.lower()}_f32") for name in _INT8}

ELEMENTWISE: Mapping[str, Emit] = {
    **{name: by_type({DType.FLOAT32: _FLOAT[name], DType.INT8: row}) for name, row in _INT8.items()},
    "SELECT_V2": _select,
}
