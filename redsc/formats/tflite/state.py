"""What a TFLite file has in place of a graph's own forms: of variables, recurrent layers and look-ups in tables.

A file names a variable through a handle, a tensor of type RESOURCE that VAR_HANDLE makes. The first inference
runs, by CALL_ONCE, a subgraph of its own that assigns the initial values. A graph has none of this: `file_graphs`
makes it (tensorflow/lite/kernels/var_handle.cc, call_once.cc; tensorflow/lite/micro/micro_resource_variable.cc).

A look-up is one op in a graph for the C engine, in a file it is spelled out. Recurrent layers: `recurrent.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from redsc.formats.tflite.ops import Field, TFLiteOp
from redsc.formats.tflite.recurrent import RECURRENT, add_resets, add_states
from redsc.ir import (
    LOOKUP,
    DType,
    Graph,
    Node,
    TensorType,
    Value,
    Variable,
    copy_graph,
    expand_lookup,
    state_reads,
)

__all__ = ["RESOURCE", "STATE_FILE_OPS", "CallOnce", "FileGraph", "VarHandle", "file_graphs", "tensor_numbers"]

RESOURCE = 13  # schema.fbs: TensorType
_HANDLE = TensorType((), DType.INT32)  # what TFLM's kernels see: the number of the variable
_INIT_SUBGRAPH = 1


@dataclass(frozen=True, slots=True)
class VarHandle:
    """The variable's name; redsc writes an empty container."""

    variable: str = ""
    container: str = ""


@dataclass(frozen=True, slots=True)
class CallOnce:
    """The subgraph that the first inference runs."""

    subgraph: int = _INIT_SUBGRAPH


# Operators that files have and graphs do not, with what they store.
STATE_FILE_OPS: Mapping[str, TFLiteOp] = {
    "CALL_ONCE": TFLiteOp("CallOnceOptions", (Field("subgraph", "InitSubgraphIndex"),)),
    "VAR_HANDLE": TFLiteOp("VarHandleOptions", (Field("variable", "SharedName"), Field("container", "Container"))),
}


@dataclass(frozen=True, slots=True)
class FileGraph:
    """One subgraph of a file, its operators as the file has them.

    `handles` are the values of type RESOURCE, `added` those between the operators of a look-up, and what states are
    set to, `states` those that kernels keep and change, `between` what an operator names besides these.
    """

    graph: Graph
    handles: frozenset[Value] = frozenset()
    added: frozenset[Value] = frozenset()
    states: frozenset[Value] = frozenset()
    between: Mapping[Node, tuple[Value, ...]] = field(default_factory=dict)

    def values(self) -> list[Value]:
        """Return the values by tensor number: those of a graph without variables as its `Graph.values()`."""
        own = sorted(self.graph.values(), key=(self.added | self.states).__contains__)
        return [*own, *dict.fromkeys(value for values in self.between.values() for value in values)]


def file_graphs(graph: Graph) -> tuple[FileGraph, ...]:
    """Return the subgraphs of the file of a graph: itself, or a copy in ops of files, and what starts variables."""
    spelled = _spell_out(graph)
    if not state_reads(graph):
        return (spelled,)
    return _main_graph(spelled), _init_graph(graph)


def tensor_numbers(graph: Graph) -> dict[str, int]:
    """Return the number of every value's tensor in the file of a graph, by the value's name."""
    return {value.name: number for number, value in enumerate(file_graphs(graph)[0].values())}


def _spell_out(graph: Graph) -> FileGraph:
    """Return a graph with look-ups and recurrent layers as files have them; itself where it has none."""
    if not any(node.op == LOOKUP or node.op in RECURRENT for node in graph.nodes):
        return FileGraph(graph)
    result, added, states = copy_graph(graph), set[Value](), set[Value]()
    between: dict[Node, tuple[Value, ...]] = {}
    for node in list(result.nodes):
        if node.op == LOOKUP:
            added.update(expand_lookup(result, node))
        elif node.op in RECURRENT:
            kept, between[node] = add_states(result, node)
            states.update(kept)
            added.update(add_resets(result, node, kept))
    return FileGraph(result, added=frozenset(added), states=frozenset(states), between=between)


def _main_graph(part: FileGraph) -> FileGraph:
    """Return a graph that runs the other one once, then makes all handles; the rest keeps its order."""
    graph, between = part.graph, dict[Node, tuple[Value, ...]]()
    copies: dict[Value, Value] = {}

    def copied(value: Value) -> Value:
        if value not in copies:
            copies[value] = replace(value, producer=None, uses=[])
        return copies[value]

    main = Graph(graph.name, inputs=[copied(value) for value in graph.inputs])
    main.append("CALL_ONCE", [], [], CallOnce())
    handles = {node.attrs.variable: _handle(main, node.attrs.variable) for node in state_reads(graph)}
    for node in graph.nodes:
        inputs = [None if value is None else copied(value) for value in node.inputs if node.op != "READ_VARIABLE"]
        if isinstance(node.attrs, Variable):
            inputs.insert(0, handles[node.attrs.variable])
        made = main.append(node.op, inputs, [copied(value) for value in node.outputs], node.attrs, node.origin)
        between[made] = part.between.get(node, ())
    main.outputs = [copied(value) for value in graph.outputs]
    states = frozenset(copied(value) for value in part.states)
    return FileGraph(main, frozenset(handles.values()), states=states, between=between)


def _init_graph(graph: Graph) -> FileGraph:
    """Return a graph without inputs and outputs that assigns the initial values."""
    init, handles, copies = Graph("init"), set[Value](), dict[Value, Value]()
    for node in state_reads(graph):
        handle, initial = _handle(init, node.attrs.variable), node.operand(0)
        value = copies.setdefault(initial, replace(initial, uses=[]))
        init.append("ASSIGN_VARIABLE", [handle, value], [], node.attrs)
        handles.add(handle)
    return FileGraph(init, frozenset(handles))


def _handle(graph: Graph, variable: str) -> Value:
    """Add a node that makes the handle of a variable, and return that."""
    handle = Value(f"{variable}/handle", _HANDLE)
    graph.append("VAR_HANDLE", [], [handle], VarHandle(variable))
    return handle
