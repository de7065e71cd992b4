"""The graph: the page to read first.

A `Value` is an SSA value with one producer (or a graph input, or a constant) and a list of uses. A `Node` is one op
applied to values. `Graph.nodes` order is the schedule. Values and nodes have identity and change only through the
methods here, which keep the use lists right; types and attributes are frozen and compared by content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np

from redsc.errors import InternalError
from redsc.ir.names import Names
from redsc.ir.types import DType, Quant, TensorType

__all__ = ["Array", "Graph", "Node", "Use", "Value", "copy_graph"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Use:
    """One place where a value is read: input `index` of `node`."""

    node: Node
    index: int


@dataclass(eq=False, slots=True)
class Value:
    """A tensor in SSA form; `data` is set for constants only and is read-only."""

    name: str
    type: TensorType
    data: Array | None = None
    producer: Node | None = None
    uses: list[Use] = field(default_factory=list)

    @staticmethod
    def constant(name: str, data: Array, quant: Quant | None = None) -> Value:
        """Return a constant that holds a read-only view of `data`."""
        view = data.view()
        view.flags.writeable = False
        return Value(name, TensorType(view.shape, DType.of(view), quant), view)

    @property
    def is_constant(self) -> bool:
        """Whether the tensor lives in flash."""
        return self.data is not None

    def __repr__(self) -> str:
        return f"Value({self.name!r}, {self.type.dtype.value}{list(self.type.shape)})"


@dataclass(eq=False, slots=True)
class Node:
    """One op applied to `inputs` (None where an optional input is left out).

    `op` is a key of `redsc.ir.OPS`; `attrs` is that op's frozen dataclass; `origin` keeps the names of the user's
    file through every rewrite.
    """

    op: str
    inputs: tuple[Value | None, ...]
    outputs: tuple[Value, ...]
    attrs: Any
    origin: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name for messages: the user's own, else that of the first output, or of what it reads without any."""
        return self.origin[0] if self.origin else (*self.outputs, *self.present_inputs())[0].name

    def operand(self, index: int) -> Value:
        """Return input `index`, which must be present."""
        value = self.inputs[index]
        if value is None:
            raise InternalError(f"{self.op} {self.name!r} has no input {index}")
        return value

    def present_inputs(self) -> Iterator[Value]:
        """Yield the inputs that are not left out."""
        return (value for value in self.inputs if value is not None)

    def __repr__(self) -> str:
        return f"Node({self.op}, {self.name!r})"


@dataclass(eq=False, slots=True)
class Graph:
    """A network: inputs, outputs and nodes in schedule order."""

    name: str = "main"
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    def append(
        self,
        op: str,
        inputs: Sequence[Value | None],
        outputs: Sequence[Value],
        attrs: Any,
        origin: Iterable[str] = (),
        *,
        before: Node | None = None,
    ) -> Node:
        """Add a node at the end of the schedule, or `before` another one, and register it with its values."""
        node = Node(op, tuple(inputs), tuple(outputs), attrs, tuple(origin))
        for output in node.outputs:
            if output.producer is not None or output.is_constant:
                raise InternalError(f"value {output.name!r} already has a producer")
            output.producer = node
        _note_uses(node)
        self.nodes.insert(len(self.nodes) if before is None else self.nodes.index(before), node)
        return node

    def set_input(self, node: Node, index: int, value: Value) -> None:
        """Make `node` read `value` at `index`."""
        old = node.inputs[index]
        if old is not None:
            old.uses.remove(Use(node, index))
        node.inputs = (*node.inputs[:index], value, *node.inputs[index + 1 :])
        value.uses.append(Use(node, index))

    def replace_uses(self, old: Value, new: Value) -> None:
        """Make every reader of `old`, and the graph outputs, read `new`."""
        for use in list(old.uses):
            self.set_input(use.node, use.index, new)
        self.outputs = [new if value is old else value for value in self.outputs]

    def rewrite(self, node: Node, op: str, inputs: Sequence[Value | None], attrs: Any) -> None:
        """Let `node` make its outputs with another op from other inputs."""
        _forget_uses(node)
        node.op, node.inputs, node.attrs = op, tuple(inputs), attrs
        _note_uses(node)

    def is_output(self, value: Value) -> bool:
        """Whether a value is a graph output."""
        return any(value is output for output in self.outputs)

    def is_read(self, value: Value) -> bool:
        """Whether an operand reads a value, or a graph output is it."""
        return bool(value.uses) or self.is_output(value)

    def is_private(self, value: Value) -> bool:
        """Whether exactly one operand reads a value, and no graph output is it."""
        return len(value.uses) == 1 and not self.is_output(value)

    def remove(self, node: Node) -> None:
        """Remove a node whose outputs nobody reads."""
        for output in node.outputs:
            if self.is_read(output):
                raise InternalError(f"cannot remove {node!r}: {output.name!r} is still used")
        _forget_uses(node)
        self.nodes.remove(node)

    def unused_name(self, name: str) -> str:
        """Return a name like this one that no value has."""
        return Names(value.name for value in self.values()).take(name)

    def values(self) -> list[Value]:
        """Return every value once: graph inputs, then per node its inputs and outputs, then graph outputs."""
        operands = chain.from_iterable((*node.inputs, *node.outputs) for node in self.nodes)
        found = dict.fromkeys(chain(self.inputs, operands, self.outputs))
        return [value for value in found if value is not None]

    def constants(self) -> list[Value]:
        """Return every constant once, in the order of first use."""
        return [value for value in self.values() if value.is_constant]

    def activations(self) -> list[Value]:
        """Return every value that lives in RAM, in the order of first appearance."""
        return [value for value in self.values() if not value.is_constant]

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the graph as tables, in which values have numbers: pickle would follow the links without end."""
        values = self.values()
        numbers = {value: number for number, value in enumerate(values)}
        nodes = [
            (
                node.op,
                [None if value is None else numbers[value] for value in node.inputs],
                [numbers[value] for value in node.outputs],
                node.attrs,
                node.origin,
            )
            for node in self.nodes
        ]
        ports = [[numbers[value] for value in port] for port in (self.inputs, self.outputs)]
        return _from_tables, (self.name, [(value.name, value.type, value.data) for value in values], nodes, *ports)


def _note_uses(node: Node) -> None:
    """Tell the operands of a node that it reads them."""
    for index, value in enumerate(node.inputs):
        if value is not None:
            value.uses.append(Use(node, index))


def _forget_uses(node: Node) -> None:
    for index, value in enumerate(node.inputs):
        if value is not None:
            value.uses.remove(Use(node, index))


def _copy_value(value: Value) -> Value:
    return replace(value, producer=None, uses=[])


def copy_graph(graph: Graph, copy: Callable[[Value], Value] = _copy_value) -> Graph:
    """Return a graph of the same nodes over other values: `copy` is asked once for each, and gives a new one."""
    copies: dict[Value, Value] = {}

    def copied(value: Value) -> Value:
        if value not in copies:
            copies[value] = copy(value)
        return copies[value]

    result = Graph(graph.name, inputs=[copied(value) for value in graph.inputs])
    for node in graph.nodes:
        inputs = [None if value is None else copied(value) for value in node.inputs]
        result.append(node.op, inputs, [copied(value) for value in node.outputs], node.attrs, node.origin)
    result.outputs = [copied(value) for value in graph.outputs]
    return result


def _from_tables(
    name: str,
    facts: Sequence[tuple[str, TensorType, Array | None]],
    nodes: Sequence[tuple[str, Sequence[int | None], Sequence[int], Any, tuple[str, ...]]],
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> Graph:
    """Return the graph of which `Graph.__reduce__` made these tables."""
    values = [
        Value(text, kind) if data is None else Value.constant(text, data, kind.quant) for text, kind, data in facts
    ]
    graph = Graph(name, inputs=[values[number] for number in inputs])
    for op, reads, writes, attrs, origin in nodes:
        operands = [None if number is None else values[number] for number in reads]
        graph.append(op, operands, [values[number] for number in writes], attrs, origin)
    graph.outputs = [values[number] for number in outputs]
    return graph
