"""Rows of the engine's table for functions of one operand: by table in int8, with and without libm in float32."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from redsc.engine.call import Call, Constant, Emit, Field, Params
from redsc.engine.compute.int8_tables import INT8_TABLES, int8_table
from redsc.engine.quant import by_type, clamp_fields
from redsc.formats.tables import CannotTranslate
from redsc.ir import Activation, Array, DType, Node

__all__ = ["LOOKUPS", "look_up", "look_up_in_operand"]


def look_up(node: Node) -> Iterator[Call]:
    """Yield the call that looks the results of an int8 node up."""
    return _look_up(node, int8_table(node))


def look_up_in_operand(node: Node) -> Iterator[Call]:
    """Yield the call of an engine's own op, whose table is operand 1."""
    table = node.operand(1).data
    if table is None:
        raise CannotTranslate("its table is no constant")
    return _look_up(node, table)


def _look_up(node: Node, table: Array) -> Iterator[Call]:
    fields: dict[str, Field] = {
        "count": node.operand(0).type.elements,
        "table": Constant(table.tobytes(), alignment=1),
    }
    operands = (node.operand(0), node.outputs[0])
    yield Call("redsc_lookup_s8", "redsc_lookup.c", Params("redsc_lookup_params", fields), operands)


def _float(function: str, source: str) -> Emit:
    def emit(node: Node) -> Iterator[Call]:
        more = _MORE_FIELDS[node.op](node) if node.op in _MORE_FIELDS else {}
        params = Params("redsc_unary_params_f32", {"count": node.operand(0).type.elements, **more})
        yield Call(f"redsc_{function}_f32", source, params, (node.operand(0), node.outputs[0]))

    return emit


_MORE_FIELDS: Mapping[str, Callable[[Node], dict[str, int | float]]] = {
    "RELU": lambda node: clamp_fields(node.outputs[0], Activation.RELU),
    "RELU6": lambda node: clamp_fields(node.outputs[0], Activation.RELU6),
    "LEAKY_RELU": lambda node: {"slope": node.attrs.alpha},
}
_PLAIN, _LIBM = "redsc_unary_f32.c", "redsc_libm_f32.c"
_FLOATS: Mapping[str, Emit] = {
    "RELU": _float("clamp", _PLAIN),
    "RELU6": _float("clamp", _PLAIN),
    **{op: _float(op.lower(), _PLAIN) for op in ("LEAKY_RELU", "HARD_SWISH", "ABS", "NEG", "SQUARE")},
    **{op: _float(op.lower(), _LIBM) for op in ("ELU", "LOGISTIC", "TANH", "EXP", "LOG", "SQRT", "RSQRT")},
    **{op: _float(op.lower(), _LIBM) for op in ("CEIL", "COS", "FLOOR", "SIN")},
}

LOOKUPS: Mapping[str, Emit] = {
    op: by_type({DType.FLOAT32: row, **({DType.INT8: look_up} if op in INT8_TABLES else {})})
    for op, row in _FLOATS.items()
}
"""By op."""
