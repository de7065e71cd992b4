"""How each op stands in a TFLite file: one table for reader and writer.

Field names are those of the TFLite schema (tensorflow/lite/schema/schema.fbs); versions are the lowest whose
semantics the op needs (tensorflow/lite/tools/versioning/op_version.cc).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from redsc.formats.tables import Refusal, refuse
from redsc.ir import Activation, DType, Node, Padding

__all__ = ["TENSOR_TYPES", "TFLITE_OPS", "Field", "TFLiteOp", "op_version"]


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute: its IR name, its schema name and, for enums, the schema's numbers."""

    attr: str
    schema: str
    codes: Mapping[Any, int] | None = None

    def encode(self, value: Any) -> Any:
        """Return what the file stores."""
        return value if self.codes is None else self.codes[value]

    def decode(self, stored: Any) -> Any:
        """Return the attribute; raises KeyError for an enum number the IR does not know."""
        return stored if self.codes is None else _inverse(self.codes)[stored]


@dataclass(frozen=True, slots=True)
class TFLiteOp:
    """A row: the options table of the op, its fields, and its version for float32 and int8."""

    options: str | None = None
    fields: tuple[Field, ...] = ()
    float_version: int = 1
    int8_version: int = 1


# Numbers of `Padding`, `ActivationFunctionType` and `TensorType` in schema.fbs.
_PADDING: dict[Enum, int] = {Padding.SAME: 0, Padding.VALID: 1}
_ACTIVATION: dict[Enum, int] = {
    Activation.NONE: 0,
    Activation.RELU: 1,
    Activation.RELU_N1_TO_1: 2,
    Activation.RELU6: 3,
}
TENSOR_TYPES: dict[DType, int] = {
    DType.FLOAT32: 0,
    DType.INT32: 2,
    DType.UINT8: 3,
    DType.INT64: 4,
    DType.BOOL: 6,
    DType.INT16: 7,
    DType.INT8: 9,
}

_ACT = Field("activation", "FusedActivationFunction", _ACTIVATION)
_STRIDES = (
    Field("padding", "Padding", _PADDING),
    Field("stride_w", "StrideW"),
    Field("stride_h", "StrideH"),
)
_DILATIONS = (Field("dilation_w", "DilationWFactor"), Field("dilation_h", "DilationHFactor"))
_POOL = TFLiteOp(
    "Pool2DOptions",
    (*_STRIDES, Field("filter_w", "FilterWidth"), Field("filter_h", "FilterHeight"), _ACT),
    int8_version=2,
)

_LATER = "redsc does not translate it yet"
_STATE = "it keeps state between inferences, which redsc does not plan yet"
_CONTROL = "it runs other subgraphs (control flow)"
_NOT_IN_TFLM = "tflite-micro has no kernel for it"

_REFUSALS = {
    _LATER: """
        ABS ADD_N ARG_MAX ARG_MIN BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_ARGS BROADCAST_TO CAST CEIL
        CONCATENATION COS CUMSUM DEPTH_TO_SPACE DIV DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP
        EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD GATHER GATHER_ND GREATER GREATER_EQUAL HARD_SWISH
        L2_NORMALIZATION L2_POOL_2D LESS LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX
        MAXIMUM MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL PACK PADV2 PRELU REDUCE_ALL REDUCE_MAX REDUCE_MIN
        RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT SELECT_V2 SHAPE SIN SLICE SPACE_TO_BATCH_ND
        SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH TRANSPOSE
        TRANSPOSE_CONV UNPACK ZEROS_LIKE
        """,
    _STATE: "ASSIGN_VARIABLE READ_VARIABLE SVDF UNIDIRECTIONAL_SEQUENCE_LSTM VAR_HANDLE",
    _CONTROL: "CALL CALL_ONCE IF WHILE STABLEHLO_WHILE STABLEHLO_COMPOSITE",
    "it is a custom op without a public definition": "CUSTOM",
    "the schema reserves the number without meaning": "PLACEHOLDER_FOR_GREATER_OP_CODES DELEGATE",
    _NOT_IN_TFLM: """
        ATAN2 BIDIRECTIONAL_SEQUENCE_LSTM BIDIRECTIONAL_SEQUENCE_RNN BITCAST BITWISE_XOR BUCKETIZE COMPLEX_ABS
        CONCAT_EMBEDDINGS CONV_3D CONV_3D_TRANSPOSE DENSIFY DILATE EMBEDDING_LOOKUP_SPARSE FAKE_QUANT GELU
        HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_LOOKUP HASHTABLE_SIZE IMAG
        LOCAL_RESPONSE_NORMALIZATION LSH_PROJECTION LSTM MATRIX_DIAG MATRIX_SET_DIAG MULTINOMIAL
        NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 ONE_HOT POW RANDOM_STANDARD_NORMAL RANDOM_UNIFORM RANGE RANK
        REAL REDUCE_ANY REDUCE_PROD REDUCE_WINDOW RELU_0_TO_1 RELU_N1_TO_1 REVERSE_SEQUENCE RFFT2D RIGHT_SHIFT RNN
        SCATTER_ND SEGMENT_SUM SELECT SIGN SKIP_GRAM SPARSE_TO_DENSE TILE TOPK_V2 UNIDIRECTIONAL_SEQUENCE_RNN
        UNIQUE UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_MIN UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_SUM WHERE
        STABLEHLO_ABS STABLEHLO_ADD STABLEHLO_AND STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CBRT STABLEHLO_CLAMP
        STABLEHLO_COMPARE STABLEHLO_CONCATENATE STABLEHLO_CONVERT STABLEHLO_CONVOLUTION STABLEHLO_COSINE
        STABLEHLO_CUSTOM_CALL STABLEHLO_DIVIDE STABLEHLO_DOT_GENERAL STABLEHLO_DYNAMIC_SLICE
        STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_GATHER STABLEHLO_IOTA
        STABLEHLO_LOG STABLEHLO_LOGISTIC STABLEHLO_MAXIMUM STABLEHLO_MINIMUM STABLEHLO_MULTIPLY STABLEHLO_NEGATE
        STABLEHLO_OR STABLEHLO_PAD STABLEHLO_POWER STABLEHLO_REDUCE STABLEHLO_REDUCE_WINDOW STABLEHLO_REMAINDER
        STABLEHLO_RESHAPE STABLEHLO_RNG_BIT_GENERATOR STABLEHLO_RSQRT STABLEHLO_SCATTER STABLEHLO_SELECT
        STABLEHLO_SHIFT_LEFT STABLEHLO_SLICE STABLEHLO_SORT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_TRANSPOSE
        """,
}

TFLITE_OPS: dict[str, TFLiteOp | Refusal] = {
    "CONV_2D": TFLiteOp("Conv2DOptions", (*_STRIDES, _ACT, *_DILATIONS), int8_version=3),
    "DEPTHWISE_CONV_2D": TFLiteOp(
        "DepthwiseConv2DOptions",
        (*_STRIDES, Field("depth_multiplier", "DepthMultiplier"), _ACT, *_DILATIONS),
        int8_version=3,
    ),
    "FULLY_CONNECTED": TFLiteOp(
        "FullyConnectedOptions", (_ACT, Field("keep_num_dims", "KeepNumDims")), int8_version=4
    ),
    "ADD": TFLiteOp("AddOptions", (_ACT,), int8_version=2),
    "AVERAGE_POOL_2D": _POOL,
    "MAX_POOL_2D": _POOL,
    "MEAN": TFLiteOp("ReducerOptions", (Field("keep_dims", "KeepDims"),), int8_version=2),
    "PAD": TFLiteOp("PadOptions", int8_version=2),
    "RESHAPE": TFLiteOp("ReshapeOptions", (Field("new_shape", "NewShape"),)),
    "SOFTMAX": TFLiteOp("SoftmaxOptions", (Field("beta", "Beta"),), int8_version=2),
    "RELU": TFLiteOp(int8_version=2),
    "RELU6": TFLiteOp(int8_version=2),
    "LEAKY_RELU": TFLiteOp("LeakyReluOptions", (Field("alpha", "Alpha"),), int8_version=2),
    "QUANTIZE": TFLiteOp("QuantizeOptions", int8_version=2),
    "DEQUANTIZE": TFLiteOp("DequantizeOptions", int8_version=2),
    **refuse(_REFUSALS),
}


def op_version(node: Node) -> int:
    """Return the operator version to write for a node."""
    row = TFLITE_OPS[node.op]
    assert isinstance(row, TFLiteOp)
    int8 = DType.INT8 in (node.operand(0).type.dtype, node.outputs[0].type.dtype)
    weight = node.inputs[1] if len(node.inputs) > 1 else None
    if node.op == "FULLY_CONNECTED" and weight and weight.type.quant and weight.type.quant.is_per_channel:
        return 12  # per-channel weights
    if node.op == "QUANTIZE" and node.operand(0).type.dtype is DType.FLOAT32:
        return 1
    return row.int8_version if int8 else row.float_version


def _inverse(codes: Mapping[Any, int]) -> dict[int, Any]:
    return {code: value for value, code in codes.items()}
