"""Types of values: frozen, complete and compared by content."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import prod
from typing import Any

import numpy as np

__all__ = ["DType", "Quant", "Shape", "TensorType"]

Shape = tuple[int, ...]


class DType(Enum):
    """An element type: the value is its name in the text form; `numpy` is the same in memory, little-endian."""

    FLOAT32 = "f32", "<f4"
    INT8 = "i8", "i1"
    INT16 = "i16", "<i2"
    INT32 = "i32", "<i4"
    INT64 = "i64", "<i8"
    UINT8 = "u8", "u1"
    UINT32 = "u32", "<u4"
    UINT64 = "u64", "<u8"
    BOOL = "i1", "?"

    numpy: np.dtype[Any]
    itemsize: int  # bytes

    def __new__(cls, text: str, code: str = "") -> DType:
        """Make a member of its name and of numpy's code for it; of its name alone, a call gives the member."""
        member = object.__new__(cls)
        member._value_, member.numpy = text, np.dtype(code)
        member.itemsize = member.numpy.itemsize
        return member

    @staticmethod
    def of(array: np.ndarray[Any, Any]) -> DType:
        """Return the element type of a numpy array."""
        return _FROM_NUMPY[array.dtype]


_FROM_NUMPY: dict[np.dtype[Any], DType] = {dtype.numpy: dtype for dtype in DType}


@dataclass(frozen=True, slots=True)
class Quant:
    """Affine quantisation: real = (q - zero_point) * scale, per tensor or along one axis.

    `scales` and `zero_points` have one entry, or one per index of `axis`. Scales are float32 values.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0

    @staticmethod
    def per_tensor(scale: float, zero_point: int = 0) -> Quant:
        """Return one scale for the whole tensor, rounded to float32 as the file formats store it."""
        return Quant((float(np.float32(scale)),), (zero_point,))

    @property
    def is_per_channel(self) -> bool:
        """Whether the scale differs along `axis`."""
        return len(self.scales) > 1

    @property
    def scale(self) -> float:
        """The scale of a per-tensor quantisation."""
        return self.scales[0]

    @property
    def zero_point(self) -> int:
        """The zero point of a per-tensor quantisation."""
        return self.zero_points[0]


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape, element type and quantisation of a value. Shapes are static.

    A float32 value may carry a quantisation too: the int8 form that it is meant to get (from a QDQ model, or from
    calibration). The pass `quantize` makes it so; until then the value is an ordinary float32.
    """

    shape: Shape
    dtype: DType
    quant: Quant | None = None

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor, without alignment."""
        return self.elements * self.dtype.itemsize
