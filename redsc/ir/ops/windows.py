"""Windows that slide over an image: how many there are, and where the first one begins."""

from __future__ import annotations

from enum import Enum
from typing import Any

from redsc.ir.graph import Node
from redsc.ir.ops.definition import ShapeError

__all__ = ["Padding", "axis_padding", "count_windows", "nhwc", "padding_before", "window_grid"]


class Padding(Enum):
    """TFLite's padding: SAME pads `begin = total // 2`, the odd element at the end."""

    SAME = "SAME"
    VALID = "VALID"


def nhwc(node: Node, index: int = 0) -> tuple[int, int, int, int]:
    """Return the shape of an image operand.

    Raises:
        ShapeError: it has no four axes.
    """
    shape = node.operand(index).type.shape
    if len(shape) != 4:
        raise ShapeError(f"input has rank {len(shape)}, needs 4 (NHWC)")
    return shape[0], shape[1], shape[2], shape[3]


def window_grid(
    attrs: Any, image: tuple[int, int], kernel: tuple[int, int], dilation: tuple[int, int] = (1, 1)
) -> tuple[int, int]:
    """Return the rows and columns of windows over an image; `attrs` hold strides and padding, pairs are (h, w)."""
    return (
        count_windows(image[0], kernel[0], attrs.stride_h, dilation[0], attrs.padding),
        count_windows(image[1], kernel[1], attrs.stride_w, dilation[1], attrs.padding),
    )


def count_windows(size: int, kernel: int, stride: int, dilation: int, padding: Padding) -> int:
    """Return how many windows there are along an axis of `size` (TFLite `ComputeOutSize`, kernels/padding.h).

    Raises:
        ShapeError: there is none, the window is longer.
    """
    reach = (kernel - 1) * dilation + 1
    out = -(-size // stride) if padding is Padding.SAME else -(-(size - reach + 1) // stride)
    if out < 1:
        raise ShapeError(f"a window of {reach} does not fit into {size}")
    return out


def axis_padding(size: int, out: int, kernel: int, stride: int, dilation: int, padding: Padding) -> int:
    """Return how many places before an axis of `size` the first of its `out` windows begins.

    Source: ComputePaddingWithOffset in TFLite's kernels/padding.h.
    """
    reach = (kernel - 1) * dilation + 1
    return max(0, (out - 1) * stride + reach - size) // 2 if padding is Padding.SAME else 0


def padding_before(node: Node) -> tuple[int, int]:
    """Return how many rows above and columns left of its image a convolution's first window begins.

    Operand 1 is the weight, OHWI or 1HWO.
    """
    a, (_, height, width, _) = node.attrs, node.operand(0).type.shape
    (_, kernel_h, kernel_w, _), (_, out_h, out_w, _) = node.operand(1).type.shape, node.outputs[0].type.shape
    top = axis_padding(height, out_h, kernel_h, a.stride_h, a.dilation_h, a.padding)
    return top, axis_padding(width, out_w, kernel_w, a.stride_w, a.dilation_w, a.padding)
