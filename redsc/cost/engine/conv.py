"""How the C engine runs an int8 convolution or dense layer: redsc/codegen/firmware/redsc_conv.h."""

from __future__ import annotations

from dataclasses import dataclass

from redsc.choices import Kernels
from redsc.ir import Node

__all__ = ["GROUP_ELEMENTS", "ConvWay", "conv_way", "filled"]

GROUP_ELEMENTS = 4  # elements of a packed row that belong together
_MOST_PIXELS = 4  # of a panel
_WORTH_A_PANEL = 3  # pixels: below, one at a time is faster
_WIDE_BYTES = 2  # of a widened element


@dataclass(frozen=True, slots=True)
class ConvWay:
    """A way to run one layer.

    pixels: of a panel, 0 where the operand is read as it is.
    taps_apart: whether every tap of a packed row is filled up to whole groups, else every row of the window.
    taps: stretches of a packed row.
    tap_elements: elements of a stretch, filled up.
    """

    pixels: int
    taps_apart: bool
    taps: int
    tap_elements: int

    @property
    def scratch_bytes(self) -> int:
        """The panel: int16 for every element of a packed row and every pixel."""
        return self.taps * self.tap_elements * self.pixels * _WIDE_BYTES


def conv_way(node: Node, kernels: Kernels) -> ConvWay:
    """Return how CONV_2D or FULLY_CONNECTED of int8 is run.

    Few channels of an image (below 4) are packed by rows of the window, which would else be mostly filling.
    """
    weight, output = node.operand(1).type.shape, node.outputs[0].type
    _, height, width, channels = (weight[0], 1, 1, weight[1]) if len(weight) == 2 else weight
    pixels = output.elements // output.shape[-1]
    dilation = getattr(node.attrs, "dilation_w", 1)
    apart = channels >= GROUP_ELEMENTS or dilation > 1 or width == 1
    taps, elements = (height * width, channels) if apart else (height, width * channels)
    return ConvWay(_panel(node, pixels, kernels), apart, taps, filled(elements))


def filled(elements: int) -> int:
    """Return how many elements there are when the last group is filled up."""
    return -(-elements // GROUP_ELEMENTS) * GROUP_ELEMENTS


def _panel(node: Node, pixels: int, kernels: Kernels) -> int:
    """Return the pixels of a panel."""
    if kernels is Kernels.ENGINE:
        return _MOST_PIXELS if pixels >= _WORTH_A_PANEL else 1
    return 0 if node.op == "FULLY_CONNECTED" else 1
