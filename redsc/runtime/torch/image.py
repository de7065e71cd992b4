"""PyTorch functions of the ops that work on images: convolutions, pooling, resizing, blocks.

Activations carry a batch axis before those of the graph. An image [batch, 1, H, W, C] reaches PyTorch's kernels as
a permuted view [batch, C, H, W] of the same memory: PyTorch calls that channels-last, and its CPU kernels like it.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from redsc.ir import Activation, Array, Node, Padding
from redsc.ir.activation import ACTIVATION_LIMITS
from redsc.ir.ops import constant_ints
from redsc.ir.ops.windows import axis_padding

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import Tensor

__all__ = [
    "activate",
    "average_pool",
    "batch_to_space",
    "conv",
    "depth_to_space",
    "depthwise",
    "fully_connected",
    "l2_pool",
    "max_pool",
    "places_like",
    "resize_bilinear",
    "resize_nearest",
    "space_to_batch",
    "space_to_depth",
    "transpose_conv",
]

Pads = tuple[int, int, int, int]


def activate(kind: Activation, x: Tensor) -> Tensor:
    """Return `x` after a fused activation function."""
    if kind is Activation.NONE:
        return x
    if kind is Activation.RELU:
        return x.relu()
    low, high = map(int, ACTIVATION_LIMITS[kind])  # floats would make floats of integers
    return x.clamp(low, high)


def conv(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """CONV_2D; the weight OHWI of a grouped one has a part of the input's channels as I."""
    groups = x.shape[-1] // weight.shape[-1]
    return _convolve(node, x, weight.permute(0, 3, 1, 2), bias, groups)


def depthwise(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """DEPTHWISE_CONV_2D: as many groups as channels; output channel c * multiplier + m reads channel c in both."""
    return _convolve(node, x, weight.permute(3, 0, 1, 2), bias, x.shape[-1])


def _convolve(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    from torch.nn import functional

    a = node.attrs
    image, around = _padded(x, _pads(node, weight.shape[2:], (a.dilation_h, a.dilation_w)))
    made = functional.conv2d(
        image,
        weight,
        bias,
        (a.stride_h, a.stride_w),
        around,
        (a.dilation_h, a.dilation_w),
        groups,
    )
    return activate(a.activation, _from_image(made, x.shape[1]))


def transpose_conv(
    node: Node, _shape: Tensor | None, weight: Tensor, x: Tensor, bias: Tensor | None = None
) -> Tensor:
    """TRANSPOSE_CONV: every input pixel is spread over a window; what lies outside the given shape is cut off."""
    from torch.nn import functional

    a, (_, height, width, _) = node.attrs, node.outputs[0].type.shape
    kernels = weight.permute(3, 0, 1, 2)
    spread = functional.conv_transpose2d(_to_image(x), kernels, None, (a.stride_h, a.stride_w))
    top, left = (
        axis_padding(size, count, kernel, stride, 1, a.padding)
        for size, count, kernel, stride in zip(
            (height, width), x.shape[2:4], kernels.shape[2:], (a.stride_h, a.stride_w), strict=True
        )
    )
    bottom, right = height + top - spread.shape[2], width + left - spread.shape[3]
    made = _from_image(functional.pad(spread, (-left, right, -top, bottom)), x.shape[1])
    return activate(a.activation, made if bias is None else made + bias)


def fully_connected(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """FULLY_CONNECTED: each run of as many elements as a weight row has is one product."""
    from torch.nn import functional

    rows = x.reshape(x.shape[0], -1, weight.shape[-1])
    made = functional.linear(rows, weight, None if bias is None else bias.reshape(-1))
    return activate(node.attrs.activation, made.reshape(x.shape[0], *node.outputs[0].type.shape))


def average_pool(node: Node, x: Tensor) -> Tensor:
    """AVERAGE_POOL_2D: elements that padding adds do not count."""
    return activate(node.attrs.activation, _mean_of_windows(node, x))


def l2_pool(node: Node, x: Tensor) -> Tensor:
    """L2_POOL_2D: the root of the mean square (LiteRT's L2Pool in kernels/internal/reference/reference_ops.h)."""
    return activate(node.attrs.activation, _mean_of_windows(node, x.square()).sqrt())


def _mean_of_windows(node: Node, x: Tensor) -> Tensor:
    from torch.nn import functional

    a = node.attrs
    window = (a.filter_h, a.filter_w)
    pads = _pads(node, window)
    if window == tuple(x.shape[2:4]) and not any(pads):
        return x.mean((2, 3), keepdim=True)
    image = functional.pad(_to_image(x), pads) if any(pads) else _to_image(x)
    sums = functional.avg_pool2d(image, window, (a.stride_h, a.stride_w), divisor_override=1)
    rows, columns = (
        _inside(size, window[axis], (a.stride_h, a.stride_w)[axis], pads[2 - 2 * axis], sums.shape[2 + axis])
        for axis, size in enumerate(x.shape[2:4])
    )
    counts = x.new_tensor(np.outer(rows, columns))[:, :, None]
    return _from_image(sums, x.shape[1]) / counts


def _inside(size: int, window: int, stride: int, begin: int, outputs: int) -> Array:
    """Return how many elements of each window along one axis are no padding."""
    starts = np.arange(outputs) * stride - begin
    found: Array = np.minimum(starts + window, size) - np.maximum(starts, 0)
    return found


def max_pool(node: Node, x: Tensor) -> Tensor:
    """MAX_POOL_2D."""
    from torch.nn import functional

    a = node.attrs
    window = (a.filter_h, a.filter_w)
    pads = _pads(node, window)
    image = functional.pad(_to_image(x), pads, value=-float("inf")) if any(pads) else _to_image(x)
    made = functional.max_pool2d(image, window, (a.stride_h, a.stride_w))
    return activate(a.activation, _from_image(made, x.shape[1]))


def _pads(node: Node, window: tuple[int, int], dilations: tuple[int, int] = (1, 1)) -> Pads:
    """Return left, right, top, bottom; SAME puts the odd one last (TFLite kernels/padding.h)."""
    if node.attrs.padding is Padding.VALID:
        return 0, 0, 0, 0
    strides = (node.attrs.stride_h, node.attrs.stride_w)
    totals = [
        max((out - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
        for out, stride, kernel, dilation, size in zip(
            node.outputs[0].type.shape[1:3],
            strides,
            window,
            dilations,
            node.operand(0).type.shape[1:3],
            strict=True,
        )
    ]
    (top, bottom), (left, right) = ((total // 2, total - total // 2) for total in totals)
    return left, right, top, bottom


def _padded(x: Tensor, pads: Pads) -> tuple[Tensor, tuple[int, int]]:
    """Return an image and the padding that the convolution itself adds on both sides: all of it where it can."""
    from torch.nn import functional

    left, right, top, bottom = pads
    if (left, top) == (right, bottom):
        return _to_image(x), (top, left)
    return functional.pad(_to_image(x), pads), (0, 0)


def _to_image(x: Tensor) -> Tensor:
    return x.flatten(0, 1).permute(0, 3, 1, 2)


def _from_image(image: Tensor, first: int) -> Tensor:
    """Return a [batch * first, C, H, W] image as [batch, first, H, W, C]."""
    return image.permute(0, 2, 3, 1).unflatten(0, (-1, first))


def resize_nearest(node: Node, x: Tensor, _size: Tensor | None = None) -> Tensor:
    """RESIZE_NEAREST_NEIGHBOR (LiteRT kernels/internal/reference/resize_nearest_neighbor.h)."""
    for axis in (1, 2):
        places = _source_places(node, axis, offset=np.float32(0.5 if node.attrs.half_pixel_centers else 0))
        nearest = np.floor(places + np.float32(0.5)) if node.attrs.align_corners else np.floor(places)
        x = _take(x, nearest, axis)
    return x


def resize_bilinear(node: Node, x: Tensor, _size: Tensor | None = None) -> Tensor:
    """RESIZE_BILINEAR (LiteRT kernels/internal/reference/resize_bilinear.h): one axis after the other."""
    for axis in (1, 2):
        half = np.float32(0.5 if node.attrs.half_pixel_centers else 0)
        places = _source_places(node, axis, offset=half) - half
        low = np.maximum(np.floor(places), 0)
        share = x.new_tensor(places - low).reshape(-1, *(1,) * (3 - axis))
        x = _take(x, low, axis) * (1 - share) + _take(x, np.ceil(places), axis) * share
    return x


def _source_places(node: Node, axis: int, offset: np.float32) -> Array:
    """Return `(i + offset) * scale` for every output index i, in float32 as the kernels compute it."""
    size, wanted = node.operand(0).type.shape[axis], node.outputs[0].type.shape[axis]
    scale = np.float32(size) / np.float32(wanted)
    if node.attrs.align_corners and wanted > 1:
        scale = np.float32(size - 1) / np.float32(wanted - 1)
    places: Array = (np.arange(wanted, dtype=np.float32) + offset) * scale
    return places


def _take(x: Tensor, indices: Array, axis: int) -> Tensor:
    """Return the slices of a graph's axis, whose indices are brought into the image."""
    return x.index_select(axis + 1, places_like(x, np.clip(indices, 0, x.shape[axis + 1] - 1)))


def places_like(x: Tensor, places: ArrayLike) -> Tensor:
    """Return indices as a tensor on the device of another one."""
    import torch

    return torch.tensor(np.asarray(places, np.int64), device=x.device)


def depth_to_space(node: Node, x: Tensor) -> Tensor:
    """DEPTH_TO_SPACE: channel (i * side + j) * C + c goes to pixel (i, j) of a block."""
    side, shape = node.attrs.block_size, node.outputs[0].type.shape
    blocks = x.unflatten(4, (side, side, shape[3]))
    return blocks.permute(0, 1, 2, 4, 3, 5, 6).reshape(x.shape[0], *shape)


def space_to_depth(node: Node, x: Tensor) -> Tensor:
    """SPACE_TO_DEPTH: the inverse of DEPTH_TO_SPACE."""
    side = node.attrs.block_size
    blocks = x.unflatten(3, (-1, side)).unflatten(2, (-1, side))
    return blocks.permute(0, 1, 2, 4, 3, 5, 6).reshape(x.shape[0], *node.outputs[0].type.shape)


def space_to_batch(node: Node, x: Tensor, _sides: Tensor | None = None, _pads: Tensor | None = None) -> Tensor:
    """SPACE_TO_BATCH_ND without padding: pixel (i, j) of a block goes to batch part i * side + j of the graph."""
    sides, batch = constant_ints(node, 1, "block shape"), x.shape[0]
    middle = [part for n, side in zip(x.shape[2:], sides, strict=False) for part in (n // side, side)]
    blocks = x.reshape(batch, x.shape[1], *middle, x.shape[-1])
    inner = [3 + 2 * i for i in range(len(sides))]
    outer = [2 + 2 * i for i in range(len(sides))]
    return blocks.permute(0, *inner, 1, *outer, blocks.ndim - 1).reshape(batch, *node.outputs[0].type.shape)


def batch_to_space(node: Node, x: Tensor, _sides: Tensor | None = None, _crops: Tensor | None = None) -> Tensor:
    """BATCH_TO_SPACE_ND: the inverse of SPACE_TO_BATCH_ND, then the crops."""
    sides, crops = constant_ints(node, 1, "block shape"), constant_ints(node, 2, "crops")
    count, (batch, parts) = len(sides), x.shape[:2]
    blocks = x.reshape(batch, *sides, parts // prod(sides), *x.shape[2:])
    order = [axis for i in range(count) for axis in (count + 2 + i, 1 + i)]
    whole = blocks.permute(0, count + 1, *order, blocks.ndim - 1)
    whole = whole.reshape(batch, -1, *(n * side for n, side in zip(x.shape[2:], sides, strict=False)), x.shape[-1])
    for i, size in enumerate(node.outputs[0].type.shape[1:-1]):
        whole = whole.narrow(2 + i, crops[2 * i], size)
    return whole
