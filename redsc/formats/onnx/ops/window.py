"""Windows that slide over an image, of convolutions and pools; 1-D ones are 2-D of height 1.

Padding: ONNX operator documentation (Conv, MaxPool); TFLite `ComputePadding` (kernels/padding.h).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.tables import CannotTranslate
from redsc.ir import Padding, Value

__all__ = ["Axis", "Window", "pad_image", "read_axes", "read_window"]

_FARTHEST = 1 << 15  # elements; nothing on a microcontroller reaches farther


@dataclass(frozen=True, slots=True)
class Axis:
    """A window along one axis: input size, kernel, stride, dilation, and padding before and after.

    `extra` is what `ceil_mode` adds after the padding that the file states.
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    extra: int = 0

    @property
    def reach(self) -> int:
        """Elements from the first to the last that the window covers."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def same(self) -> tuple[int, int]:
        """What TFLite's SAME pads."""
        total = max((-(-self.size // self.stride) - 1) * self.stride + self.reach - self.size, 0)
        return total // 2, total - total // 2


@dataclass(frozen=True, slots=True)
class Window:
    """The two axes of a window."""

    height: Axis
    width: Axis

    @staticmethod
    def over(axes: Sequence[Axis]) -> Window:
        """Return the window over the axes of an image; a sequence is an image of height 1."""
        return Window(*([Axis(1, 1, 1, 1, 0, 0)] * (2 - len(axes))), *axes)

    @property
    def pads(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Padding before and after, for height and width."""
        height, width = self.height, self.width
        return (height.before, height.after + height.extra), (width.before, width.after + width.extra)

    @property
    def padding(self) -> Padding | None:
        """TFLite's name for the padding; None where it must be explicit."""
        if not any(n for pair in self.pads for n in pair):
            return Padding.VALID
        return Padding.SAME if self.pads == (self.height.same, self.width.same) else None


def read_window(context: OnnxContext, node: OnnxNode, kernel: Sequence[int]) -> Window:
    """Return the window of a convolution or pool over its first input, with its padding in numbers."""
    auto_pad, ceil = node.get("auto_pad", "NOTSET"), bool(node.get("ceil_mode", 0))
    return Window.over([_resolved(axis, auto_pad, ceil=ceil) for axis in read_axes(context, node, kernel)])


def read_axes(context: OnnxContext, node: OnnxNode, kernel: Sequence[int]) -> list[Axis]:
    """Return what a node says of a window along each axis of its first input.

    Raises:
        CannotTranslate: the image is not 1-D or 2-D, or a number is not legal.
    """
    sizes = context.shape(node.input(0))[2:]
    rank = len(sizes)
    if rank not in (1, 2) or len(kernel) != rank:
        raise CannotTranslate(f"it is {rank}-D, redsc translates 1-D and 2-D windows")
    strides = node.get("strides") or [1] * rank
    dilations = node.get("dilations") or [1] * rank
    pads = node.get("pads") or [0] * (2 * rank)
    if {len(strides), len(dilations), len(pads) / 2} != {rank}:
        raise CannotTranslate(f"it has strides {strides}, dilations {dilations} and pads {pads} for {rank} axes")
    axes = [
        Axis(*numbers) for numbers in zip(sizes, kernel, strides, dilations, pads[:rank], pads[rank:], strict=True)
    ]
    for axis in axes:
        if min(axis.kernel, axis.stride, axis.dilation) < 1 or min(axis.before, axis.after) < 0:
            raise CannotTranslate("its window has a size, stride or padding that is not legal")
        if max(axis.reach, axis.stride, axis.before, axis.after) > _FARTHEST:
            raise CannotTranslate(f"its window or padding is longer than {_FARTHEST:,}")
    return axes


def _resolved(axis: Axis, auto_pad: str, *, ceil: bool) -> Axis:
    """Return the axis with its padding in numbers: `auto_pad` and `ceil_mode` become padding."""
    if auto_pad == "VALID":
        return replace(axis, before=0, after=0)
    if auto_pad.startswith("SAME"):
        before, after = axis.same if auto_pad == "SAME_UPPER" else axis.same[::-1]
        return replace(axis, before=before, after=after)
    room = axis.size + axis.before + axis.after - axis.reach
    rest = room % axis.stride
    begins_inside = room - rest + axis.stride < axis.size + axis.before  # of one more window
    return replace(axis, extra=axis.stride - rest) if ceil and rest and begins_inside else axis


def pad_image(context: OnnxContext, node: OnnxNode, source: Value, window: Window, op: str = "PAD") -> Value:
    """Return the image with the window's padding made explicit: zeros, or for PADV2 the lowest float."""
    amounts = context.indices(node, "paddings", np.array([(0, 0), *window.pads, (0, 0)]))
    filler = [context.scalar(node, "lowest", float(np.finfo(np.float32).min))] if op == "PADV2" else []
    return context.step(node, op, source, amounts, *filler, part="padded")
