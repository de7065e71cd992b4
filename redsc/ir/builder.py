"""The short way to make graphs: readers and tests add ops, shapes are inferred."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redsc.ir.graph import Array, Graph, Node, Value
from redsc.ir.ops import NO_ATTRS, ShapeError
from redsc.ir.registry import op_def
from redsc.ir.types import DType, Quant, Shape, TensorType

__all__ = ["GraphBuilder"]


class GraphBuilder:
    """Builds a graph node by node; names are made unique with a `#2` suffix."""

    def __init__(self, name: str = "main") -> None:
        self.graph = Graph(name)
        self._names: dict[str, int] = {}

    def input(self, name: str, shape: Shape, dtype: DType = DType.FLOAT32, quant: Quant | None = None) -> Value:
        """Add a graph input."""
        value = Value(self._unique(name), TensorType(shape, dtype, quant))
        self.graph.inputs.append(value)
        return value

    def constant(self, name: str, data: Array, quant: Quant | None = None) -> Value:
        """Make a constant."""
        return Value.constant(self._unique(name), data, quant)

    def op(
        self,
        op: str,
        *inputs: Value | None,
        attrs: Any = NO_ATTRS,
        name: str | None = None,
        dtype: DType | None = None,
        quant: Quant | None = None,
        origin: Iterable[str] = (),
    ) -> Value:
        """Append a node and return its output; `dtype` defaults to that of input 0.

        Raises:
            ShapeError: the operands do not fit together; a reader says where in its file.
        """
        draft = Node(op, inputs, (), attrs, tuple(origin))
        try:
            (shape,) = op_def(op).infer(draft)
        except ShapeError as error:
            raise ShapeError(f"{op} {name or ''}: {error}") from error
        source = draft.operand(0).type.dtype
        output = Value(self._unique(name or op.lower()), TensorType(shape, dtype or source, quant))
        self.graph.append(op, inputs, (output,), attrs, draft.origin)
        return output

    def output(self, *values: Value) -> Graph:
        """Declare the graph outputs and return the graph."""
        self.graph.outputs.extend(values)
        return self.graph

    def _unique(self, name: str) -> str:
        count = self._names[name] = self._names.get(name, 0) + 1
        return name if count == 1 else self._unique(f"{name}#{count}")
