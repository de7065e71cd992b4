"""Builds TFLite files with variables part by part, as converters and enemies do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from redsc.formats import write_tflite
from redsc.formats.tflite import writer
from redsc.formats.tflite.state import CallOnce, FileGraph, VarHandle
from redsc.ir import NO_ATTRS, Add, Array, DType, Graph, TensorType, Value, Variable

__all__ = [
    "F32",
    "START",
    "Make",
    "assign",
    "double",
    "file_of",
    "file_of_graphs",
    "handle",
    "plain",
    "read",
    "start",
]

F32 = TensorType((2,), DType.FLOAT32)
START = np.array([3, 4], np.float32)

Make = Callable[[Graph, Graph, Value], None]


def handle(graph: Graph, name: str = "v", container: str = "") -> Value:
    made = Value(f"{graph.name} handle {len(graph.nodes)}", TensorType((), DType.INT32))
    graph.append("VAR_HANDLE", [], [made], VarHandle(name, container))
    return made


def start(init: Graph, name: str = "v", data: Array = START, container: str = "") -> None:
    values = [handle(init, name, container), Value.constant(f"initial {len(init.nodes)}", data)]
    init.append("ASSIGN_VARIABLE", values, [], Variable())


def read(graph: Graph, source: Value, name: str, kind: TensorType = F32) -> Value:
    output = Value(name, kind)
    graph.append("READ_VARIABLE", [source], [output], Variable())
    return output


def assign(graph: Graph, target: Value, value: Value) -> None:
    graph.append("ASSIGN_VARIABLE", [target, value], [], Variable())


def double(graph: Graph, value: Value, name: str) -> Value:
    output = Value(name, value.type)
    graph.append("ADD", [value, value], [output], Add())
    return output


def file_of(make: Make, monkeypatch: pytest.MonkeyPatch, more: Sequence[Graph] = ()) -> bytes:
    """Return the file of a graph with CALL_ONCE and of the one that it calls, both as `make` completes them."""
    main, init = Graph("main", inputs=[Value("x", F32)]), Graph("init")
    main.append("CALL_ONCE", [], [], CallOnce())
    make(main, init, main.inputs[0])
    return file_of_graphs([main, init, *more], monkeypatch)


def file_of_graphs(graphs: Sequence[Graph], monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return the file whose subgraphs are these graphs in ops of files, the network first."""
    parts = [FileGraph(g, frozenset(v for v in g.values() if "handle" in v.name)) for g in graphs]
    monkeypatch.setattr(writer, "file_graphs", lambda _graph: parts)
    stored = Graph()
    constants = [value for part in parts for value in part.graph.constants()]
    stored.append("ADD_N", constants, [Value("", F32)], NO_ATTRS)
    return write_tflite(stored)


def plain(main: Graph, init: Graph, x: Value) -> None:
    start(init)
    target = handle(main)
    main.outputs = [double(main, read(main, target, "r"), "y")]
    assign(main, target, x)
