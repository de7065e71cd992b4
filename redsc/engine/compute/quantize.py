"""Rows of the engine's table for conversions: float32 to integers and back, integers to another scale or width."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from redsc.engine.call import Call, Emit, Params
from redsc.engine.compute.lookup import look_up
from redsc.engine.quant import by_type, quant_of
from redsc.ir import DType, Node, Value
from redsc.ir.rescale import multiplier_of

__all__ = ["CONVERSIONS"]

_WIDTHS = {DType.INT8: "s8", DType.INT16: "s16", DType.INT32: "s32"}
_SOURCES = {DType.INT8: "redsc_quantize.c", DType.INT16: "redsc_quantize_s16.c"}


def _quantize(node: Node) -> Iterator[Call]:
    result = node.outputs[0].type.dtype
    return _convert(node, f"redsc_quantize_f32_{_WIDTHS[result]}", node.outputs[0])


def _dequantize(node: Node) -> Iterator[Call]:
    return _convert(node, f"redsc_dequantize_{_WIDTHS[node.operand(0).type.dtype]}", node.operand(0))


def _convert(node: Node, function: str, integers: Value) -> Iterator[Call]:
    quant, source = quant_of(integers), _SOURCES[integers.type.dtype]
    fields = {"count": integers.type.elements, "scale": quant.scale, "zero_point": quant.zero_point}
    yield Call(function, source, Params("redsc_quantize_params", fields), (node.operand(0), node.outputs[0]))


def _requantize(node: Node) -> Iterator[Call]:
    """micro/kernels/quantize_common.cc."""
    operands = (node.operand(0), node.outputs[0])
    source, result = map(quant_of, operands)
    multiplier, shift = multiplier_of(source.scale / result.scale)
    fields = {
        "count": node.operand(0).type.elements,
        "multiplier": multiplier,
        "shift": shift,
        "x_zero_point": source.zero_point,
        "y_zero_point": result.zero_point,
    }
    widths = "_".join(_WIDTHS[value.type.dtype] for value in operands)
    params = Params("redsc_requantize_params", fields)
    yield Call(f"redsc_requantize_{widths}", "redsc_requantize.c", params, operands)


def _integers(node: Node) -> Iterator[Call]:
    is_int8 = node.operand(0).type.dtype is node.outputs[0].type.dtype is DType.INT8
    return look_up(node) if is_int8 else _requantize(node)


CONVERSIONS: Mapping[str, Emit] = {
    "QUANTIZE": by_type({DType.FLOAT32: _quantize, **dict.fromkeys(_WIDTHS, _integers)}),
    "DEQUANTIZE": by_type(dict.fromkeys(_SOURCES, _dequantize)),
}
