"""The variables of a file while its operators are read: every name becomes one read and one assignment.

A read after an assignment of the same inference is what was assigned. What then is never read carries no state, and
what is never assigned is a constant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import tflite

from redsc.errors import MalformedModel
from redsc.ir import Graph, Node, Value, Variable

__all__ = ["Variables", "init_subgraphs"]

_Key = tuple[bytes, bytes]


@dataclass(slots=True)
class Variables:
    """What is known of each variable, by the name that it gets: its value before the first inference, and now."""

    name_chars: int
    names: dict[_Key, str] = field(default_factory=dict)
    handles: dict[Value, str] = field(default_factory=dict)
    initial: dict[str, Value] = field(default_factory=dict)
    current: dict[str, Value] = field(default_factory=dict)
    reads: dict[str, Node] = field(default_factory=dict)
    assignments: dict[str, Node] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def handle(self, operator: Any, output: Value) -> None:
        """Note of which variable a VAR_HANDLE makes the handle."""
        options = tflite.VarHandleOptions()
        table = operator.BuiltinOptions()
        if table is None:
            raise MalformedModel(f"VAR_HANDLE {output.name!r} names no variable")
        options.Init(table.Bytes, table.Pos)
        key = (options.Container() or b"", options.SharedName() or b"")
        self.handles[output] = self.names.setdefault(key, self._unique(key))

    def start(self, operands: Sequence[Value | None]) -> None:
        """Note what the first inference assigns before it starts."""
        name, value = self._operands("ASSIGN_VARIABLE", operands)
        if not value.is_constant:
            raise MalformedModel(f"the initial value of the variable {name!r} is no constant")
        self.initial[name] = value

    def read(self, graph: Graph, operands: Sequence[Value | None], output: Value) -> Value:
        """Return what a READ_VARIABLE gives: its output, or what was assigned or read before."""
        name = self._name("READ_VARIABLE", operands)
        if name not in self.initial:
            self.problems.append(f"the variable {name!r} is read, but no CALL_ONCE gives it an initial value")
            self.initial[name] = output
        known = self.current.get(name, self.initial[name])
        self._compare(name, known, output)
        if name not in self.current:
            attrs = Variable(name)
            self.reads[name] = graph.append("READ_VARIABLE", [self.initial[name]], [output], attrs, (output.name,))
            self.current[name] = output
        return self.current[name]

    def assign(self, graph: Graph, operands: Sequence[Value | None]) -> None:
        """Make what an ASSIGN_VARIABLE reads the variable's value; the last one of an inference counts."""
        name, value = self._operands("ASSIGN_VARIABLE", operands)
        self._compare(name, self.current.get(name, self.initial.get(name, value)), value)
        if name in self.assignments:
            graph.remove(self.assignments[name])
        self.assignments[name] = graph.append("ASSIGN_VARIABLE", [value], [], Variable(name), (name,))
        self.current[name] = value

    def settle(self, graph: Graph) -> None:
        """Leave variables that are both read and assigned; no other carries anything to the next inference."""
        idle = [name for name, node in self.reads.items() if not _is_used(graph, node)]
        lost = [name for name in self.assignments if name in idle or name not in self.reads]
        for name in lost:
            graph.remove(self.assignments.pop(name))
        for name in [name for name in self.reads if name in idle or name not in self.assignments]:
            node = self.reads.pop(name)
            graph.replace_uses(node.outputs[0], self.initial[name])
            graph.remove(node)
        if idle or lost:
            self.settle(graph)

    def _operands(self, op: str, operands: Sequence[Value | None]) -> tuple[str, Value]:
        name = self._name(op, operands)
        if len(operands) != 2 or (value := operands[1]) is None or value in self.handles:
            raise MalformedModel(f"{op} of the variable {name!r} has no value to assign")
        return name, value

    def _name(self, op: str, operands: Sequence[Value | None]) -> str:
        handle = operands[0] if operands else None
        if handle is None or handle not in self.handles:
            raise MalformedModel(f"{op} reads no handle that a VAR_HANDLE before it makes")
        return self.handles[handle]

    def _compare(self, name: str, known: Value, found: Value) -> None:
        """Refuse a variable that is not of one type."""
        if (known.type.shape, known.type.dtype) != (found.type.shape, found.type.dtype):
            raise MalformedModel(f"the variable {name!r} has the types of {known.name!r} and of {found.name!r}")
        if known.type.quant != found.type.quant:
            problem = f"the variable {name!r} has the scales of {known.name!r} and of {found.name!r}"
            self.problems.append(problem)

    def _unique(self, key: _Key) -> str:
        text = b"/".join(part for part in key if part).decode("utf-8", "replace") or "variable"
        name = text.replace("\0", "#")[: self.name_chars]  # C code reads a name up to its first zero
        while name in self.names.values():
            name += "#"
        return name


def init_subgraphs(model: Any, codes: Sequence[str]) -> Iterator[int]:
    """Yield the subgraphs that CALL_ONCE runs, each once.

    Raises:
        MalformedModel: one is the network itself, or there is none of that number.
    """
    found = dict[int, None]()
    subgraph = model.Subgraphs(0)
    for operator in map(subgraph.Operators, range(subgraph.OperatorsLength())):
        table = operator.BuiltinOptions()
        if codes[operator.OpcodeIndex()] != "CALL_ONCE":
            continue
        options = tflite.CallOnceOptions()
        if table is not None:
            options.Init(table.Bytes, table.Pos)
        index = 0 if table is None else options.InitSubgraphIndex()
        if not 0 < index < model.SubgraphsLength():
            raise MalformedModel(f"CALL_ONCE runs subgraph {index}, the others are 1..{model.SubgraphsLength() - 1}")
        found[index] = None
    yield from found


def _is_used(graph: Graph, node: Node) -> bool:
    return any(value.uses or graph.is_output(value) for value in node.outputs)
