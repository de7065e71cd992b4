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
from redsc.formats.tflite.accessors import indices, options_of, text_of
from redsc.formats.tflite.read.tensors import operands, pick
from redsc.ir import Graph, Node, Value, Variable

__all__ = ["Variables", "init_subgraphs"]

_Key = tuple[bytes, bytes]


@dataclass(slots=True)
class Variables:
    """What is known of each variable, by the name that it gets: its value before the first inference, and now.

    `resources` are the tensors that can be handles; what cannot be translated is added to `problems`.
    """

    resources: set[Value]
    name_chars: int
    problems: list[str]
    names: dict[_Key, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    handles: dict[Value, str] = field(default_factory=dict)
    initial: dict[str, Value] = field(default_factory=dict)
    current: dict[str, Value] = field(default_factory=dict)
    reads: dict[str, Node] = field(default_factory=dict)
    assignments: dict[str, Node] = field(default_factory=dict)

    def start(self, subgraph: Any, tensors: Sequence[Value], codes: Sequence[str]) -> None:
        """Read a subgraph that does nothing but assign constants to variables."""
        operators = [subgraph.Operators(i) for i in range(subgraph.OperatorsLength())]
        names = [codes[operator.OpcodeIndex()] for operator in operators]
        others = sorted(set(names) - {"VAR_HANDLE", "ASSIGN_VARIABLE"})
        self.problems += [f"at CALL_ONCE: {op}: redsc reads assignments of constants only" for op in others]
        for op, operator in zip(names if not others else (), operators, strict=False):
            if op == "VAR_HANDLE":
                self._handle(tensors, operator)
                continue
            name, value = self._target(op, operands(op, tensors, operator))
            if not value.is_constant:
                raise MalformedModel(f"the initial value of the variable {name!r} is no constant")
            self.initial[name] = value

    def node(self, graph: Graph, tensors: list[Value], operator: Any, op: str) -> None:
        """Add what an operator that deals with variables does; a read may be replaced among the tensors."""
        places, inputs = indices(operator.OutputsAsNumpy()), operands(op, tensors, operator)
        if len(places) != (op in ("VAR_HANDLE", "READ_VARIABLE")):
            raise MalformedModel(f"{op} has {len(places)} outputs")
        if op == "VAR_HANDLE":
            self._handle(tensors, operator)
        elif op == "ASSIGN_VARIABLE":
            self._assign(graph, inputs)
        elif op == "CALL_ONCE" and self.current:
            self.problems.append("at CALL_ONCE: it runs after variables were read or assigned")
        elif op == "READ_VARIABLE":
            output = pick(tensors, places[0], f"{op} output")
            if output.is_constant or output.producer or output in graph.inputs or output in self.resources:
                raise MalformedModel(f"tensor {output.name!r} has two producers")
            tensors[places[0]] = self._read(graph, inputs, output)

    def _handle(self, tensors: Sequence[Value], operator: Any) -> None:
        """Note of which variable a VAR_HANDLE makes the handle."""
        outputs = [pick(tensors, i, "VAR_HANDLE output") for i in indices(operator.OutputsAsNumpy())]
        if len(outputs) != 1 or outputs[0] not in self.resources or outputs[0] in self.handles:
            raise MalformedModel("VAR_HANDLE does not make one handle of its own")
        options = options_of(operator, tflite.VarHandleOptions)
        if options is None:
            raise MalformedModel(f"VAR_HANDLE {outputs[0].name!r} names no variable")
        key = (options.Container() or b"", options.SharedName() or b"")
        self.handles[outputs[0]] = self._name_of(key)

    def _read(self, graph: Graph, inputs: Sequence[Value | None], output: Value) -> Value:
        """Return what a READ_VARIABLE gives: its output, or what was assigned or read before."""
        name = self._name("READ_VARIABLE", inputs)
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

    def _assign(self, graph: Graph, inputs: Sequence[Value | None]) -> None:
        """Make what an ASSIGN_VARIABLE reads the variable's value; the last one of an inference counts."""
        name, value = self._target("ASSIGN_VARIABLE", inputs)
        self._compare(name, self.current.get(name, self.initial.get(name, value)), value)
        if name in self.assignments:
            graph.remove(self.assignments[name])
        self.assignments[name] = graph.append("ASSIGN_VARIABLE", [value], [], Variable(name), (name,))
        self.current[name] = value

    def settle(self, graph: Graph) -> None:
        """Leave variables that are both read and assigned; no other carries anything to the next inference."""
        waiting = [*self.reads, *self.assignments]
        while waiting:
            name = waiting.pop()
            read, assignment = self.reads.get(name), self.assignments.get(name)
            if read is None or assignment is None or not _is_used(graph, read):
                waiting += self._drop(graph, name)

    def _drop(self, graph: Graph, name: str) -> list[str]:
        """Remove the nodes of a variable; return the variable that was read only for it, if there is one."""
        read, assignment = self.reads.pop(name, None), self.assignments.pop(name, None)
        if read is not None:
            graph.replace_uses(read.outputs[0], self.initial[name])
            graph.remove(read)
        if assignment is None:
            return []
        source = assignment.operand(0).producer
        graph.remove(assignment)
        return [source.attrs.variable] if source is not None and isinstance(source.attrs, Variable) else []

    def _target(self, op: str, inputs: Sequence[Value | None]) -> tuple[str, Value]:
        """Return the variable that an assignment names, and what it assigns."""
        name = self._name(op, inputs)
        if len(inputs) != 2 or (value := inputs[1]) is None or value in self.resources:
            raise MalformedModel(f"{op} of the variable {name!r} has no value to assign")
        return name, value

    def _name(self, op: str, inputs: Sequence[Value | None]) -> str:
        handle = inputs[0] if inputs else None
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

    def _name_of(self, key: _Key) -> str:
        """Return the name of a variable: that of the file, made unique."""
        if key not in self.names:
            text = text_of(b"/".join(part for part in key if part)) or "variable"
            text = text.replace("\0", "#")[: self.name_chars]  # C code reads a name up to its first zero
            name, count = text, self.counts.get(text, 0)
            while name in self.counts:
                count += 1
                name = f"{text}#{count}"
            self.counts[text], self.counts[name] = count, 0
            self.names[key] = name
        return self.names[key]


def init_subgraphs(model: Any, codes: Sequence[str]) -> Iterator[int]:
    """Yield the subgraphs that CALL_ONCE runs, each once.

    Raises:
        MalformedModel: one is the network itself, or there is none of that number.
    """
    found = dict[int, None]()
    subgraph = model.Subgraphs(0)
    for operator in map(subgraph.Operators, range(subgraph.OperatorsLength())):
        if codes[operator.OpcodeIndex()] != "CALL_ONCE":
            continue
        options = options_of(operator, tflite.CallOnceOptions)
        index = 0 if options is None else options.InitSubgraphIndex()
        if not 0 < index < model.SubgraphsLength():
            raise MalformedModel(
                f"CALL_ONCE runs subgraph {index}, the others are 1..{model.SubgraphsLength() - 1}"
            )
        found[index] = None
    yield from found


def _is_used(graph: Graph, node: Node) -> bool:
    return any(map(graph.is_read, node.outputs))
