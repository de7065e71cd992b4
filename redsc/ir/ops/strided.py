"""Linear layers that read a part of a weight which larger levels own: what TFLM runs by redsc's own kernels.

Operands: data, the shared weight (OHWI or OI; O rows are read, of depth D) and parameters: of an int8 layer
int32 [3, O] (bias, multiplier and shift per row, as TFLite's QuantizeMultiplier gives them), of a float one [1, O]
(bias).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from redsc.ir.activation import Activation
from redsc.ir.graph import Node
from redsc.ir.ops.definition import OpDef, ShapeError
from redsc.ir.ops.linear import LINEAR_SIGNATURES
from redsc.ir.ops.windows import Padding, nhwc, window_grid
from redsc.ir.rules import Barrier
from redsc.ir.runs import RUN_NUMBERS, split_runs
from redsc.ir.types import DType, Shape

__all__ = ["STRIDED_OPS", "StridedConv2D", "StridedFullyConnected"]

_ROWS = {DType.INT8: 3, DType.FLOAT32: 1}
_SHARED = Barrier("its weight is shared with larger levels")


@dataclass(frozen=True, slots=True)
class StridedConv2D:
    """A CONV_2D.

    `runs` lists which elements of a row of depth D are its input channels, in order (`redsc.ir.runs`). `has_bias`
    says whether the layer's bias is its own, or zeros that it did not have.
    """

    runs: tuple[int, ...] = ()
    padding: Padding = Padding.SAME
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    activation: Activation = Activation.NONE
    has_bias: bool = True


@dataclass(frozen=True, slots=True)
class StridedFullyConnected:
    """A FULLY_CONNECTED; fields as those of `StridedConv2D`."""

    runs: tuple[int, ...] = ()
    keep_num_dims: bool = False
    activation: Activation = Activation.NONE
    has_bias: bool = True


def _columns(node: Node) -> int:
    """Return how many elements of a row a node reads, all of them inside it."""
    runs, weight = node.attrs.runs, node.operand(1).type
    if not runs or len(runs) % RUN_NUMBERS or min(runs) < 0:
        raise ShapeError(f"runs are fours of numbers, not {runs}")
    depth, count = weight.shape[-1], 0
    for start, length, times, stride in split_runs(runs):
        overlaps = times > 1 and stride < length
        if not (length and times) or overlaps or start + stride * (times - 1) + length > depth:
            raise ShapeError(f"a run of {length} elements, {times} times, is not inside the depth of {depth}")
        count += length * times
    parameters = (_ROWS.get(weight.dtype, 1), weight.shape[0])
    if node.operand(2).type.shape != parameters:
        raise ShapeError(f"parameters have the shape {list(node.operand(2).type.shape)}, need {list(parameters)}")
    return count


def _infer_conv(node: Node) -> tuple[Shape, ...]:
    batch, height, width, channels = nhwc(node)
    weight, a = node.operand(1).type.shape, node.attrs
    if len(weight) != 4 or _columns(node) != channels:
        raise ShapeError(f"the weight {list(weight)} does not take {channels} channels")
    grid = window_grid(a, (height, width), (weight[1], weight[2]), (a.dilation_h, a.dilation_w))
    return ((batch, *grid, weight[0]),)


def _infer_fully_connected(node: Node) -> tuple[Shape, ...]:
    source, weight = node.operand(0).type, node.operand(1).type.shape
    if len(weight) != 2:
        raise ShapeError(f"weight has rank {len(weight)}, needs 2")
    depth = _columns(node)
    if node.attrs.keep_num_dims and source.shape[-1] == depth:
        return ((*source.shape[:-1], weight[0]),)
    if node.attrs.keep_num_dims or source.elements % depth:
        raise ShapeError(f"the input {list(source.shape)} has no rows of {depth}")
    return ((source.elements // depth, weight[0]),)


def _macs(node: Node) -> int:
    taps = node.operand(1).type.shape[1:-1]
    return node.outputs[0].type.elements * prod(taps) * _columns(node)


STRIDED_OPS = (
    OpDef("REDSC_CONV_2D", StridedConv2D, _infer_conv, _SHARED, LINEAR_SIGNATURES, min_inputs=3, macs=_macs),
    OpDef(
        "REDSC_FULLY_CONNECTED",
        StridedFullyConnected,
        _infer_fully_connected,
        _SHARED,
        LINEAR_SIGNATURES,
        min_inputs=3,
        macs=_macs,
    ),
)
