"""Graphs -> one TFLite byte array. Written with the schema's builder functions: they alone give 16-byte alignment.

The array holds K models over shared vectors. Slot k is 16 bytes at offset 16k, `[root offset]["TFL3"][padding]`, so
the bytes from there on are an ordinary TFLite model and offset 0 is slot 0. Offsets in a flatbuffer point forward
only: what models share is written first, that is, at the end of the array.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
import tflite

from redsc.errors import InternalError
from redsc.formats.tflite.accessors import PLAN_NAME
from redsc.formats.tflite.custom import CUSTOM_FILE_OPS, encode_options
from redsc.formats.tflite.identifier import IDENTIFIER
from redsc.formats.tflite.ops import TENSOR_TYPES, TFLITE_OPS, Field, TFLiteOp
from redsc.formats.tflite.state import RESOURCE, STATE_FILE_OPS, FileGraph, file_graphs
from redsc.formats.tflite.versions import op_version
from redsc.ir import Array, DType, Graph, Node, TensorType, Value

__all__ = ["SIGNATURE", "SLOT_BYTES", "ArenaOffsets", "shared_constants", "write_models", "write_tflite"]

SLOT_BYTES = 16
SIGNATURE = "redsc"
_DATA_ALIGNMENT = 16  # schema.fbs: Buffer.data is force_align: 16, which Python's object API does not honour
_SCHEMA_VERSION = 3
_UNPLANNED = -1

ArenaOffsets = Mapping[str, int]


def write_tflite(graph: Graph, offsets: ArenaOffsets | None = None) -> bytes:
    """Return the graph as a stand-alone TFLite model with names, and with an arena plan where offsets are given."""
    return _write([graph], [offsets or {}], is_compact=False)


def write_models(graphs: Sequence[Graph], offsets: Sequence[ArenaOffsets] = ()) -> bytes:
    """Return one byte array with a slot per graph, largest first; equal constants and prefixes are stored once.

    So are equal tables, and tensors inside a network have no name: no firmware reads it.

    Args:
        graphs: one per slot.
        offsets: per graph the arena offset of every value in RAM, for TFLM; empty where TFLM shall plan itself.
    """
    return _write(graphs, offsets or [{}] * len(graphs), is_compact=True)


def _write(graphs: Sequence[Graph], plans: Sequence[ArenaOffsets], *, is_compact: bool) -> bytes:
    writer = _Writer(sum(value.type.nbytes for graph in graphs for value in graph.constants()), is_compact)
    for data in shared_constants(graphs):
        writer.data_vector(data)
    roots = [writer.model(graph, plan) for graph, plan in zip(graphs, plans, strict=True)]
    return writer.finish(roots)


def shared_constants(graphs: Iterable[Graph]) -> list[bytes]:
    """Return the byte strings that must be stored, longest first: none is equal to or a prefix of another.

    A tensor may read a prefix of a longer vector: TFLM takes the size from the shape, LiteRT wants no less.
    """
    parts = [part.graph for graph in graphs for part in file_graphs(graph)]
    wanted = {value.data.tobytes() for part in parts for value in part.constants() if value.data is not None}
    kept: list[bytes] = []
    for data in sorted(wanted, key=lambda item: (-len(item), item)):
        if not any(longer.startswith(data) for longer in kept):
            kept.append(data)
    return kept


class _Writer:
    def __init__(self, constant_bytes: int, is_compact: bool) -> None:
        self.builder, self.is_compact = flatbuffers.Builder(constant_bytes + 4096), is_compact
        self.vectors: dict[tuple[str, bytes], int] = {}
        self.tables: dict[tuple[Any, ...], int] = {}
        self.stored: list[tuple[bytes, int]] = []

    def data_vector(self, data: bytes) -> None:
        self.builder.StartVector(1, len(data), _DATA_ALIGNMENT)
        self.builder.head -= len(data)
        self.builder.Bytes[self.builder.head : self.builder.head + len(data)] = data
        self.stored.append((data, self.builder.EndVector()))

    def find_data(self, data: bytes) -> int:
        for stored, offset in self.stored:
            if stored.startswith(data):
                return offset
        raise InternalError("a constant was not stored")

    def vector(self, array: Array) -> int:
        """Write a number vector once: equal vectors are shared, prefixes are not (readers use their length)."""
        key = (array.dtype.str, array.tobytes())
        if key not in self.vectors:
            self.vectors[key] = self.builder.CreateNumpyVector(array)
        return self.vectors[key]

    def ints(self, items: Iterable[int]) -> int:
        return self.vector(np.array(list(items), np.int32))

    def offsets(self, offsets: Sequence[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return int(self.builder.EndVector())

    def table(self, name: str, /, **fields: Any) -> int:
        """Write a table; keyword arguments are the schema's field names, None leaves a field out."""
        key = (name, *fields.items())
        if key not in self.tables or not self.is_compact:
            module = importlib.import_module(f"tflite.{name}")
            module.Start(self.builder)
            for field, value in fields.items():
                if value is not None:
                    getattr(module, f"Add{field}")(self.builder, value)
            self.tables[key] = int(module.End(self.builder))
        return self.tables[key]

    def model(self, graph: Graph, plan: ArenaOffsets) -> int:
        parts = file_graphs(graph)
        values = [value for part in parts for value in part.values()]
        codes = sorted({(node.op, op_version(node)) for part in parts for node in part.graph.nodes})
        buffers = [self.table("Buffer")]
        subgraphs = [self.subgraph(part, codes, buffers) for part in parts]
        return self.table(
            "Model",
            Version=_SCHEMA_VERSION,
            OperatorCodes=self.offsets([self.operator_code(*code) for code in codes]),
            Subgraphs=self.offsets(subgraphs),
            Description=self.builder.CreateSharedString(SIGNATURE),
            Metadata=self.arena_plan(values, plan, buffers) if plan else None,
            Buffers=self.offsets(buffers),
        )

    def subgraph(self, part: FileGraph, codes: Sequence[tuple[str, int]], buffers: list[int]) -> int:
        graph, values = part.graph, part.values()
        index = {id(value): i for i, value in enumerate(values)}
        named = set(values) if not self.is_compact else {*graph.inputs, *graph.outputs}
        tensors = [self.tensor(value, buffers, value in named, part) for value in values]
        operators = [
            self.operator(node, index, codes.index((node.op, op_version(node))), part.between.get(node, ()))
            for node in graph.nodes
        ]
        return self.table(
            "SubGraph",
            Tensors=self.offsets(tensors),
            Inputs=self.ints(index[id(value)] for value in graph.inputs),
            Outputs=self.ints(index[id(value)] for value in graph.outputs),
            Operators=self.offsets(operators),
            Name=self.builder.CreateSharedString(graph.name),
        )

    def arena_plan(self, values: Sequence[Value], plan: ArenaOffsets, buffers: list[int]) -> int:
        """Write int32 [version, subgraphs, tensors, an offset per tensor], which TFLM reads when it plans.

        TFLM looks at the last two only; the tensors are those of all subgraphs in a row.
        """
        numbers = [1, 1, len(values), *(plan.get(value.name, _UNPLANNED) for value in values)]
        self.data_vector(np.array(numbers, np.int32).tobytes())
        buffers.append(self.table("Buffer", Data=self.stored[-1][1]))
        name = self.builder.CreateSharedString(PLAN_NAME)
        return self.offsets([self.table("Metadata", Name=name, Buffer=len(buffers) - 1)])

    def operator_code(self, op: str, version: int) -> int:
        if op in CUSTOM_FILE_OPS:
            name, number = self.builder.CreateSharedString(op), tflite.BuiltinOperator.CUSTOM
            return self.table("OperatorCode", DeprecatedBuiltinCode=number, CustomCode=name, BuiltinCode=number)
        number = getattr(tflite.BuiltinOperator, op)
        return self.table(
            "OperatorCode", DeprecatedBuiltinCode=min(number, 127), Version=version, BuiltinCode=number
        )

    def tensor(self, value: Value, buffers: list[int], has_name: bool, part: FileGraph) -> int:
        buffer = 0  # by convention the empty buffer, for everything that lives in RAM
        if value.data is not None:
            buffer = len(buffers)
            buffers.append(self.table("Buffer", Data=self.find_data(value.data.tobytes())))
        return self.table(
            "Tensor",
            Shape=self.ints(value.type.shape),
            Type=RESOURCE if value in part.handles else TENSOR_TYPES[value.type.dtype],
            Buffer=buffer,
            Name=self.builder.CreateSharedString(value.name) if has_name else None,
            Quantization=self.quantization(value.type),
            IsVariable=True if value in part.states else None,
        )

    def quantization(self, kind: TensorType) -> int | None:
        quant = kind.quant
        if quant is None or kind.dtype is DType.FLOAT32:
            return None
        zero_points = np.array(quant.zero_points, np.int64)
        return self.table(
            "QuantizationParameters",
            Scale=self.vector(np.array(quant.scales, np.float32)),
            ZeroPoint=self.vector(np.broadcast_to(zero_points, len(quant.scales)).copy()),
            QuantizedDimension=quant.axis,
        )

    def operator(self, node: Node, index: dict[int, int], code: int, between: Sequence[Value]) -> int:
        options = self.custom_options(node) if node.op in CUSTOM_FILE_OPS else self.builtin_options(node)
        return self.table(
            "Operator",
            OpcodeIndex=code,
            Inputs=self.ints(-1 if value is None else index[id(value)] for value in node.inputs),
            Outputs=self.ints(index[id(value)] for value in node.outputs),
            Intermediates=self.ints(index[id(value)] for value in between) if between else None,
            **options,
        )

    def builtin_options(self, node: Node) -> dict[str, int]:
        row = STATE_FILE_OPS.get(node.op) or TFLITE_OPS[node.op]
        assert isinstance(row, TFLiteOp)
        if not row.options:
            return {}
        fields = {item.schema: self.option(item, getattr(node.attrs, item.attr)) for item in row.fields}
        kind = getattr(tflite.BuiltinOptions, row.options)
        return {"BuiltinOptionsType": kind, "BuiltinOptions": self.table(row.options, **fields)}

    def custom_options(self, node: Node) -> dict[str, int]:
        return {"CustomOptions": self.vector(np.frombuffer(encode_options(node), np.uint8))}

    def option(self, item: Field, value: Any) -> Any:
        if isinstance(value, str):
            return self.builder.CreateSharedString(value)
        return self.ints(value) if isinstance(value, tuple) else item.encode(value)

    def finish(self, roots: Sequence[int]) -> bytes:
        """Return the body with the slots before it; `roots` count from the end, as flatbuffers does."""
        header = SLOT_BYTES * len(roots)
        self.builder.Prep(_DATA_ALIGNMENT, 0)
        body = bytes(self.builder.Bytes[self.builder.head :])
        slots = [
            struct.pack("<I4s8x", header + len(body) - root - SLOT_BYTES * slot, IDENTIFIER)
            for slot, root in enumerate(roots)
        ]
        return b"".join([*slots, body])
