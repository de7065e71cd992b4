"""The short way to make graphs: readers and tests add ops, shapes are inferred."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from redsc.ir.graph import Array, Graph, Node, Value
from redsc.ir.names import Names
from redsc.ir.ops.definition import NO_ATTRS, ShapeError
from redsc.ir.registry import op_def
from redsc.ir.types import DType, Quant, Shape, TensorType

__all__ = ["GraphBuilder"]


class GraphBuilder:
    """Builds a graph node by node; names are made unique with a `#2` suffix."""

    def __init__(self, name: str = "main") -> None:
        self.graph = Graph(name)
        self._names = Names()

    @staticmethod
    def onto(graph: Graph) -> GraphBuilder:
        """Return a builder that adds to a graph."""
        builder = GraphBuilder(graph.name)
        builder.graph = graph
        builder._names = Names(value.name for value in graph.values())
        return builder

    def input(self, name: str, shape: Shape, dtype: DType = DType.FLOAT32, quant: Quant | None = None) -> Value:
        """Add a graph input."""
        value = Value(self._names.take(name), TensorType(shape, dtype, quant))
        self.graph.inputs.append(value)
        return value

    def constant(self, name: str, data: Array, quant: Quant | None = None) -> Value:
        """Make a constant."""
        return Value.constant(self._names.take(name), data, quant)

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
        """Append a node with one output and return that; see `split_op`."""
        names = (name or op.lower(),)
        (output,) = self.split_op(op, *inputs, attrs=attrs, names=names, dtype=dtype, quant=quant, origin=origin)
        return output

    def split_op(
        self,
        op: str,
        *inputs: Value | None,
        names: Sequence[str],
        attrs: Any = NO_ATTRS,
        dtype: DType | None = None,
        quant: Quant | None = None,
        origin: Iterable[str] = (),
    ) -> tuple[Value, ...]:
        """Append a node and return its outputs, one per name; `dtype` defaults to what the op gives.

        Raises:
            ShapeError: the operands do not fit together; a reader says where in its file.
        """
        draft = Node(op, inputs, (), attrs, tuple(origin))
        try:
            shapes = op_def(op).infer(draft)
        except ShapeError as error:
            raise ShapeError(f"{op} {names[0]}: {error}") from error
        dtype = dtype or _output_dtype(draft)
        outputs = [
            Value(self._names.take(name), TensorType(shape, dtype, quant))
            for name, shape in zip(names, shapes, strict=True)
        ]
        self.graph.append(op, inputs, outputs, attrs, draft.origin)
        return tuple(outputs)

    def output(self, *values: Value) -> Graph:
        """Declare the graph outputs and return the graph."""
        self.graph.outputs.extend(values)
        return self.graph


def _output_dtype(node: Node) -> DType:
    """Return the only element type that the op's signatures give, else that of its first data operand."""
    op = op_def(node.op)
    inputs = [None if value is None else value.type.dtype for value in node.inputs]
    outputs = {row.output for row in op.signatures if row.takes(inputs)}
    return outputs.pop() if len(outputs) == 1 else op.source(node).type.dtype
