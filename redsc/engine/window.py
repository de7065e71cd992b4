"""The geometry of convolutions as the kernels' parameters have it."""

from __future__ import annotations

from redsc.ir import Node
from redsc.ir.ops_conv import padding_before

__all__ = ["border_fields", "window_fields"]


def window_fields(node: Node, image: int = 0) -> dict[str, int]:
    """Return batches, sizes and strides of a window over operand `image`; operand 1 is its weight OHWI or 1HWO."""
    (batches, height, width, channels), result = node.operand(image).type.shape, node.outputs[0].type.shape
    _, kernel_height, kernel_width, _ = node.operand(1).type.shape
    return {
        "batches": batches,
        "input_height": height,
        "input_width": width,
        "input_channels": channels,
        "output_height": result[1],
        "output_width": result[2],
        "kernel_height": kernel_height,
        "kernel_width": kernel_width,
        "stride_h": node.attrs.stride_h,
        "stride_w": node.attrs.stride_w,
    }


def border_fields(node: Node) -> dict[str, int]:
    """Return dilations, and what a convolution's window begins with before the image."""
    top, left = padding_before(node)
    dilations = {"dilation_h": node.attrs.dilation_h, "dilation_w": node.attrs.dilation_w}
    return {**dilations, "pad_top": top, "pad_left": left}
