"""Shapes, MACs and refusals of the ops that compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from redsc.ir import (
    NO_ATTRS,
    Array,
    Conv2D,
    DepthwiseConv2D,
    DType,
    FullyConnected,
    Mean,
    Padding,
    Pool2D,
    Reshape,
    Shape,
    ShapeError,
    TensorType,
    Value,
    op_def,
)
from tests.ir.nodes import node_of, zeros

SAME, VALID = Padding.SAME, Padding.VALID


def _infer(op: str, *operands: Shape | Array, attrs: Any = NO_ATTRS) -> tuple[Shape, int]:
    """Return the output shape and the MACs of one node over an input and constants."""
    node = node_of(op, *operands, attrs=attrs)
    (shape,) = op_def(op).infer(node)
    node.outputs = (Value("y", TensorType(shape, DType.FLOAT32)),)
    return shape, op_def(op).macs(node)


@pytest.mark.parametrize(
    ("attrs", "kernel", "shape"),
    [
        (Conv2D(SAME), (3, 3), (1, 10, 7, 8)),
        (Conv2D(VALID), (3, 3), (1, 8, 5, 8)),
        (Conv2D(SAME, stride_h=2, stride_w=2), (3, 3), (1, 5, 4, 8)),  # ceil(10 / 2), ceil(7 / 2)
        (Conv2D(VALID, stride_h=2, stride_w=2), (3, 3), (1, 4, 3, 8)),  # ceil(8 / 2), ceil(5 / 2)
        (Conv2D(VALID, stride_h=2, stride_w=3), (1, 1), (1, 5, 3, 8)),
        (Conv2D(SAME, dilation_h=2, dilation_w=2), (3, 3), (1, 10, 7, 8)),
        (Conv2D(VALID, dilation_h=2, dilation_w=2), (3, 3), (1, 6, 3, 8)),  # reach 5
        (Conv2D(VALID, dilation_h=3), (3, 2), (1, 4, 6, 8)),  # reach 7 and 2
        (Conv2D(VALID), (10, 7), (1, 1, 1, 8)),
    ],
)
def test_conv_shape_and_macs(attrs: Conv2D, kernel: tuple[int, int], shape: Shape) -> None:
    found, macs = _infer("CONV_2D", (1, 10, 7, 3), zeros(8, *kernel, 3), attrs=attrs)
    assert found == shape
    assert macs == shape[1] * shape[2] * 8 * kernel[0] * kernel[1] * 3


def test_the_macs_of_a_known_network() -> None:
    """MLPerf Tiny keyword spotting, first layer: 25 x 5 outputs, 64 filters of 10 x 4."""
    attrs = Conv2D(SAME, stride_h=2, stride_w=2)
    assert _infer("CONV_2D", (1, 49, 10, 1), zeros(64, 10, 4, 1), attrs=attrs) == ((1, 25, 5, 64), 320_000)


def test_a_grouped_convolution_counts_its_own_channels_only() -> None:
    assert _infer("CONV_2D", (1, 4, 4, 8), zeros(6, 1, 1, 4), attrs=Conv2D()) == ((1, 4, 4, 6), 384)


@pytest.mark.parametrize(
    ("attrs", "shape", "macs"),
    [
        (DepthwiseConv2D(SAME), (1, 10, 7, 3), 1890),
        (DepthwiseConv2D(SAME, depth_multiplier=2), (1, 10, 7, 6), 3780),
        (DepthwiseConv2D(VALID, stride_h=2, stride_w=2), (1, 4, 3, 3), 324),
        (DepthwiseConv2D(VALID, dilation_h=4, dilation_w=3), (1, 2, 1, 3), 54),
    ],
)
def test_depthwise_shape_and_macs(attrs: DepthwiseConv2D, shape: Shape, macs: int) -> None:
    weight = zeros(1, 3, 3, shape[3])
    assert _infer("DEPTHWISE_CONV_2D", (1, 10, 7, 3), weight, attrs=attrs) == (shape, macs)


@pytest.mark.parametrize(
    ("source", "attrs", "shape", "macs"),
    [
        ((1, 12), FullyConnected(), (1, 5), 60),
        ((1, 2, 3, 2), FullyConnected(), (1, 5), 60),
        ((4, 6), FullyConnected(), (2, 5), 120),
        ((3, 12), FullyConnected(keep_num_dims=True), (3, 5), 180),
        ((1, 3, 12), FullyConnected(keep_num_dims=True), (1, 3, 5), 180),
    ],
)
def test_dense_shape_and_macs(source: Shape, attrs: FullyConnected, shape: Shape, macs: int) -> None:
    assert _infer("FULLY_CONNECTED", source, zeros(5, 12), attrs=attrs) == (shape, macs)


@pytest.mark.parametrize("op", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@pytest.mark.parametrize(
    ("padding", "stride", "shape"),
    [(VALID, 2, (1, 5, 3, 3)), (SAME, 2, (1, 5, 4, 3)), (VALID, 1, (1, 9, 6, 3)), (SAME, 1, (1, 10, 7, 3))],
)
def test_pool_shape(op: str, padding: Padding, stride: int, shape: Shape) -> None:
    attrs = Pool2D(padding, stride, stride, 2, 2)
    assert _infer(op, (1, 10, 7, 3), attrs=attrs) == (shape, 0)


@pytest.mark.parametrize(
    ("axes", "keep_dims", "shape"),
    [([1, 2], False, (1, 3)), ([1, 2], True, (1, 1, 1, 3)), ([-1], False, (1, 10, 7)), ([0, -3, 2, 3], False, ())],
)
def test_mean_shape(axes: list[int], keep_dims: bool, shape: Shape) -> None:
    assert _infer("MEAN", (1, 10, 7, 3), np.array(axes, np.int32), attrs=Mean(keep_dims)) == (shape, 0)


@pytest.mark.parametrize(
    ("left", "right", "shape"),
    [((1, 4, 4, 8), (1, 4, 4, 8), (1, 4, 4, 8)), ((1, 4, 4, 8), (8,), (1, 4, 4, 8)), ((4, 1), (1, 3), (4, 3))],
)
def test_add_shape(left: Shape, right: Shape, shape: Shape) -> None:
    assert _infer("ADD", left, right) == (shape, 0)


def test_pad_shape() -> None:
    paddings = np.array([[0, 0], [1, 2], [0, 1], [0, 0]], np.int32)
    assert _infer("PAD", (1, 10, 7, 3), paddings) == ((1, 13, 8, 3), 0)


def test_reshape_shape() -> None:
    assert _infer("RESHAPE", (1, 10, 7, 3), attrs=Reshape((2, 105))) == ((2, 105), 0)


@pytest.mark.parametrize("op", ["RELU", "RELU6", "LEAKY_RELU", "SOFTMAX", "QUANTIZE", "DEQUANTIZE"])
def test_elementwise_ops_keep_the_shape(op: str) -> None:
    assert _infer(op, (1, 10, 7, 3)) == ((1, 10, 7, 3), 0)


@pytest.mark.parametrize(
    ("op", "operands", "attrs", "message"),
    [
        ("CONV_2D", [(10, 7, 3), zeros(8, 3, 3, 3)], Conv2D(), "rank 3, needs 4"),
        ("CONV_2D", [(1, 10, 7, 3), zeros(8, 3, 3)], Conv2D(), "weight has rank 3, needs 4"),
        ("CONV_2D", [(1, 10, 7, 3), zeros(8, 3, 3, 2)], Conv2D(), "weight takes 2 channels, input has 3"),
        ("CONV_2D", [(1, 10, 7, 6), zeros(8, 3, 3, 2)], Conv2D(), "weight takes 2 channels, input has 6"),
        ("CONV_2D", [(1, 2, 7, 3), zeros(8, 3, 3, 3)], Conv2D(VALID), "a window of 3 does not fit into 2"),
        ("CONV_2D", [(1, 5, 5, 3), zeros(8, 3, 3, 3), zeros(7)], Conv2D(), "bias has 7 elements, needs 8"),
        ("DEPTHWISE_CONV_2D", [(1, 5, 5, 3), zeros(1, 3, 3, 4)], DepthwiseConv2D(), "weight has 4 channels"),
        ("DEPTHWISE_CONV_2D", [(1, 5, 5, 3), zeros(2, 3, 3, 3)], DepthwiseConv2D(), "weight has 3 channels"),
        ("FULLY_CONNECTED", [(1, 10), zeros(5, 12)], FullyConnected(), "input has 10 elements, weight rows 12"),
        ("FULLY_CONNECTED", [(2, 6), zeros(5, 12)], FullyConnected(True), "input rows have 6 elements"),
        ("MAX_POOL_2D", [(1, 3, 3, 1)], Pool2D(VALID, 1, 1, 4, 4), "a window of 4 does not fit into 3"),
        ("MEAN", [(1, 3), np.array([2], np.int32)], Mean(), r"axes \[2\] are not 1 different axes of rank 2"),
        ("MEAN", [(1, 3), np.array([1, -1], np.int32)], Mean(), "are not 2 different axes"),
        ("MEAN", [(1, 3), (1,)], Mean(), "the axes must be a constant"),
        ("PAD", [(1, 3), np.zeros((3, 2), np.int32)], NO_ATTRS, "do not fit rank 2"),
        ("PAD", [(1, 3), np.full((2, 2), -1, np.int32)], NO_ATTRS, "do not fit rank 2"),
        ("PAD", [(1, 3), (2, 2)], NO_ATTRS, "the paddings must be a constant"),
        ("RESHAPE", [(1, 3)], Reshape((2,)), r"3 elements do not fill \[2\]"),
    ],
)
def test_operands_that_do_not_fit_are_refused(
    op: str, operands: list[Shape | Array], attrs: Any, message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        _infer(op, *operands, attrs=attrs)
