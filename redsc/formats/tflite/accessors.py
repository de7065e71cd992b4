"""What the schema's tables hold, in our own words; the vectors and numbers of a file before any check."""

from __future__ import annotations

from typing import Any

import tflite

from redsc.formats.tflite.ops import TENSOR_TYPES
from redsc.ir import CUSTOM_OPS, FRONT_END_OPS, DType, Quant, Shape

__all__ = ["DTYPES", "PLAN_NAME", "indices", "op_name", "options_of", "quant_of", "shape_of", "text_of"]

_OP_NAMES: dict[int, str] = {
    value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)
}
PLAN_NAME = "OfflineMemoryAllocation"  # of the metadata that hold an arena plan: micro/docs/memory_management.md
DTYPES: dict[int, DType] = {number: dtype for dtype, number in TENSOR_TYPES.items()}


def op_name(code: Any) -> str:
    """Return the operator's name, also that of a known custom op; old files have its number in 8 bits only."""
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if number == tflite.BuiltinOperator.CUSTOM:
        custom = text_of(code.CustomCode())
        return custom if custom in CUSTOM_OPS or custom in FRONT_END_OPS else "CUSTOM"
    return _OP_NAMES.get(number, f"operator number {number}")


def text_of(raw: bytes | None) -> str:
    """Return a text of the file, an empty one where it is absent; what is no UTF-8 is marked."""
    return (raw or b"").decode("utf-8", "replace")


def options_of(operator: Any, kind: type[Any]) -> Any | None:
    """Return an operator's options as a table of the schema, None where it has none."""
    table = operator.BuiltinOptions()
    if table is None:
        return None
    options = kind()
    options.Init(table.Bytes, table.Pos)
    return options


def indices(array: Any) -> list[int]:
    """Return a flatbuffers int vector as a list; the accessors give 0 where the vector is absent."""
    return [] if isinstance(array, int) else [int(n) for n in array]


def shape_of(tensor: Any) -> Shape:
    """Return the static shape; an unknown batch is 1, as TFLM and the TFLite converter have it."""
    return tuple(1 if n == -1 else n for n in indices(tensor.ShapeAsNumpy()))


def quant_of(quantization: Any) -> Quant | None:
    """Return the affine quantisation, one zero point where all are equal, or None where there are no scales."""
    if quantization is None or quantization.ScaleLength() == 0:
        return None
    scales = tuple(float(scale) for scale in quantization.ScaleAsNumpy())
    zero_points = tuple(indices(quantization.ZeroPointAsNumpy())) or (0,)
    if len(set(zero_points)) == 1:
        zero_points = zero_points[:1]
    return Quant(scales, zero_points, quantization.QuantizedDimension() if len(scales) > 1 else 0)
