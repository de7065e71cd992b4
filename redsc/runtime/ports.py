"""Between real numbers and the integers of a graph's int8 inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from redsc.ir import Array, DType, Graph, TensorType

__all__ = ["dequantize_rows", "quantize_samples", "to_integers", "to_real"]

Rows = Sequence[Sequence[Array]]


def quantize_samples(graph: Graph, samples: Rows) -> list[list[Array]]:
    """Return samples in the form that the graph takes: floats for an int8 input are quantised with its scale."""
    kinds = [value.type for value in graph.inputs]
    return [[to_integers(array, kind) for array, kind in zip(row, kinds, strict=True)] for row in samples]


def dequantize_rows(graph: Graph, rows: Rows) -> list[list[Array]]:
    """Return a graph's outputs as real numbers; integers without a scale, like class numbers, stay."""
    kinds = [value.type for value in graph.outputs]
    return [[to_real(array, kind) for array, kind in zip(row, kinds, strict=True)] for row in rows]


def to_integers(array: Array, kind: TensorType) -> Array:
    """Return real numbers as the integers of an int8 tensor; any other array as it is."""
    if kind.dtype is not DType.INT8 or kind.quant is None or array.dtype != np.float32:
        return array
    steps = np.rint(array / np.float32(kind.quant.scale)) + kind.quant.zero_point
    result: Array = np.clip(steps, -128, 127).astype(np.int8)
    return result


def to_real(array: Array, kind: TensorType) -> Array:
    """Return the integers of an int8 tensor as real numbers; any other array as it is."""
    if array.dtype != np.int8 or kind.quant is None:
        return array
    result: Array = (array.astype(np.float32) - kind.quant.zero_point) * np.float32(kind.quant.scale)
    return result
