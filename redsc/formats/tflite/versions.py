"""Which version of an operator to write: the lowest whose semantics a node needs.

Source: tensorflow/lite/tools/versioning/op_version.cc. The table of ops has the versions for float32 and int8; here
is what else decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from redsc.formats.tflite.custom import CUSTOM_FILE_OPS
from redsc.formats.tflite.ops import TFLITE_OPS, TFLiteOp
from redsc.formats.tflite.state import STATE_FILE_OPS
from redsc.ir import Activation, DType, Node, Variable, op_def

__all__ = ["op_version"]


def op_version(node: Node) -> int:
    """Return the operator version to write for a node."""
    if node.op in CUSTOM_FILE_OPS or node.op in STATE_FILE_OPS or isinstance(node.attrs, Variable):
        return 1
    row = TFLITE_OPS[node.op]
    assert isinstance(row, TFLiteOp)
    special = _SPECIAL_VERSIONS.get(node.op, _no_special)(node)
    data = op_def(node.op).source(node)
    int8 = DType.INT8 in (data.type.dtype, node.outputs[0].type.dtype)
    return special or (row.int8_version if int8 else row.float_version)


def _no_special(_node: Node) -> int | None:
    return None


def _dense_version(node: Node) -> int | None:
    quant = node.operand(1).type.quant
    return 12 if quant and quant.is_per_channel else None


def _quantize_version(node: Node) -> int | None:
    return 1 if node.operand(0).type.dtype is DType.FLOAT32 else None


def _transpose_conv_version(node: Node) -> int | None:
    if node.attrs.activation is not Activation.NONE:
        return 4
    return 3 if len(node.inputs) > 3 and node.inputs[3] is not None else None


def _resize_version(node: Node) -> int | None:
    nearest = node.op == "RESIZE_NEAREST_NEIGHBOR"
    return 3 if node.attrs.half_pixel_centers or (nearest and node.attrs.align_corners) else None


def _mul_version(node: Node) -> int | None:
    """Version 3 rescales by a factor of 1 or more."""
    left, right, output = (value.type.quant for value in (*node.inputs, *node.outputs) if value)
    return 3 if left and right and output and left.scale * right.scale >= output.scale else None


def _by_dtype(operand: int, versions: Mapping[DType, int]) -> Callable[[Node], int | None]:
    return lambda node: versions.get(node.operand(operand).type.dtype)


def _by_rank(versions: Mapping[int, int]) -> Callable[[Node], int | None]:
    return lambda node: versions.get(len(node.operand(0).type.shape))


_SPECIAL_VERSIONS: dict[str, Callable[[Node], int | None]] = {
    "FULLY_CONNECTED": _dense_version,
    "QUANTIZE": _quantize_version,
    "DEQUANTIZE": _by_dtype(0, {DType.INT16: 3}),
    "TRANSPOSE_CONV": _transpose_conv_version,
    "RESIZE_BILINEAR": _resize_version,
    "RESIZE_NEAREST_NEIGHBOR": _resize_version,
    "MUL": _mul_version,
    "CONCATENATION": _by_dtype(0, {DType.INT16: 3}),
    "PACK": _by_dtype(0, {DType.INT16: 3}),
    "UNPACK": _by_dtype(0, {DType.INT16: 4}),
    "SPLIT": _by_dtype(1, {DType.INT16: 4, DType.INT32: 3}),
    "STRIDED_SLICE": _by_dtype(0, {DType.BOOL: 3}),
    "REVERSE_V2": _by_dtype(0, {DType.BOOL: 2}),
    "SLICE": _by_rank({5: 5}),
    "TRANSPOSE": _by_rank({5: 4}),
    "PAD": _by_rank({5: 4}),
    "PADV2": _by_rank({5: 4}),
    "SPACE_TO_BATCH_ND": _by_rank({3: 3}),
    "BATCH_TO_SPACE_ND": _by_rank({3: 3}),
    "GATHER": lambda node: 5 if node.attrs.batch_dims else None,
}
