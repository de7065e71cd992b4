"""Builds TFLite files with IF, and with several signatures, as converters do; redsc itself writes neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from redsc.formats.tflite import versions, writer
from redsc.formats.tflite.ops import Field, TFLiteOp
from redsc.ir import Graph, Value
from tests.formats.tflite.state_files import file_of_graphs

__all__ = ["branch", "choose", "file_with_branches", "file_with_signatures", "repeat"]

_ROWS = {
    "IF": TFLiteOp("IfOptions", (Field("first", "ThenSubgraphIndex"), Field("second", "ElseSubgraphIndex"))),
    "WHILE": TFLiteOp("WhileOptions", (Field("first", "CondSubgraphIndex"), Field("second", "BodySubgraphIndex"))),
}


@dataclass(frozen=True)
class _Pair:
    first: int
    second: int


def choose(
    graph: Graph, condition: Value, operands: Sequence[Value], results: Sequence[Value], then: int, other: int
) -> None:
    """Add an IF that runs one of two subgraphs."""
    graph.append("IF", [condition, *operands], list(results), _Pair(then, other))


def repeat(graph: Graph, operands: Sequence[Value], results: Sequence[Value], condition: int, body: int) -> None:
    """Add a WHILE over two subgraphs."""
    graph.append("WHILE", list(operands), list(results), _Pair(condition, body))


def branch(name: str, operands: Sequence[Value]) -> Graph:
    """Return a graph with inputs of the types of operands."""
    return Graph(name, [Value(f"{name} {value.name}", value.type) for value in operands])


def file_with_branches(graphs: Sequence[Graph], monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return the file whose subgraphs are these graphs."""
    for module in (writer, versions):
        monkeypatch.setattr(module, "STATE_FILE_OPS", {**module.STATE_FILE_OPS, **_ROWS})
    data = file_of_graphs(graphs, monkeypatch)
    monkeypatch.undo()
    return data


def file_with_signatures(
    graphs: Sequence[Graph], signatures: Sequence[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> bytes:
    """Return a file whose signatures are those subgraphs, with the names of their tensors."""
    plain = writer._Writer.table

    def table(self: Any, name: str, /, **fields: Any) -> int:
        if name == "Model":
            rows = [_signature(self, graphs[index], key, index) for key, index in signatures]
            fields["SignatureDefs"] = self.offsets(rows)
        return plain(self, name, **fields)

    def _signature(self: Any, graph: Graph, key: str, index: int) -> int:
        numbers = {id(value): number for number, value in enumerate(graph.values())}
        ports = [
            self.offsets(
                [
                    plain(self, "TensorMap", Name=self.builder.CreateString(v.name), TensorIndex=numbers[id(v)])
                    for v in values
                ]
            )
            for values in (graph.inputs, graph.outputs)
        ]
        text = self.builder.CreateString(key)
        return plain(
            self, "SignatureDef", Inputs=ports[0], Outputs=ports[1], SignatureKey=text, SubgraphIndex=index
        )

    monkeypatch.setattr(writer._Writer, "table", table)
    return file_with_branches(graphs, monkeypatch)
