"""What the TFLM reference kernel of each op allocates: one row per op.

Source: tensorflow/lite/core/api/flatbuffer_conversions.cc for the parsed parameters (which parser an op has is in
micro/micro_mutable_op_resolver.h), Init and Prepare of the reference kernels in tensorflow/lite/micro/kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from redsc.cost.tflm import reads
from redsc.cost.tflm.structs import Abi
from redsc.ir import CUSTOM_OPS, LSTM, DType, Node, Value, own_states

__all__ = [
    "CUSTOM_KERNELS",
    "KERNELS",
    "STATE_KERNELS",
    "Kernel",
    "Sizes",
    "conv_multipliers",
    "is_int8",
    "lstm_buffer_bytes",
]

Sizes = Callable[[Node, Abi], tuple[int, ...]]

_INT_BYTES = 4


def _no_sizes(_node: Node, _abi: Abi) -> tuple[int, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Kernel:
    """What one op allocates: the struct of its parsed parameters, that of its Init, and in Prepare, in bytes.

    `init` gives the buffers that Init keeps besides, `tail` those that Prepare keeps, `scratch` those that it
    requests at the head, `reads` the tensors that it asks for (`redsc.cost.tflm.reads`).
    """

    params: str | None = None
    op_data: str | None = None
    init: Sizes = _no_sizes
    tail: Sizes = _no_sizes
    scratch: Sizes = _no_sizes
    reads: Callable[[Node], tuple[Value, ...]] = reads.each_once


def is_int8(node: Node, operand: int = 0) -> bool:
    """Whether an operand has elements of int8."""
    return node.operand(operand).type.dtype is DType.INT8


# What Prepare keeps.


def _channel_multipliers(count: int) -> tuple[int, ...]:
    """Multiplier and shift per output channel."""
    return (count * _INT_BYTES,) * 2


def conv_multipliers(node: Node, _abi: Abi) -> tuple[int, ...]:
    """Return them also for float (conv_common.cc, depthwise_conv_common.cc, transpose_conv.cc)."""
    return _channel_multipliers(node.outputs[0].type.shape[-1])


def _dense_multipliers(node: Node, _abi: Abi) -> tuple[int, ...]:
    """Only where the int8 weight has a scale per channel (fully_connected_common.cc)."""
    quant = node.operand(1).type.quant
    is_per_channel = is_int8(node) and quant is not None and quant.is_per_channel
    return _channel_multipliers(len(quant.scales)) if quant and is_per_channel else ()


def _dims_bytes(value: Value) -> int:
    """A TfLiteIntArray of the dimensions (core/c/common.h)."""
    return (1 + len(value.type.shape)) * _INT_BYTES


def _output_dims(node: Node, _abi: Abi) -> tuple[int, ...]:
    """The dimensions of the output, copied from the file to be written (kernel_util.cc)."""
    return (_dims_bytes(node.outputs[0]),)


def _int8_data(struct: str) -> Sizes:
    """Return the rule of a kernel that allocates its data in Prepare, for int8 only."""
    return lambda node, abi: (abi.layout(struct).size,) if is_int8(node) else ()


def _lookup_tail(node: Node, abi: Abi) -> tuple[int, ...]:
    """embedding_lookup.cc has no Init: its data comes after the dimensions of the output."""
    return (*_output_dims(node, abi), abi.layout("EmbeddingLookupOpData").size)


def _matmul_tail(node: Node, abi: Abi) -> tuple[int, ...]:
    """The int8 rescaling, whole transposed copies of operands, the output's dimensions (batch_matmul.cc).

    The kernel multiplies rows with rows: the left side is transposed where `adj_x` is set, the right where `adj_y`
    is not, constants too.
    """
    left, right = node.operand(0), node.operand(1)
    rescaling = (abi.layout("QuantizationOpDataBatchMatmul").size,) if is_int8(node) else ()
    transposed = [value for value, wanted in ((left, node.attrs.adj_x), (right, not node.attrs.adj_y)) if wanted]
    eval_tensor = abi.layout("TfLiteEvalTensor").size
    copies = [size for value in transposed for size in (eval_tensor, _dims_bytes(value), value.type.nbytes)]
    return (*rescaling, *copies, *_output_dims(node, abi))


# What Prepare requests at the head.


def _pointers(node: Node, abi: Abi) -> tuple[int, ...]:
    """A pointer per operand (add_n.cc)."""
    return (abi.layout("ptr").size * len(node.inputs),)


def _axis_scratch(node: Node, _abi: Abi) -> tuple[int, ...]:
    """An index per input axis and the resolved axes (reduce_common.cc)."""
    source, axes = node.operand(0).type, node.operand(1).type
    return (len(source.shape) * _INT_BYTES, axes.elements * _INT_BYTES)


def _sum_scratch(node: Node, abi: Abi) -> tuple[int, ...]:
    """The same after the int8 sums (reduce_common.cc: PrepareMeanOrSumHelper)."""
    sums = (node.outputs[0].type.elements * _INT_BYTES,) if is_int8(node) else ()
    return (*sums, *_axis_scratch(node, abi))


def _mirror_scratch(node: Node, _abi: Abi) -> tuple[int, ...]:
    """Elements per axis, of output and input (mirror_pad.cc)."""
    return (len(node.operand(0).type.shape) * _INT_BYTES,) * 2


def _transpose_conv_scratch(node: Node, _abi: Abi) -> tuple[int, ...]:
    """The int8 sums (transpose_conv.cc)."""
    return (node.outputs[0].type.elements * _INT_BYTES,) if is_int8(node, 2) else ()


_WORTH_A_PANEL = 3  # pixels: fewer are read where they are
_PANEL_BYTES = 32  # of a group of four elements: int16 for each, and for four pixels


def _strided_scratch(node: Node, _abi: Abi) -> tuple[int, ...]:
    """The panel of redsc_conv_rows.c, for int8: each stretch of a row that is read is filled up to groups."""
    weight, output, runs = node.operand(1).type.shape, node.outputs[0].type, node.attrs.runs
    if not is_int8(node) or output.elements // output.shape[-1] < _WORTH_A_PANEL:
        return ()
    groups = sum(-(-length // 4) * count for length, count in zip(runs[1::4], runs[2::4], strict=True))
    return (prod(weight[1:-1]) * groups * _PANEL_BYTES,)


def _svdf_scratch(node: Node, _abi: Abi) -> tuple[int, ...]:
    """A sum per filter; in int8 also one per unit (svdf_common.cc)."""
    batch, filters = node.operand(0).type.shape[0], node.operand(1).type.shape[0]
    sums = (batch * filters * _INT_BYTES,)
    return (*sums, node.outputs[0].type.elements * _INT_BYTES) if is_int8(node) else sums


def lstm_buffer_bytes(node: Node) -> int:
    """Return the bytes of a buffer for one gate (unidirectional_sequence_lstm.cc)."""
    *_, cell = own_states(node)
    return cell.type.nbytes


def _lstm_scratch(node: Node, _abi: Abi) -> tuple[int, ...]:
    return (lstm_buffer_bytes(node),) * 4


def _same(ops: str, kernel: Kernel) -> dict[str, Kernel]:
    return dict.fromkeys(ops.split(), kernel)


KERNELS: dict[str, Kernel] = {
    **_same(
        """
        BROADCAST_ARGS BROADCAST_TO CEIL COS DYNAMIC_UPDATE_SLICE EXP EXPAND_DIMS FILL FLOOR_DIV FLOOR_MOD LOG
        LOGICAL_NOT REVERSE_V2 ROUND SIN SLICE SQRT SQUARE TRANSPOSE ZEROS_LIKE
        """,
        Kernel(),
    ),
    **_same("FLOOR LOGICAL_AND LOGICAL_OR MAXIMUM MINIMUM NEG", Kernel(reads=reads.nothing)),
    **_same("ABS RSQRT", Kernel(None, "OpDataAbsRsqrt")),
    **_same(
        "EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL",
        Kernel(None, "ComparisonOpData", reads=reads.operands(0, 1)),
    ),
    **_same(
        "REDUCE_ALL REDUCE_MAX REDUCE_MIN",
        Kernel("TfLiteReducerParams", "OpDataReduce", scratch=_axis_scratch, reads=reads.reduction),
    ),
    **_same("MEAN SUM", Kernel("TfLiteReducerParams", "OpDataReduce", scratch=_sum_scratch, reads=reads.reduction)),
    **_same("AVERAGE_POOL_2D MAX_POOL_2D", Kernel("TfLitePoolParams", "OpDataPooling")),
    **_same("PAD PADV2", Kernel(None, "PadOpData")),
    "ADD": Kernel("TfLiteAddParams", "OpDataAdd"),
    "ADD_N": Kernel(tail=_int8_data("AddNOpData"), scratch=_pointers),
    "ARG_MAX": Kernel("TfLiteArgMaxParams", reads=reads.nothing),
    "ARG_MIN": Kernel("TfLiteArgMinParams", reads=reads.nothing),
    "ASSIGN_VARIABLE": Kernel(None, "AssignVariableOpData", reads=reads.assigned),
    "BATCH_MATMUL": Kernel("TfLiteBatchMatMulParams", "OpDataBatchMatmul", tail=_matmul_tail),
    "BATCH_TO_SPACE_ND": Kernel(reads=reads.source_and_output),
    "CAST": Kernel("TfLiteCastParams"),
    "CONCATENATION": Kernel("TfLiteConcatenationParams", "ConcatenationOpData", reads=reads.concatenation),
    "CONV_2D": Kernel("TfLiteConvParams", "OpDataConv", tail=conv_multipliers, reads=reads.conv),
    "CUMSUM": Kernel("TfLiteCumsumParams", tail=_int8_data("CumSumOpData")),
    "DEPTHWISE_CONV_2D": Kernel("TfLiteDepthwiseConvParams", "OpDataConv", tail=conv_multipliers, reads=reads.conv),
    "DEPTH_TO_SPACE": Kernel("TfLiteDepthToSpaceParams", tail=_output_dims),
    "DEQUANTIZE": Kernel(None, "DequantizeOpData"),
    "DIV": Kernel("TfLiteDivParams", "OpDataDiv"),
    "ELU": Kernel(None, "EluOpData"),
    "EMBEDDING_LOOKUP": Kernel(tail=_lookup_tail),
    "FULLY_CONNECTED": Kernel("TfLiteFullyConnectedParams", "OpDataFullyConnected", tail=_dense_multipliers),
    "GATHER": Kernel("TfLiteGatherParams", tail=_output_dims),
    "GATHER_ND": Kernel(tail=_output_dims),
    "HARD_SWISH": Kernel(None, "HardSwishParams"),
    "L2_NORMALIZATION": Kernel("TfLiteL2NormParams", "L2NormalizationParams"),
    "L2_POOL_2D": Kernel("TfLitePoolParams", tail=_output_dims),
    "LEAKY_RELU": Kernel("TfLiteLeakyReluParams", "LeakyReluOpData"),
    "LOGISTIC": Kernel(None, "OpDataLogistic"),
    "LOG_SOFTMAX": Kernel(tail=_int8_data("LogSoftmaxOpData")),
    "MIRROR_PAD": Kernel("TfLiteMirrorPaddingParams", "OpDataMirrorPad", scratch=_mirror_scratch),
    "MUL": Kernel("TfLiteMulParams", "OpDataMul"),
    "PACK": Kernel("TfLitePackParams", reads=reads.nothing),
    "PRELU": Kernel(None, "PreluParams"),
    "QUANTIZE": Kernel(None, "OpDataQuantizeReference"),
    "READ_VARIABLE": Kernel(reads=reads.operands(0)),
    "RELU": Kernel(None, "ReluOpData"),
    "RELU6": Kernel(None, "Relu6OpData", reads=reads.operands(0)),
    "RESHAPE": Kernel("TfLiteReshapeParams"),
    "RESIZE_BILINEAR": Kernel("TfLiteResizeBilinearParams"),
    "RESIZE_NEAREST_NEIGHBOR": Kernel("TfLiteResizeNearestNeighborParams"),
    "SELECT_V2": Kernel(None, "SelectOpData"),
    "SHAPE": Kernel("TfLiteShapeParams", reads=reads.nothing),
    "SOFTMAX": Kernel("TfLiteSoftmaxParams", "SoftmaxParams"),
    "SPACE_TO_BATCH_ND": Kernel(None, "SpaceToBatchParams", reads=reads.source_and_output),
    "SPACE_TO_DEPTH": Kernel("TfLiteSpaceToDepthParams", tail=_output_dims),
    "SPLIT": Kernel("TfLiteSplitParams", reads=reads.operands(0)),
    "SPLIT_V": Kernel("TfLiteSplitVParams", reads=reads.operands(2)),
    "SQUARED_DIFFERENCE": Kernel(None, "SquaredDifferenceOpData"),
    "SQUEEZE": Kernel("TfLiteSqueezeParams"),
    "STRIDED_SLICE": Kernel("TfLiteStridedSliceParams", "StridedSliceParams"),
    "SUB": Kernel("TfLiteSubParams", "OpDataSub"),
    "SVDF": Kernel("TfLiteSVDFParams", "OpDataSvdf", scratch=_svdf_scratch),
    "TANH": Kernel(None, "TanhOpData", reads=reads.tanh),
    "TRANSPOSE_CONV": Kernel(
        "TfLiteTransposeConvParams",
        "TransposeConvOpData",
        tail=conv_multipliers,
        scratch=_transpose_conv_scratch,
        reads=reads.transpose_conv,
    ),
    LSTM: Kernel("TfLiteUnidirectionalSequenceLSTMParams", "OpDataLSTM", scratch=_lstm_scratch),
    "UNPACK": Kernel("TfLiteUnpackParams", reads=reads.nothing),
}
# What a file has besides the nodes of its graph.
STATE_KERNELS: dict[str, Kernel] = {
    "CALL_ONCE": Kernel("TfLiteCallOnceParams", "CallOnceOpData", reads=reads.nothing),
    "VAR_HANDLE": Kernel("TfLiteVarHandleParams", "VarHandleOpData", reads=reads.nothing),
}
# redsc_tflm.h: options stay in flash, multipliers are constants, the tail gets nothing.
CUSTOM_KERNELS: dict[str, Kernel] = dict.fromkeys(CUSTOM_OPS, Kernel(scratch=_strided_scratch, reads=reads.nothing))
