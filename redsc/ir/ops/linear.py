"""Linear layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from redsc.ir.activation import Activation
from redsc.ir.graph import Node
from redsc.ir.ops.definition import OpDef, ShapeError, constant_ints, limit_rank
from redsc.ir.ops.windows import Padding, nhwc, window_grid
from redsc.ir.rules import Grouped, Multiplies, Produces
from redsc.ir.signatures import F32, I8, I32, same_type, signatures
from redsc.ir.types import Shape

__all__ = [
    "LINEAR_OPS",
    "LINEAR_SIGNATURES",
    "BatchMatMul",
    "Conv2D",
    "DepthwiseConv2D",
    "FullyConnected",
    "TransposeConv",
    "product_depth",
]

LINEAR_SIGNATURES = signatures(((F32, F32, F32), F32), ((I8, I8, I32), I8))


@dataclass(frozen=True, slots=True)
class Conv2D:
    """Input NHWC, weight OHWI, bias O."""

    padding: Padding = Padding.SAME
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class DepthwiseConv2D:
    """Input NHWC, weight 1HWO with O = C * depth_multiplier, bias O."""

    padding: Padding = Padding.SAME
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    depth_multiplier: int = 1
    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class FullyConnected:
    """Input flattened to rows of I, weight OI, bias O."""

    keep_num_dims: bool = False
    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class TransposeConv:
    """Operands: output shape, weight OHWI, input NHWC, bias O.

    The input has the shape that a convolution with these attributes makes of the output.
    """

    padding: Padding = Padding.SAME
    stride_h: int = 1
    stride_w: int = 1
    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class BatchMatMul:
    """Matrix product of the last two axes; `adj_x` and `adj_y` transpose an operand first."""

    adj_x: bool = False
    adj_y: bool = False


def _weights(node: Node, rank: int) -> Shape:
    shape = node.operand(1).type.shape
    if len(shape) != rank:
        raise ShapeError(f"weight has rank {len(shape)}, needs {rank}")
    return shape


def _check_bias(node: Node, channels: int, index: int = 2) -> None:
    bias = node.inputs[index] if len(node.inputs) > index else None
    if bias is not None and bias.type.elements != channels:
        raise ShapeError(f"bias has {bias.type.elements} elements, needs {channels}")


def _infer_conv(node: Node) -> tuple[Shape, ...]:
    batch, height, width, channels = nhwc(node)
    out, kernel_h, kernel_w, depth = _weights(node, 4)
    if depth == 0 or channels % depth or out % (channels // depth):
        raise ShapeError(f"weight takes {depth} channels, input has {channels}")
    _check_bias(node, out)
    grid = window_grid(
        node.attrs, (height, width), (kernel_h, kernel_w), (node.attrs.dilation_h, node.attrs.dilation_w)
    )
    return ((batch, *grid, out),)


def _infer_depthwise(node: Node) -> tuple[Shape, ...]:
    batch, height, width, channels = nhwc(node)
    one, kernel_h, kernel_w, out = _weights(node, 4)
    if one != 1 or out != channels * node.attrs.depth_multiplier:
        raise ShapeError(
            f"weight has {out} channels, input {channels} with multiplier {node.attrs.depth_multiplier}"
        )
    _check_bias(node, out)
    grid = window_grid(
        node.attrs, (height, width), (kernel_h, kernel_w), (node.attrs.dilation_h, node.attrs.dilation_w)
    )
    return ((batch, *grid, out),)


def _infer_fully_connected(node: Node) -> tuple[Shape, ...]:
    source = node.operand(0).type
    out, depth = _weights(node, 2)
    if depth == 0 or source.elements % depth:
        raise ShapeError(f"input has {source.elements} elements, weight rows {depth}")
    _check_bias(node, out)
    if node.attrs.keep_num_dims:
        if source.shape[-1] != depth:
            raise ShapeError(f"input rows have {source.shape[-1]} elements, weight rows {depth}")
        return ((*source.shape[:-1], out),)
    return ((source.elements // depth, out),)


def _infer_transpose_conv(node: Node) -> tuple[Shape, ...]:
    batch, height, width, channels = nhwc(node, 2)
    out, kernel_h, kernel_w, depth = _weights(node, 4)
    shape = constant_ints(node, 0, "output shape")
    if depth != channels:
        raise ShapeError(f"weight takes {depth} channels, input has {channels}")
    if len(shape) != 4 or shape[0] != batch or shape[3] != out:
        raise ShapeError(f"output shape {shape} does not fit batch {batch} and {out} channels")
    _check_bias(node, out, 3)
    rows, columns = window_grid(node.attrs, (shape[1], shape[2]), (kernel_h, kernel_w))
    if (rows, columns) != (height, width):
        raise ShapeError(f"a convolution of {shape} gives {rows}x{columns}, the input is {height}x{width}")
    return ((batch, shape[1], shape[2], out),)


def _infer_batch_matmul(node: Node) -> tuple[Shape, ...]:
    """The axes before the matrices broadcast; tflite-micro kernels/batch_matmul.cc takes up to 3 of them."""
    left, right = node.operand(0).type.shape, node.operand(1).type.shape
    if min(len(left), len(right)) < 2:
        raise ShapeError(f"operands have ranks {len(left)} and {len(right)}, need 2 or more")
    limit_rank(max(left, right, key=len), 5)
    rows, depth = left[:-3:-1] if node.attrs.adj_x else left[-2:]
    other, columns = right[:-3:-1] if node.attrs.adj_y else right[-2:]
    if depth != other:
        raise ShapeError(f"rows have {depth} elements, columns {other}")
    try:
        batch = np.broadcast_shapes(left[:-2], right[:-2])
    except ValueError as error:
        raise ShapeError(f"batches {left[:-2]} and {right[:-2]} do not broadcast") from error
    return ((*(int(n) for n in batch), rows, columns),)


def _macs_linear(node: Node) -> int:
    """Return the MACs of a conv or dense layer: output elements times the weights of one output channel."""
    weight = node.operand(1).type
    return node.outputs[0].type.elements * (weight.elements // weight.shape[0])


def _macs_depthwise(node: Node) -> int:
    _, kernel_h, kernel_w, _ = node.operand(1).type.shape
    return node.outputs[0].type.elements * kernel_h * kernel_w


def _macs_transpose_conv(node: Node) -> int:
    weight = node.operand(1).type
    return node.operand(2).type.elements * (weight.elements // weight.shape[3])


def product_depth(node: Node) -> int:
    """Return of how many products an element of a matrix product is the sum."""
    return node.operand(0).type.shape[-2 if node.attrs.adj_x else -1]


def _macs_batch_matmul(node: Node) -> int:
    return node.outputs[0].type.elements * product_depth(node)


LINEAR_OPS = (
    OpDef(
        "CONV_2D",
        Conv2D,
        infer=_infer_conv,
        macs=_macs_linear,
        channels=Produces(out_axis=0, in_axis=3, has_groups=True),
        signatures=LINEAR_SIGNATURES,
        min_inputs=2,
    ),
    OpDef(
        "DEPTHWISE_CONV_2D",
        DepthwiseConv2D,
        infer=_infer_depthwise,
        macs=_macs_depthwise,
        channels=Grouped(out_axis=3),
        signatures=LINEAR_SIGNATURES,
        min_inputs=2,
    ),
    OpDef(
        "FULLY_CONNECTED",
        FullyConnected,
        infer=_infer_fully_connected,
        macs=_macs_linear,
        channels=Produces(out_axis=0, in_axis=1),
        signatures=LINEAR_SIGNATURES,
        min_inputs=2,
    ),
    OpDef(
        "TRANSPOSE_CONV",
        TransposeConv,
        infer=_infer_transpose_conv,
        macs=_macs_transpose_conv,
        channels=Produces(out_axis=0, in_axis=3, followers=(3,)),
        signatures=signatures(((I32, F32, F32, F32), F32), ((I32, I8, I8, I32), I8)),
        min_inputs=3,
        data=(2,),
        shape_operand=0,
    ),
    OpDef(
        "BATCH_MATMUL",
        BatchMatMul,
        infer=_infer_batch_matmul,
        macs=_macs_batch_matmul,
        channels=Multiplies(),
        signatures=same_type((F32, I8), 2),
        min_inputs=2,
        data=(0, 1),
    ),
)
