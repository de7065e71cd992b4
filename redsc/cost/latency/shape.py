"""What of a layer decides how long it takes, as a text without its channels, and these apart.

Layers of one form differ in their channels and in their numbers alone. What is measured of one counts for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from typing import Any

from redsc.ir import DType, Node, Value, op_def
from redsc.ir.rules import Grouped, Produces
from redsc.targets.grid import Channels

__all__ = ["FORM", "layer_shape"]

FORM = r"[A-Z0-9_]+:[a-z0-9_.:,=*>-]+"
"""A form as a regular expression: nothing in it ends a word of a log or a string of C."""
_MEASURABLE = (DType.INT8, DType.FLOAT32)  # any numbers will do; of whole numbers some say where to read
_SHORT = 16  # numbers of a constant that are part of a form: axes, paddings


def layer_shape(node: Node) -> tuple[str, Channels] | None:
    """Return the form of a layer and its channels; None for one that cannot be measured alone.

    A form has the element types and sizes of operands and results, `*` where channels are, the sizes of a window,
    short constants, and attributes that are not as by default. Which activation is fused makes no difference.
    """
    data = [value for value in node.present_inputs() if not value.is_constant]
    if not data or not node.outputs or any(value.type.dtype not in _MEASURABLE for value in data):
        return None
    counted = (data[0], data[1] if len(data) > 1 else node.outputs[0])
    operands = ",".join(_operand(node, index, value, counted) for index, value in enumerate(node.inputs))
    results = ",".join(_tensor(value) for value in node.outputs)
    first, second = (_channels(value) for value in counted)
    return f"{node.op}:{operands}>{results}{''.join(_attributes(node.attrs))}".replace(" ", ""), (first, second)


def _operand(node: Node, index: int, value: Value | None, counted: tuple[Value, Value]) -> str:
    if value is None:
        return "-"
    if value.data is None:
        return _tensor(value) if value in counted else f"{_tensor(value)[:-1]}{_channels(value)}"
    rule = op_def(node.op).channels
    if isinstance(rule, (Produces, Grouped)):
        return _sizes(value.type.shape[1:-1] if index == rule.weight else ()) + "w"
    if value.type.dtype is DType.INT32 and value.data.size <= _SHORT:
        return "=" + ".".join(map(str, value.data.reshape(-1).tolist()))
    return _tensor(value)


def _tensor(value: Value) -> str:
    return f"{value.type.dtype.value}.{_sizes(value.type.shape[:-1])}*"


def _sizes(sizes: tuple[int, ...]) -> str:
    return "".join(f"{size}x" for size in sizes)


def _channels(value: Value) -> int:
    return value.type.shape[-1] if value.type.shape else 1


def _attributes(attrs: Any) -> Iterator[str]:
    for item in fields(attrs):
        value = getattr(attrs, item.name)
        if item.name != "activation" and value != item.default:
            yield f":{item.name}={_literal(value)}"


def _literal(value: Any) -> str:
    if isinstance(value, tuple):
        return ".".join(map(_literal, value))
    return str(value.value if isinstance(value, Enum) else value).lower()
