"""A stable text form of graphs. `print_graph(parse_graph(text))` gives the same text again.

graph @main {
  input %x: i8[1,8] q(0.5,-128)
  const %w: i8[4,8] q(0.25,0) = base64"..."
  %y: i8[1,4] q(0.5,0) = FULLY_CONNECTED(%x, %w, none) {keep_num_dims=false, activation=NONE} @"dense"
  output %y
}
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import fields
from enum import Enum
from typing import Any

import numpy as np

from redsc.ir.graph import Graph, Node, Value
from redsc.ir.types import Quant, TensorType

__all__ = ["print_graph"]

_INLINE_ELEMENTS = 16
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./#-]*")


def print_graph(graph: Graph, *, with_origins: bool = True) -> str:
    """Return the text form; without origins it is what a model file can keep."""
    lines = [f"graph @{_name(graph.name)} {{"]
    lines += [f"  input {_declare(value)}" for value in graph.inputs]
    lines += [f"  const {_declare(value)} = {_data(value)}" for value in graph.constants()]
    lines += [f"  {_node(node)}{_origins(node) if with_origins else ''}" for node in graph.nodes]
    lines += [f"  output %{_name(value.name)}" for value in graph.outputs]
    return "\n".join([*lines, "}", ""])


def _name(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def _declare(value: Value) -> str:
    return f"%{_name(value.name)}: {_type(value.type)}"


def _type(tensor: TensorType) -> str:
    text = f"{tensor.dtype.value}[{','.join(map(str, tensor.shape))}]"
    return text if tensor.quant is None else f"{text} {_quant(tensor.quant)}"


def _quant(quant: Quant) -> str:
    if len(quant.scales) == len(quant.zero_points) == 1 and quant.axis == 0:
        return f"q({_float(quant.scale)},{quant.zero_point})"
    return f"q({_list(quant.scales)},{_list(quant.zero_points)},axis={quant.axis})"


def _float(number: float) -> str:
    """Return the shortest text that gives the same float32 back; the type rules keep scales in float32."""
    short = str(np.float32(number))
    return short if float(np.float32(short)) == number else repr(number)


def _literal(item: Any) -> str:
    match item:
        case Enum():
            return str(item.name)
        case bool():
            return "true" if item else "false"
        case float():
            return _float(item)
        case bytes():
            return json.dumps(item.hex())
        case str():
            return json.dumps(item)
        case tuple():
            return _list(item)
    return str(item)


def _list(items: tuple[Any, ...]) -> str:
    return f"[{','.join(_literal(item) for item in items)}]"


def _data(value: Value) -> str:
    assert value.data is not None
    flat = value.data.reshape(-1)
    if flat.size <= _INLINE_ELEMENTS:
        return _list(tuple(flat.tolist()))
    return f'base64"{base64.b64encode(flat.tobytes()).decode()}"'


def _node(node: Node) -> str:
    operands = ", ".join("none" if value is None else f"%{_name(value.name)}" for value in node.inputs)
    attrs = ", ".join(f"{f.name}={_literal(getattr(node.attrs, f.name))}" for f in fields(node.attrs))
    outputs = ", ".join(_declare(value) for value in node.outputs)
    text = f"{outputs} = {node.op}({operands})" if outputs else f"{node.op}({operands})"
    return f"{text} {{{attrs}}}" if attrs else text


def _origins(node: Node) -> str:
    return "".join(f" @{json.dumps(name)}" for name in node.origin)
