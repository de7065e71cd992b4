"""A TFLite file with one strided op, written with the schema's builder functions and nothing of redsc."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np

from redsc.ir import Array

__all__ = ["strided_file"]

_CUSTOM = 32  # schema.fbs: BuiltinOperator.CUSTOM
_TENSOR_TYPES = {"float32": 0, "int32": 2, "int8": 9}  # schema.fbs: TensorType


def strided_file(name: str, options: bytes, x: Array, constants: Sequence[Array], y_shape: Sequence[int]) -> bytes:
    """Return a model of one custom op: x in, y of the same element type out."""
    writer = _Writer()
    data = [b"", *(array.tobytes() for array in constants)]
    buffers = [writer.table("Buffer", Data=writer.data(item, 16) if item else None) for item in data]
    tensors = [writer.tensor(x.shape, x.dtype, 0)]
    tensors += [writer.tensor(array.shape, array.dtype, 1 + index) for index, array in enumerate(constants)]
    tensors.append(writer.tensor(y_shape, x.dtype, 0))
    inputs, outputs = list(range(len(tensors) - 1)), [len(tensors) - 1]
    operator = writer.table(
        "Operator",
        Inputs=writer.ints(inputs),
        Outputs=writer.ints(outputs),
        CustomOptions=writer.data(options, 4),
    )
    subgraph = writer.table(
        "SubGraph",
        Tensors=writer.offsets(tensors),
        Inputs=writer.ints([0]),
        Outputs=writer.ints(outputs),
        Operators=writer.offsets([operator]),
    )
    code = writer.table(
        "OperatorCode",
        CustomCode=writer.builder.CreateString(name),
        DeprecatedBuiltinCode=_CUSTOM,
        BuiltinCode=_CUSTOM,
    )
    model = writer.table(
        "Model",
        Version=3,
        OperatorCodes=writer.offsets([code]),
        Subgraphs=writer.offsets([subgraph]),
        Buffers=writer.offsets(buffers),
    )
    writer.builder.Finish(model, b"TFL3")
    return bytes(writer.builder.Output())


class _Writer:
    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(4096)

    def table(self, name: str, **fields: Any) -> int:
        module = importlib.import_module(f"tflite.{name}")
        module.Start(self.builder)
        for field, value in fields.items():
            if value is not None:
                getattr(module, f"Add{field}")(self.builder, value)
        return int(module.End(self.builder))

    def data(self, data: bytes, alignment: int) -> int:
        self.builder.StartVector(1, len(data), alignment)
        for byte in reversed(data):
            self.builder.PrependByte(byte)
        return int(self.builder.EndVector())

    def ints(self, items: Sequence[int]) -> int:
        return int(self.builder.CreateNumpyVector(np.array(items, np.int32)))

    def offsets(self, offsets: Sequence[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return int(self.builder.EndVector())

    def tensor(self, shape: Sequence[int], dtype: np.dtype[Any], buffer: int) -> int:
        return self.table("Tensor", Shape=self.ints(shape), Type=_TENSOR_TYPES[dtype.name], Buffer=buffer)
