"""What the kernels of linear layers are told alike: sizes, borders, how weights lie, and the bias."""

from __future__ import annotations

from redsc.engine.call import Field
from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, Node
from redsc.ir.ops.windows import padding_before

__all__ = ["border_fields", "constant_bias", "strides_of", "window_fields"]


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


def strides_of(whole: Array) -> dict[str, Field]:
    """Return the strides of a weight OHWI inside an array, in elements: of a channel, a kernel row and a tap."""
    _, _, width, depth = whole.shape
    channel = whole[:1].size
    return {"channel_stride": channel, "line_stride": width * depth, "tap_stride": depth}


def constant_bias(node: Node, index: int = 2) -> Array | None:
    """Return the bias of a linear layer, None where it has none.

    Raises:
        CannotTranslate: it is not constant.
    """
    value = node.inputs[index] if len(node.inputs) > index else None
    if value is None:
        return None
    if value.data is None:
        raise CannotTranslate("its bias is not constant")
    return value.data
