"""How TFLM's op resolver registers each op (tensorflow/lite/micro/micro_mutable_op_resolver.h)."""

from __future__ import annotations

from collections.abc import Iterable

from redsc.formats import file_graphs
from redsc.ir import FRONT_END_OPS, Graph

__all__ = [
    "CUSTOM_TFLM_OPS",
    "FRONT_END_TFLM_OPS",
    "STATE_TFLM_OPS",
    "TFLM_OPS",
    "custom_registrations",
    "resolver_methods",
]

TFLM_OPS: dict[str, str] = {
    "CONV_2D": "AddConv2D",
    "DEPTHWISE_CONV_2D": "AddDepthwiseConv2D",
    "FULLY_CONNECTED": "AddFullyConnected",
    "TRANSPOSE_CONV": "AddTransposeConv",
    "BATCH_MATMUL": "AddBatchMatMul",
    "AVERAGE_POOL_2D": "AddAveragePool2D",
    "MAX_POOL_2D": "AddMaxPool2D",
    "L2_POOL_2D": "AddL2Pool2D",
    "RESIZE_BILINEAR": "AddResizeBilinear",
    "RESIZE_NEAREST_NEIGHBOR": "AddResizeNearestNeighbor",
    "ADD": "AddAdd",
    "SUB": "AddSub",
    "MUL": "AddMul",
    "DIV": "AddDiv",
    "MAXIMUM": "AddMaximum",
    "MINIMUM": "AddMinimum",
    "FLOOR_DIV": "AddFloorDiv",
    "FLOOR_MOD": "AddFloorMod",
    "SQUARED_DIFFERENCE": "AddSquaredDifference",
    "LOGICAL_AND": "AddLogicalAnd",
    "LOGICAL_OR": "AddLogicalOr",
    "EQUAL": "AddEqual",
    "NOT_EQUAL": "AddNotEqual",
    "GREATER": "AddGreater",
    "GREATER_EQUAL": "AddGreaterEqual",
    "LESS": "AddLess",
    "LESS_EQUAL": "AddLessEqual",
    "ADD_N": "AddAddN",
    "SELECT_V2": "AddSelectV2",
    "PRELU": "AddPrelu",
    "SOFTMAX": "AddSoftmax",
    "LOG_SOFTMAX": "AddLogSoftmax",
    "L2_NORMALIZATION": "AddL2Normalization",
    "LEAKY_RELU": "AddLeakyRelu",
    "RELU": "AddRelu",
    "RELU6": "AddRelu6",
    "ELU": "AddElu",
    "HARD_SWISH": "AddHardSwish",
    "LOGISTIC": "AddLogistic",
    "TANH": "AddTanh",
    "ABS": "AddAbs",
    "RSQRT": "AddRsqrt",
    "CEIL": "AddCeil",
    "COS": "AddCos",
    "EXP": "AddExp",
    "FLOOR": "AddFloor",
    "LOG": "AddLog",
    "NEG": "AddNeg",
    "ROUND": "AddRound",
    "SIN": "AddSin",
    "SQRT": "AddSqrt",
    "SQUARE": "AddSquare",
    "LOGICAL_NOT": "AddLogicalNot",
    "ZEROS_LIKE": "AddZerosLike",
    "CAST": "AddCast",
    "QUANTIZE": "AddQuantize",
    "DEQUANTIZE": "AddDequantize",
    "MEAN": "AddMean",
    "SUM": "AddSum",
    "REDUCE_MAX": "AddReduceMax",
    "REDUCE_MIN": "AddReduceMin",
    "REDUCE_ALL": "AddReduceAll",
    "ARG_MAX": "AddArgMax",
    "ARG_MIN": "AddArgMin",
    "CUMSUM": "AddCumSum",
    "RESHAPE": "AddReshape",
    "SQUEEZE": "AddSqueeze",
    "EXPAND_DIMS": "AddExpandDims",
    "TRANSPOSE": "AddTranspose",
    "BROADCAST_TO": "AddBroadcastTo",
    "FILL": "AddFill",
    "SHAPE": "AddShape",
    "BROADCAST_ARGS": "AddBroadcastArgs",
    "PAD": "AddPad",
    "PADV2": "AddPadV2",
    "MIRROR_PAD": "AddMirrorPad",
    "SPACE_TO_BATCH_ND": "AddSpaceToBatchNd",
    "BATCH_TO_SPACE_ND": "AddBatchToSpaceNd",
    "SPACE_TO_DEPTH": "AddSpaceToDepth",
    "DEPTH_TO_SPACE": "AddDepthToSpace",
    "CONCATENATION": "AddConcatenation",
    "PACK": "AddPack",
    "GATHER": "AddGather",
    "GATHER_ND": "AddGatherNd",
    "REVERSE_V2": "AddReverseV2",
    "DYNAMIC_UPDATE_SLICE": "AddDynamicUpdateSlice",
    "EMBEDDING_LOOKUP": "AddEmbeddingLookup",
    "UNPACK": "AddUnpack",
    "SPLIT": "AddSplit",
    "SPLIT_V": "AddSplitV",
    "SLICE": "AddSlice",
    "STRIDED_SLICE": "AddStridedSlice",
    "READ_VARIABLE": "AddReadVariable",
    "ASSIGN_VARIABLE": "AddAssignVariable",
    "SVDF": "AddSvdf",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
}

STATE_TFLM_OPS: dict[str, str] = {"CALL_ONCE": "AddCallOnce", "VAR_HANDLE": "AddVarHandle"}  # of files only

FRONT_END_TFLM_OPS: dict[str, str] = {op: op.replace("Signal", "Add", 1) for op in FRONT_END_OPS}

CUSTOM_TFLM_OPS: dict[str, str] = {
    "REDSC_CONV_2D": "redsc::register_conv_2d",
    "REDSC_FULLY_CONNECTED": "redsc::register_fully_connected",
}


def resolver_methods(graphs: Iterable[Graph]) -> list[str]:
    """Return the methods that register every op of the graphs' files, each once."""
    methods = TFLM_OPS | STATE_TFLM_OPS | FRONT_END_TFLM_OPS
    parts = [part.graph for graph in graphs for part in file_graphs(graph)]
    return sorted({methods[node.op] for part in parts for node in part.nodes if node.op in methods})


def custom_registrations(graphs: Iterable[Graph]) -> list[str]:
    """Return the functions of redsc_tflm.h that register redsc's own ops of the graphs, each once."""
    return sorted(
        {CUSTOM_TFLM_OPS[node.op] for graph in graphs for node in graph.nodes if node.op in CUSTOM_TFLM_OPS}
    )
