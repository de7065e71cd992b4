"""Parse the text form of graphs that `text.py` prints."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_type_hints

import numpy as np

from redsc.errors import MalformedModel
from redsc.ir.graph import Array, Graph, Value
from redsc.ir.registry import ALL_OPS, op_def
from redsc.ir.types import DType, Quant, TensorType

__all__ = ["parse_graph"]

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*")
    |(?P<number>-?(?:\d+\.?\d*(?:e[+-]?\d+)?|inf)\b|nan\b)
    |(?P<name>[A-Za-z_][A-Za-z0-9_./#-]*)
    |(?P<mark>[%@{}()\[\]:,=]))""",
    re.VERBOSE,
)


def parse_graph(text: str) -> Graph:
    """Return the graph of a text form.

    Raises:
        MalformedModel: with the line where parsing stopped.
    """
    parser = _Parser(text)
    try:
        return parser.graph()
    except (ValueError, KeyError) as error:  # a literal that is no number, an enum name that is none
        raise parser.wrong_literal(error) from error


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(self._tokenize(text))
        self.at = 0
        self.scope: dict[str, Value] = {}

    def _tokenize(self, text: str) -> Iterator[tuple[str, str, int]]:
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if not match or not match.lastgroup:
                raise self._error(position, f"unexpected text {text[position:].split()[0]!r}")
            position = match.end()
            yield match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)

    def _error(self, position: int, message: str) -> MalformedModel:
        line = self.text.count("\n", 0, position) + 1
        return MalformedModel(message, code="M304", evidence=[f"at line {line}: {self._line(line)}"])

    def wrong_literal(self, error: Exception) -> MalformedModel:
        """Return the error for the literal that was just read."""
        _, _, position = self.tokens[self.at - 1]
        return self._error(position, f"a literal has no meaning here: {error}")

    def _line(self, number: int) -> str:
        return "".join(self.text.splitlines()[number - 1 : number]).strip()[:120]

    def _fail(self, wanted: str) -> MalformedModel:
        found, position = (
            (self.tokens[self.at][1], self.tokens[self.at][2])
            if self.at < len(self.tokens)
            else ("the end", max(len(self.text) - 1, 0))
        )
        return self._error(position, f"expected {wanted}, found {found}")

    def peek(self, text: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at][1] == text

    def peek_kind(self, kind: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at][0] == kind

    def accept(self, text: str) -> bool:
        found = self.peek(text)
        self.at += found
        return found

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self._fail(text)

    def take(self, *kinds: str) -> str:
        if self.at >= len(self.tokens) or self.tokens[self.at][0] not in kinds:
            raise self._fail(" or ".join(kinds))
        self.at += 1
        return self.tokens[self.at - 1][1]

    def name(self) -> str:
        text = self.take("name", "string")
        return str(json.loads(text)) if text.startswith('"') else text

    def graph(self) -> Graph:
        self.expect("graph")
        self.expect("@")
        graph = Graph(self.name())
        self.expect("{")
        while not self.accept("}"):
            self.statement(graph)
        return graph

    def statement(self, graph: Graph) -> None:
        if self.accept("input"):
            graph.inputs.append(self.declare())
        elif self.accept("const"):
            self.constant()
        elif self.accept("output"):
            graph.outputs.append(self.reference())
        else:
            self.node(graph)

    def declare(self) -> Value:
        self.expect("%")
        name = self.name()
        if name in self.scope:
            raise self._fail(f"a new name after %{name}, which is taken")
        self.expect(":")
        value = self.scope[name] = Value(name, self.tensor_type())
        return value

    def reference(self) -> Value:
        self.expect("%")
        name = self.name()
        if name not in self.scope:
            raise self._fail(f"a known value before this, not %{name}")
        return self.scope[name]

    def tensor_type(self) -> TensorType:
        name = self.take("name")
        if name not in {dtype.value for dtype in DType}:
            raise self._fail(f"an element type before this, not {name}")
        shape = tuple(int(n) for n in self.items())
        return TensorType(shape, DType(name), self.quant() if self.accept("q") else None)

    def quant(self) -> Quant:
        self.expect("(")
        scales = self.items() if self.peek("[") else [self.take("number")]
        self.expect(",")
        zero_points = self.items() if self.peek("[") else [self.take("number")]
        axis = 0
        if self.accept(","):
            self.expect("axis")
            self.expect("=")
            axis = int(self.take("number"))
        self.expect(")")
        return Quant(tuple(float(np.float32(s)) for s in scales), tuple(int(z) for z in zero_points), axis)

    def items(self) -> list[str]:
        self.expect("[")
        items: list[str] = []
        while not self.accept("]"):
            items.append(self.take("number", "name"))
            if not self.peek("]"):
                self.expect(",")
        return items

    def constant(self) -> None:
        value = self.declare()
        self.expect("=")
        value.data = self.data(value.type)

    def data(self, tensor: TensorType) -> Array:
        if self.accept("base64"):
            raw = base64.b64decode(self.name())
            data = np.frombuffer(raw, tensor.dtype.numpy)
        else:
            items = [item == "true" if item in ("true", "false") else item for item in self.items()]
            data = np.array([float(item) if tensor.dtype is DType.FLOAT32 else int(item) for item in items])
            if tensor.dtype is not DType.FLOAT32 and data.size and not _fits(data, tensor.dtype):
                raise self._fail(f"numbers of {tensor.dtype.value} before this")
            data = data.astype(tensor.dtype.numpy)
        if data.size != tensor.elements:
            raise self._fail(f"{tensor.elements} elements before this")
        data = data.reshape(tensor.shape)
        data.flags.writeable = False
        return data

    def node(self, graph: Graph) -> None:
        outputs = [] if self.peek_kind("name") else self.results()
        op = self.take("name")
        if op not in ALL_OPS:
            raise self._fail(f"a known op before this, not {op}")
        inputs = self.operands()
        attrs = self.attrs(op_def(op).attrs) if self.accept("{") else op_def(op).attrs()
        origin = []
        while self.accept("@"):
            origin.append(self.name())
        graph.append(op, inputs, outputs, attrs, origin)

    def results(self) -> list[Value]:
        outputs = [self.declare()]
        while self.accept(","):
            outputs.append(self.declare())
        self.expect("=")
        return outputs

    def operands(self) -> list[Value | None]:
        self.expect("(")
        operands: list[Value | None] = []
        while not self.accept(")"):
            operands.append(None if self.accept("none") else self.reference())
            if not self.peek(")"):
                self.expect(",")
        return operands

    def attrs(self, kind: type[Any]) -> Any:
        hints = get_type_hints(kind)
        found: dict[str, Any] = {}
        while not self.accept("}"):
            key = self.take("name")
            if key not in hints:
                raise self._fail(f"an attribute of {kind.__name__} before this, not {key}")
            self.expect("=")
            found[key] = self.attribute(hints[key])
            if not self.peek("}"):
                self.expect(",")
        return kind(**found)

    def attribute(self, hint: Any) -> Any:
        if self.peek("["):
            return tuple(int(item) for item in self.items())
        if hint is str:
            return self.name()
        if hint is bytes:
            return bytes.fromhex(self.name())
        text = self.take("number", "name")
        if hint is bool:
            return text == "true"
        if not isinstance(hint, type) or not issubclass(hint, (Enum, int, float)):
            raise self._fail("a list before this")
        return hint[text] if issubclass(hint, Enum) else hint(text)


def _fits(data: Array, dtype: DType) -> bool:
    """Whether whole numbers are in the range of an element type."""
    limits = np.iinfo(np.uint8 if dtype is DType.BOOL else dtype.numpy)
    return bool(limits.min <= data.min() and data.max() <= limits.max)
