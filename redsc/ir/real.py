"""The real numbers that quantised constants stand for."""

from __future__ import annotations

import numpy as np

from redsc.ir.graph import Array, Value
from redsc.ir.types import DType

__all__ = ["real_values"]


def real_values(value: Value) -> Array:
    """Return the real numbers of a constant, in float64; floats are real, also where they note an int8 form."""
    assert value.data is not None
    data = value.data.astype(np.float64)
    quant = value.type.quant
    if quant is None or value.type.dtype is DType.FLOAT32:
        return data
    shape = [1] * data.ndim
    if quant.is_per_channel:
        shape[quant.axis] = len(quant.scales)
    zero_points = np.broadcast_to(np.array(quant.zero_points), len(quant.scales)).reshape(shape)
    result: Array = (data - zero_points) * np.array(quant.scales).reshape(shape)
    return result
