"""The tensors of a TFLite file, and what its operators say of them by number. Every number is checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from redsc.errors import LimitExceeded, MalformedModel
from redsc.formats.tflite.accessors import DTYPES, indices, quant_of, shape_of, text_of
from redsc.formats.tflite.read.older import FLOAT16, as_int8, widened
from redsc.formats.tflite.state import RESOURCE
from redsc.ir import DType, TensorType, Value
from redsc.limits import Limits

__all__ = ["Tensors", "operands", "pick"]


def pick(items: Sequence[Any], index: int, what: str) -> Any:
    """Return an item by a number of the file.

    Raises:
        MalformedModel: there is none.
    """
    if not 0 <= index < len(items):
        raise MalformedModel(f"{what} index {index} is outside 0..{len(items) - 1}")
    return items[index]


def operands(op: str, tensors: Sequence[Value], operator: Any) -> list[Value | None]:
    """Return what an operator reads, None where an optional input is left out."""
    return [None if i == -1 else pick(tensors, i, f"{op} input") for i in indices(operator.InputsAsNumpy())]


@dataclass(slots=True)
class Tensors:
    """Reads tensors and adds to `problems`.

    `moved` are those that were uint8, `resources` handles of variables, `variables` what kernels may change.
    """

    data: bytes
    limits: Limits
    problems: list[str]
    names: set[str] = field(default_factory=set)
    moved: set[Value] = field(default_factory=set)
    variables: set[Value] = field(default_factory=set)
    resources: set[Value] = field(default_factory=set)

    def read(self, model: Any, subgraph: Any) -> list[Value]:
        """Return the tensors of a subgraph: constants hold their data."""
        tensors = (subgraph.Tensors(i) for i in range(subgraph.TensorsLength()))
        return [self._as_int8(self._tensor(model, tensor, index)) for index, tensor in enumerate(tensors)]

    def _tensor(self, model: Any, tensor: Any, index: int) -> Value:
        name = self.name(tensor.Name(), index)
        shape = shape_of(tensor)
        if len(shape) > self.limits.rank or prod(shape) > self.limits.tensor_elements:
            raise LimitExceeded(f"tensor {name!r} has the shape {list(shape)}")
        raw = self._buffer(model, tensor.Buffer())
        if tensor.Type() == FLOAT16 and raw:
            return widened(name, raw, shape)
        if tensor.Type() == RESOURCE:
            handle = Value(name, TensorType((), DType.INT32))
            self.resources.add(handle)
            return handle
        dtype = DTYPES.get(tensor.Type())
        if dtype is None:
            self.problems.append(f"at tensor {name!r}: element type number {tensor.Type()} is not supported")
            dtype = DType.FLOAT32
        starts = tensor.IsVariable() and raw
        for present, what in ((starts, "a variable with data of its own"), (tensor.Sparsity(), "sparse")):
            if present:
                self.problems.append(f"at tensor {name!r}: it is {what}")
        quant = quant_of(tensor.Quantization()) if dtype is not DType.FLOAT32 else None
        if not raw:
            value = Value(name, TensorType(shape, dtype, quant))
            self.variables |= {value} if tensor.IsVariable() else set()
            return value
        size = prod(shape) * dtype.itemsize
        if len(raw) < size:
            raise MalformedModel(f"tensor {name!r} has {len(raw)} B of data, its type needs {size}")
        # A longer buffer is legal in both runtimes: the tensor is its prefix.
        return Value.constant(name, np.frombuffer(raw[:size], dtype.numpy).reshape(shape), quant)

    def _as_int8(self, value: Value) -> Value:
        moved = as_int8(value)
        if moved is not value:
            self.moved.add(moved)
        return moved

    def name(self, raw: bytes | None, index: int) -> str:
        """Return a name that no other value has."""
        name = text_of(raw)[: self.limits.name_chars] or f"tensor{index}"
        while name in self.names:
            name = f"{name}#{index}"
        self.names.add(name)
        return name

    def _buffer(self, model: Any, index: int) -> bytes:
        """Return the data of a buffer, also where it lies behind the flatbuffer (`Buffer.offset`)."""
        if not 0 <= index < model.BuffersLength():
            raise MalformedModel(f"buffer index {index} is outside 0..{model.BuffersLength() - 1}")
        buffer = model.Buffers(index)
        start, size = buffer.Offset(), buffer.Size()
        if start > 1:  # 0 and 1 mean "inline" (schema.fbs, table Buffer)
            if start + size > len(self.data):
                raise MalformedModel(f"buffer {index} ends at {start + size}, the file at {len(self.data)}")
            return self.data[start : start + size]
        return b"" if buffer.DataIsNone() else bytes(buffer.DataAsNumpy())
