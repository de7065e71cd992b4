"""Numbers and their types in C."""

from __future__ import annotations

import numpy as np

from redsc.ir import DType

__all__ = ["C_TYPES", "float_literal"]

C_TYPES = {
    DType.FLOAT32: "float",
    DType.INT8: "int8_t",
    DType.INT16: "int16_t",
    DType.INT32: "int32_t",
    DType.INT64: "int64_t",
    DType.UINT8: "uint8_t",
    DType.UINT32: "uint32_t",
    DType.UINT64: "uint64_t",
    DType.BOOL: "uint8_t",
}


def float_literal(number: float) -> str:
    """Return a C literal that gives the same float32 back."""
    text = f"{np.float32(number):.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"
