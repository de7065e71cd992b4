"""Between the numbers of the model file and those of a graph's inputs and outputs.

A file may have floats where the graph has int8 with a scale, uint8 where it has int8, and int64 where it has int32.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from redsc.ir import Array, DType, Graph, TensorType

__all__ = ["dequantize_rows", "from_integers", "quantize_samples", "to_integers", "to_real"]

Rows = Sequence[Sequence[Array]]
_MIDDLE = 128  # uint8 zero points are those of int8 and this


def quantize_samples(graph: Graph, samples: Rows) -> list[list[Array]]:
    """Return samples in the form that the graph takes: floats for an int8 input are quantised with its scale."""
    kinds = [value.type for value in graph.inputs]
    return [[to_integers(array, kind) for array, kind in zip(row, kinds, strict=True)] for row in samples]


def dequantize_rows(graph: Graph, rows: Rows) -> list[list[Array]]:
    """Return a graph's outputs as real numbers; integers without a scale, like class numbers, stay."""
    kinds = [value.type for value in graph.outputs]
    return [[to_real(array, kind) for array, kind in zip(row, kinds, strict=True)] for row in rows]


def to_integers(array: Array, kind: TensorType) -> Array:
    """Return the file's numbers as those of a tensor of the graph: floats are quantised, uint8 is moved to int8."""
    if kind.dtype is DType.INT32 and array.dtype == np.int64:
        return array.astype(np.int32)
    if kind.dtype is not DType.INT8 or kind.quant is None:
        return array
    if array.dtype == np.uint8:
        return (array.astype(np.int16) - _MIDDLE).astype(np.int8)
    if array.dtype != np.float32:
        return array
    steps = np.rint(array / np.float32(kind.quant.scale)) + kind.quant.zero_point
    result: Array = np.clip(steps, -128, 127).astype(np.int8)
    return result


def from_integers(array: Array, kind: TensorType, dtype: str) -> Array:
    """Return the numbers of a tensor of the graph as the file has them, in its element type `dtype`."""
    if array.dtype == np.int8 and dtype == "uint8":
        return (array.astype(np.int16) + _MIDDLE).astype(np.uint8)
    return (to_real(array, kind) if dtype == "float32" else array).astype(dtype)


def to_real(array: Array, kind: TensorType) -> Array:
    """Return the integers of an int8 tensor as real numbers; any other array as it is."""
    if array.dtype != np.int8 or kind.quant is None:
        return array
    result: Array = (array.astype(np.float32) - kind.quant.zero_point) * np.float32(kind.quant.scale)
    return result
