"""How each op stands in a TFLite file: one table for reader and writer.

Field names are those of the TFLite schema (tensorflow/lite/schema/schema.fbs); versions are the lowest whose
semantics the op needs, `versions.py` knows more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from redsc.formats.tables import Refusal, refuse
from redsc.ir import LSTM, Activation, CellActivation, DType, MirrorMode, Padding

__all__ = ["ACTIVATION_CODES", "PADDING_CODES", "TENSOR_TYPES", "TFLITE_OPS", "Field", "TFLiteOp", "inverse"]


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
        return stored if self.codes is None else inverse(self.codes)[stored]


@dataclass(frozen=True, slots=True)
class TFLiteOp:
    """A row: the options table of the op, its fields, and its version for float32 and int8.

    `zero` are fields that exist in the schema only: neither the IR nor tflite-micro knows another value than 0.
    """

    options: str | None = None
    fields: tuple[Field, ...] = ()
    float_version: int = 1
    int8_version: int = 1
    zero: tuple[str, ...] = ()


# Numbers of `Padding`, `ActivationFunctionType` and `TensorType` in schema.fbs.
PADDING_CODES: dict[Enum, int] = {Padding.SAME: 0, Padding.VALID: 1}
ACTIVATION_CODES: dict[Enum, int] = {
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
    DType.UINT64: 12,
    DType.UINT32: 15,
}

_MIRROR_MODE: dict[Enum, int] = {MirrorMode.REFLECT: 0, MirrorMode.SYMMETRIC: 1}
_CELL_ACTIVATION: dict[Enum, int] = {CellActivation.TANH: 4}
_INDEX_TYPE: dict[Enum, int] = {DType.INT32: TENSOR_TYPES[DType.INT32]}

_ACT = Field("activation", "FusedActivationFunction", ACTIVATION_CODES)
_STRIDES = (
    Field("padding", "Padding", PADDING_CODES),
    Field("stride_w", "StrideW"),
    Field("stride_h", "StrideH"),
)
_DILATIONS = (Field("dilation_w", "DilationWFactor"), Field("dilation_h", "DilationHFactor"))
_POOL = TFLiteOp(
    "Pool2DOptions",
    (*_STRIDES, Field("filter_w", "FilterWidth"), Field("filter_h", "FilterHeight"), _ACT),
    int8_version=2,
)
_RESIZE = (Field("align_corners", "AlignCorners"), Field("half_pixel_centers", "HalfPixelCenters"))
_REDUCER = TFLiteOp("ReducerOptions", (Field("keep_dims", "KeepDims"),), int8_version=2)

_HANDLES = "it stands around READ_VARIABLE and ASSIGN_VARIABLE, which are translated: redsc writes it anew"
_BRANCH = "the branch that it takes stands in its place where its condition is constant"
_LOOP = "it repeats a subgraph until data say stop (control flow): unroll the loop before the export"
_CONTROL = "it runs other subgraphs (control flow)"
_NOT_IN_TFLM = "tflite-micro has no kernel for it"

_REFUSALS = {
    _HANDLES: "CALL_ONCE VAR_HANDLE",
    _BRANCH: "IF",
    _LOOP: "WHILE STABLEHLO_WHILE",
    _CONTROL: "CALL STABLEHLO_COMPOSITE",
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
        "FullyConnectedOptions",
        (_ACT, Field("keep_num_dims", "KeepNumDims")),
        int8_version=4,
        zero=("WeightsFormat",),
    ),
    "TRANSPOSE_CONV": TFLiteOp("TransposeConvOptions", (*_STRIDES, _ACT), int8_version=2),
    "BATCH_MATMUL": TFLiteOp(
        "BatchMatMulOptions", (Field("adj_x", "AdjX"), Field("adj_y", "AdjY")), int8_version=2
    ),
    "AVERAGE_POOL_2D": _POOL,
    "MAX_POOL_2D": _POOL,
    "L2_POOL_2D": _POOL,
    "RESIZE_BILINEAR": TFLiteOp("ResizeBilinearOptions", _RESIZE, int8_version=2),
    "RESIZE_NEAREST_NEIGHBOR": TFLiteOp("ResizeNearestNeighborOptions", _RESIZE, int8_version=2),
    "ADD": TFLiteOp("AddOptions", (_ACT,), int8_version=2),
    "SUB": TFLiteOp("SubOptions", (_ACT,), int8_version=2),
    "MUL": TFLiteOp("MulOptions", (_ACT,), int8_version=2),
    "DIV": TFLiteOp("DivOptions", (_ACT,)),
    "MAXIMUM": TFLiteOp("MaximumMinimumOptions", int8_version=2),
    "MINIMUM": TFLiteOp("MaximumMinimumOptions", int8_version=2),
    "FLOOR_DIV": TFLiteOp("FloorDivOptions", float_version=2),
    "FLOOR_MOD": TFLiteOp("FloorModOptions"),
    "SQUARED_DIFFERENCE": TFLiteOp("SquaredDifferenceOptions", int8_version=2),
    "LOGICAL_AND": TFLiteOp("LogicalAndOptions"),
    "LOGICAL_OR": TFLiteOp("LogicalOrOptions"),
    "LOGICAL_NOT": TFLiteOp("LogicalNotOptions"),
    "EQUAL": TFLiteOp("EqualOptions", int8_version=2),
    "NOT_EQUAL": TFLiteOp("NotEqualOptions", int8_version=2),
    "GREATER": TFLiteOp("GreaterOptions", int8_version=2),
    "GREATER_EQUAL": TFLiteOp("GreaterEqualOptions", int8_version=2),
    "LESS": TFLiteOp("LessOptions", int8_version=2),
    "LESS_EQUAL": TFLiteOp("LessEqualOptions", int8_version=2),
    "ADD_N": TFLiteOp("AddNOptions"),
    "SELECT_V2": TFLiteOp("SelectV2Options"),
    "PRELU": TFLiteOp(),
    "SOFTMAX": TFLiteOp("SoftmaxOptions", (Field("beta", "Beta"),), int8_version=2),
    "LOG_SOFTMAX": TFLiteOp("LogSoftmaxOptions", int8_version=2),
    "L2_NORMALIZATION": TFLiteOp("L2NormOptions", int8_version=2, zero=("FusedActivationFunction",)),
    "RELU": TFLiteOp(int8_version=2),
    "RELU6": TFLiteOp(int8_version=2),
    "LEAKY_RELU": TFLiteOp("LeakyReluOptions", (Field("alpha", "Alpha"),), int8_version=2),
    "ELU": TFLiteOp(),
    "HARD_SWISH": TFLiteOp("HardSwishOptions"),
    "LOGISTIC": TFLiteOp(int8_version=2),
    "TANH": TFLiteOp(int8_version=2),
    "ABS": TFLiteOp("AbsOptions", int8_version=2),
    "RSQRT": TFLiteOp(int8_version=2),
    "CEIL": TFLiteOp(),
    "COS": TFLiteOp("CosOptions"),
    "EXP": TFLiteOp("ExpOptions"),
    "FLOOR": TFLiteOp(),
    "LOG": TFLiteOp(),
    "NEG": TFLiteOp("NegOptions"),
    "ROUND": TFLiteOp(),
    "SIN": TFLiteOp(),
    "SQRT": TFLiteOp(),
    "SQUARE": TFLiteOp("SquareOptions"),
    "ZEROS_LIKE": TFLiteOp("ZerosLikeOptions"),
    "CAST": TFLiteOp("CastOptions", int8_version=3),
    "QUANTIZE": TFLiteOp("QuantizeOptions", int8_version=2),
    "DEQUANTIZE": TFLiteOp("DequantizeOptions", int8_version=2),
    "MEAN": _REDUCER,
    "SUM": _REDUCER,
    "REDUCE_MAX": _REDUCER,
    "REDUCE_MIN": _REDUCER,
    "REDUCE_ALL": _REDUCER,
    "ARG_MAX": TFLiteOp("ArgMaxOptions", (Field("output_type", "OutputType", _INDEX_TYPE),), int8_version=2),
    "ARG_MIN": TFLiteOp("ArgMinOptions", (Field("output_type", "OutputType", _INDEX_TYPE),), int8_version=2),
    "CUMSUM": TFLiteOp("CumsumOptions", (Field("exclusive", "Exclusive"), Field("reverse", "Reverse"))),
    "RESHAPE": TFLiteOp("ReshapeOptions", (Field("new_shape", "NewShape"),)),
    "SQUEEZE": TFLiteOp("SqueezeOptions", (Field("squeeze_dims", "SqueezeDims"),)),
    "EXPAND_DIMS": TFLiteOp("ExpandDimsOptions"),
    "TRANSPOSE": TFLiteOp("TransposeOptions", int8_version=2),
    "PAD": TFLiteOp("PadOptions", int8_version=2),
    "PADV2": TFLiteOp("PadV2Options", int8_version=2),
    "MIRROR_PAD": TFLiteOp("MirrorPadOptions", (Field("mode", "Mode", _MIRROR_MODE),), int8_version=2),
    "SPACE_TO_BATCH_ND": TFLiteOp("SpaceToBatchNDOptions", int8_version=2),
    "BATCH_TO_SPACE_ND": TFLiteOp("BatchToSpaceNDOptions", int8_version=2),
    "SPACE_TO_DEPTH": TFLiteOp("SpaceToDepthOptions", (Field("block_size", "BlockSize"),), int8_version=2),
    "DEPTH_TO_SPACE": TFLiteOp("DepthToSpaceOptions", (Field("block_size", "BlockSize"),)),
    "BROADCAST_TO": TFLiteOp("BroadcastToOptions", float_version=2, int8_version=3),
    "FILL": TFLiteOp("FillOptions", int8_version=3),
    "SHAPE": TFLiteOp("ShapeOptions", (Field("out_type", "OutType", _INDEX_TYPE),)),
    "BROADCAST_ARGS": TFLiteOp(),
    "CONCATENATION": TFLiteOp(
        "ConcatenationOptions", (Field("axis", "Axis"),), int8_version=2, zero=("FusedActivationFunction",)
    ),
    "PACK": TFLiteOp("PackOptions", (Field("values_count", "ValuesCount"), Field("axis", "Axis")), int8_version=2),
    "UNPACK": TFLiteOp("UnpackOptions", (Field("num", "Num"), Field("axis", "Axis")), int8_version=2),
    "SPLIT": TFLiteOp("SplitOptions", (Field("num_splits", "NumSplits"),), int8_version=2),
    "SPLIT_V": TFLiteOp("SplitVOptions", (Field("num_splits", "NumSplits"),), int8_version=2),
    "SLICE": TFLiteOp("SliceOptions", int8_version=2),
    "STRIDED_SLICE": TFLiteOp(
        "StridedSliceOptions",
        (
            Field("begin_mask", "BeginMask"),
            Field("end_mask", "EndMask"),
            Field("shrink_axis_mask", "ShrinkAxisMask"),
        ),
        int8_version=2,
        zero=("EllipsisMask", "NewAxisMask", "Offset"),
    ),
    "GATHER": TFLiteOp("GatherOptions", (Field("axis", "Axis"), Field("batch_dims", "BatchDims")), int8_version=2),
    "GATHER_ND": TFLiteOp("GatherNdOptions"),
    "REVERSE_V2": TFLiteOp("ReverseV2Options", int8_version=3),
    "DYNAMIC_UPDATE_SLICE": TFLiteOp("DynamicUpdateSliceOptions"),
    "EMBEDDING_LOOKUP": TFLiteOp(),
    "READ_VARIABLE": TFLiteOp("ReadVariableOptions"),
    "ASSIGN_VARIABLE": TFLiteOp("AssignVariableOptions"),
    "SVDF": TFLiteOp(
        "SVDFOptions", (Field("rank", "Rank"), _ACT), int8_version=3, zero=("AsymmetricQuantizeInputs",)
    ),
    LSTM: TFLiteOp(
        "UnidirectionalSequenceLSTMOptions",
        (
            Field("cell_activation", "FusedActivationFunction", _CELL_ACTIVATION),
            Field("cell_clip", "CellClip"),
            Field("time_major", "TimeMajor"),
        ),
        zero=("ProjClip", "AsymmetricQuantizeInputs", "DiagonalRecurrentTensors"),
    ),
    **refuse(_REFUSALS),
}


def inverse(codes: Mapping[Any, int]) -> dict[int, Any]:
    """Return what the numbers of a file stand for."""
    return {code: value for value, code in codes.items()}
