"""What the kernels of CMSIS-NN allocate in TFLM: the reference rows, with those that differ replaced.

Source: Init and Prepare in tensorflow/lite/micro/kernels/cmsis_nn; the *_get_buffer_size functions of CMSIS-NN for
plain C and for DSP instructions, built by GCC (with armclang a 1x1 convolution has scratch too). ADD, MAXIMUM,
MINIMUM, MUL, PAD, PADV2 and TRANSPOSE allocate what the reference kernels do. There are no rows for vectors (MVE).
"""

from __future__ import annotations

from dataclasses import replace

from redsc.cost.tflm import reads
from redsc.cost.tflm.kernels import KERNELS, Kernel, Sizes, conv_multipliers, is_int8, lstm_buffer_bytes
from redsc.cost.tflm.structs import Abi
from redsc.ir import GATES, LSTM, Node

__all__ = ["CMSIS_NN_C", "CMSIS_NN_DSP"]

_INT16_BYTES = 2
_INT32_BYTES = 4
_REVERSED_ABOVE_CHANNELS = 16  # arm_nnsupportfunctions.h: REVERSE_TCOL_EFFICIENT_THRESHOLD


def _int8(sizes: Sizes, operand: int = 0) -> Sizes:
    """Return a rule that holds for int8 only: CMSIS-NN is not asked for float."""
    return lambda node, abi: sizes(node, abi) if is_int8(node, operand) else ()


def _is_dilated(node: Node) -> bool:
    return (node.attrs.dilation_h, node.attrs.dilation_w) != (1, 1)


def _im2col_bytes(elements: int) -> int:
    """Two columns of int16, each a multiple of 4 elements long (arm_convolve_s8_get_buffer_size)."""
    return 2 * -(-elements // 4) * 4 * _INT16_BYTES


def _conv_scratch(node: Node, _abi: Abi) -> tuple[int, ...]:
    """None for a 1x1 convolution; 1xN is like the rest (arm_convolve_wrapper_s8_get_buffer_size)."""
    channels = node.operand(0).type.shape[-1]
    _, height, width, depth = node.operand(1).type.shape
    is_pointwise = (height, width, depth) == (1, 1, channels) and not _is_dilated(node)
    return () if is_pointwise else (_im2col_bytes(height * width * channels),)


def _depthwise_scratch(node: Node, _abi: Abi) -> tuple[int, ...]:
    """One column of int16 in the optimised kernel, none in those for 3x3 and for the general case.

    Source: arm_depthwise_conv_wrapper_s8_get_buffer_size. A 3x3 filter needs a padding of 1 at most: it always has.
    """
    source = node.operand(0).type.shape
    _, height, width, channels = node.operand(1).type.shape
    is_general = source[0] > 1 or source[-1] != channels or _is_dilated(node)
    is_optimised = not is_general and (height, width) != (3, 3)
    return (height * width * channels * _INT16_BYTES,) if is_optimised else ()


def _pool_scratch(node: Node, _abi: Abi) -> tuple[int, ...]:
    """A sum per channel (arm_avgpool_s8_get_buffer_size)."""
    return (node.outputs[0].type.shape[-1] * _INT32_BYTES,)


def _dense_scratch(node: Node, _abi: Abi) -> tuple[int, ...]:
    """Multiplier and shift per output, in one buffer, where a layer with one scale runs as a 1x1 convolution."""
    output, weight = node.outputs[0].type.shape, node.operand(1).type
    is_convolution = len(output) > 2 and weight.shape[-1] % 4 == 0
    is_per_channel = weight.quant is not None and weight.quant.is_per_channel
    return (2 * output[-1] * _INT32_BYTES,) if is_convolution and not is_per_channel else ()


def _transpose_conv_scratch(node: Node, _abi: Abi) -> tuple[int, ...]:
    """Columns and the reversed filter where it runs as a convolution, else rows of sums and an empty buffer.

    Source: arm_transpose_conv_s8_get_buffer_size and arm_transpose_conv_s8_get_reverse_conv_buffer_size.
    """
    filters, height, width, channels = node.operand(1).type.shape
    stride_h, stride_w = node.attrs.stride_h, node.attrs.stride_w
    if stride_h <= 2 and stride_w <= 2 and channels > _REVERSED_ABOVE_CHANNELS:
        filter_elements = height * width * channels
        return (_im2col_bytes(filter_elements), filter_elements * filters)
    row = (node.operand(2).type.shape[2] - 1) * stride_w + max(width, stride_h)  # stride_h: as it is there
    return (row * filters * max(height, stride_h) * _INT32_BYTES, 0)


def _lstm_sums(node: Node, _abi: Abi) -> tuple[int, ...]:
    """A sum per unit, for both weights of every gate (unidirectional_sequence_lstm.cc: CMSIS_NN_PortOpData)."""
    return (node.outputs[0].type.shape[-1] * _INT32_BYTES,) * (2 * len(GATES))


def _lstm_scratch(node: Node, _abi: Abi) -> tuple[int, ...]:
    """Buffers for three gates, in float for all four."""
    return (lstm_buffer_bytes(node),) * (3 if is_int8(node) else 4)


CMSIS_NN_C: dict[str, Kernel] = {
    **KERNELS,
    "AVERAGE_POOL_2D": replace(KERNELS["AVERAGE_POOL_2D"], op_data="CmsisNnPoolingOpData", reads=reads.twice),
    "BATCH_MATMUL": replace(KERNELS["BATCH_MATMUL"], op_data="CmsisNnBatchMatmulOpData"),
    "CONV_2D": replace(
        KERNELS["CONV_2D"],
        op_data="CmsisNnConvOpData",
        tail=_int8(conv_multipliers),
        scratch=_int8(_conv_scratch),
    ),
    "DEPTHWISE_CONV_2D": replace(
        KERNELS["DEPTHWISE_CONV_2D"], op_data="CmsisNnConvOpData", tail=_int8(conv_multipliers)
    ),
    "FULLY_CONNECTED": replace(
        KERNELS["FULLY_CONNECTED"], op_data="CmsisNnFullyConnectedOpData", scratch=_int8(_dense_scratch)
    ),
    "MAX_POOL_2D": replace(KERNELS["MAX_POOL_2D"], op_data="CmsisNnPoolingOpData"),
    "SOFTMAX": replace(KERNELS["SOFTMAX"], op_data="CMSISNNSoftmaxParams"),
    "SVDF": replace(KERNELS["SVDF"], op_data="CmsisNnOpDataSvdf"),
    LSTM: replace(KERNELS[LSTM], op_data="CmsisNnLstmOpData", tail=_int8(_lstm_sums), scratch=_lstm_scratch),
    "TRANSPOSE_CONV": replace(
        KERNELS["TRANSPOSE_CONV"],
        op_data="CmsisNnTransposeConvOpData",
        scratch=_int8(_transpose_conv_scratch, operand=2),
    ),
}
CMSIS_NN_DSP: dict[str, Kernel] = {
    **CMSIS_NN_C,
    "AVERAGE_POOL_2D": replace(CMSIS_NN_C["AVERAGE_POOL_2D"], scratch=_int8(_pool_scratch)),
    "DEPTHWISE_CONV_2D": replace(CMSIS_NN_C["DEPTHWISE_CONV_2D"], scratch=_int8(_depthwise_scratch)),
}
