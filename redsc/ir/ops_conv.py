"""Linear layers and pooling."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from redsc.ir.graph import Node
from redsc.ir.ops import OpDef, ShapeError, signatures
from redsc.ir.rules import Grouped, Passes, Produces, SameScale
from redsc.ir.types import DType, Shape

__all__ = ["CONV_OPS", "Activation", "Conv2D", "DepthwiseConv2D", "FullyConnected", "Padding", "Pool2D"]

F32, I8, I32 = DType.FLOAT32, DType.INT8, DType.INT32
_LINEAR = signatures(((F32, F32, F32), F32), ((I8, I8, I32), I8))
_UNARY = signatures(((F32,), F32), ((I8,), I8))


class Padding(Enum):
    """TFLite's padding: SAME pads `begin = total // 2`, the odd element at the end."""

    SAME = "SAME"
    VALID = "VALID"


class Activation(Enum):
    """A fused activation function."""

    NONE = "NONE"
    RELU = "RELU"
    RELU_N1_TO_1 = "RELU_N1_TO_1"
    RELU6 = "RELU6"


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
class Pool2D:
    """A window over H and W."""

    padding: Padding = Padding.VALID
    stride_h: int = 1
    stride_w: int = 1
    filter_h: int = 1
    filter_w: int = 1
    activation: Activation = Activation.NONE


def _window(size: int, kernel: int, stride: int, dilation: int, padding: Padding) -> int:
    """Return the output size of a window op (TFLite `ComputeOutSize`, kernels/padding.h)."""
    reach = (kernel - 1) * dilation + 1
    out = -(-size // stride) if padding is Padding.SAME else -(-(size - reach + 1) // stride)
    if out < 1:
        raise ShapeError(f"a window of {reach} does not fit into {size}")
    return out


def _spatial(node: Node) -> tuple[int, int, int, int]:
    shape = node.operand(0).type.shape
    if len(shape) != 4:
        raise ShapeError(f"input has rank {len(shape)}, needs 4 (NHWC)")
    return shape[0], shape[1], shape[2], shape[3]


def _weights(node: Node, rank: int) -> Shape:
    shape = node.operand(1).type.shape
    if len(shape) != rank:
        raise ShapeError(f"weight has rank {len(shape)}, needs {rank}")
    return shape


def _check_bias(node: Node, channels: int) -> None:
    if len(node.inputs) > 2 and node.inputs[2] is not None and node.operand(2).type.elements != channels:
        raise ShapeError(f"bias has {node.operand(2).type.elements} elements, needs {channels}")


def _infer_conv(node: Node) -> tuple[Shape, ...]:
    batch, height, width, channels = _spatial(node)
    out, kernel_h, kernel_w, depth = _weights(node, 4)
    if depth == 0 or channels % depth or out % (channels // depth):
        raise ShapeError(f"weight takes {depth} channels, input has {channels}")
    _check_bias(node, out)
    a = node.attrs
    out_h = _window(height, kernel_h, a.stride_h, a.dilation_h, a.padding)
    out_w = _window(width, kernel_w, a.stride_w, a.dilation_w, a.padding)
    return ((batch, out_h, out_w, out),)


def _infer_depthwise(node: Node) -> tuple[Shape, ...]:
    batch, height, width, channels = _spatial(node)
    one, kernel_h, kernel_w, out = _weights(node, 4)
    if one != 1 or out != channels * node.attrs.depth_multiplier:
        raise ShapeError(
            f"weight has {out} channels, input {channels} with multiplier {node.attrs.depth_multiplier}"
        )
    _check_bias(node, out)
    a = node.attrs
    out_h = _window(height, kernel_h, a.stride_h, a.dilation_h, a.padding)
    out_w = _window(width, kernel_w, a.stride_w, a.dilation_w, a.padding)
    return ((batch, out_h, out_w, out),)


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


def _infer_pool(node: Node) -> tuple[Shape, ...]:
    batch, height, width, channels = _spatial(node)
    a = node.attrs
    out_h = _window(height, a.filter_h, a.stride_h, 1, a.padding)
    out_w = _window(width, a.filter_w, a.stride_w, 1, a.padding)
    return ((batch, out_h, out_w, channels),)


def _per_output(node: Node) -> int:
    """Return the MACs of a conv or dense layer: output elements times the weights of one output channel."""
    weight = node.operand(1).type
    return node.outputs[0].type.elements * (weight.elements // weight.shape[0])


def _macs_depthwise(node: Node) -> int:
    _, kernel_h, kernel_w, _ = node.operand(1).type.shape
    return node.outputs[0].type.elements * kernel_h * kernel_w


CONV_OPS = (
    OpDef(
        "CONV_2D",
        Conv2D,
        infer=_infer_conv,
        macs=_per_output,
        channels=Produces(out_axis=0, in_axis=3),
        signatures=_LINEAR,
        min_inputs=2,
    ),
    OpDef(
        "DEPTHWISE_CONV_2D",
        DepthwiseConv2D,
        infer=_infer_depthwise,
        macs=_macs_depthwise,
        channels=Grouped(axis=3),
        signatures=_LINEAR,
        min_inputs=2,
    ),
    OpDef(
        "FULLY_CONNECTED",
        FullyConnected,
        infer=_infer_fully_connected,
        macs=_per_output,
        channels=Produces(out_axis=0, in_axis=1),
        signatures=_LINEAR,
        min_inputs=2,
    ),
    OpDef(
        "AVERAGE_POOL_2D",
        Pool2D,
        infer=_infer_pool,
        channels=Passes(),
        signatures=_UNARY,
        quant=SameScale(),
    ),
    OpDef(
        "MAX_POOL_2D",
        Pool2D,
        infer=_infer_pool,
        channels=Passes(),
        signatures=_UNARY,
        quant=SameScale(),
    ),
)
