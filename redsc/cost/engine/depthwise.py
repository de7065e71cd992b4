"""Which kernel of the engine computes a depthwise layer, and in how much scratch.

The kernels are redsc_depthwise_planar_s8 and redsc_depthwise_direct_s8 (redsc/codegen/firmware/redsc_depthwise.h).
Instructions are those of a Cortex-M4: the loops counted in the source, the rest fitted to what QEMU counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from redsc.choices import Kernels
from redsc.ir import Node, Padding
from redsc.ir.ops.windows import axis_padding

__all__ = ["MOST_SCRATCH_BYTES", "SCRATCH_BYTES", "DepthwiseWay", "all_ways", "depthwise_way"]

MOST_SCRATCH_BYTES = 2560
SCRATCH_BYTES = {Kernels.ENGINE: MOST_SCRATCH_BYTES, Kernels.ENGINE_SMALL: 1}  # 1: what the least strips need
_MOST_ROWS = 256  # of a strip: none above 78 fits into MOST_SCRATCH_BYTES
_TAPS = 3
_GROUP = 4  # channels that are widened together

# Instructions of the planar kernel: of a call; of a strip of four channels; to widen a line of four channels, and
# a word of it; to keep a word for the next strip, by lines kept; of tiles, per line (or two) and two results of it.
_CALL, _STRIP = 600, 360
_WIDEN_LINE, _WIDEN_WORD = 34, 16
_KEEP_WORD = {1: 7, 2: 8}
_TWO_LINES, _ONE_LINE, _STRIDE_2_LINE = (31, 54), (28, 31), (22, 31)
# Of the direct kernel: of a pixel, of four of its channels, of a row of taps, of a tap.
_PIXEL, _FOUR_CHANNELS, _TAP_ROW, _TAP = 160, 63, 11, 14


@dataclass(frozen=True, slots=True)
class DepthwiseWay:
    """How a layer is computed.

    `strip_rows` are the output rows (columns if it is swapped) of a strip, 0 for the direct kernel; `in_place` says
    that the result may begin where the input begins. Where else it may lie over the input: the direct kernel keeps
    to the order of the reference kernel (overlap_distance), the planar kernel promises nothing more.
    """

    is_planar: bool
    is_swapped: bool = False
    strip_rows: int = 0
    scratch_bytes: int = 0
    in_place: bool = False


@dataclass(frozen=True, slots=True)
class _Strips:
    """A layer cut into strips; `along` and `across` are the sizes of the result."""

    is_swapped: bool
    stride: int
    along: int
    across: int
    rows: int

    @property
    def words(self) -> int:
        """Return the words of a line of a plane."""
        return -(-self.along // 2) * self.stride + 1

    @property
    def scratch_bytes(self) -> int:
        """Return the bytes of four planes with words of two pixels."""
        return _GROUP * 4 * self.words * ((self.rows - 1) * self.stride + _TAPS)

    def instructions(self) -> int:
        """Return what four channels take."""
        kept, pairs = _TAPS - self.stride, -(-self.along // 2)
        count, last = divmod(self.across, self.rows)
        strips = count + (last > 0)
        widened = self.across * self.stride * (_WIDEN_LINE + _WIDEN_WORD * self.words)
        moved = (strips - 1) * _GROUP * self.words * _KEEP_WORD[kept]
        tiles = _GROUP * (count * _tiles(self.rows, pairs, self.stride) + _tiles(last, pairs, self.stride))
        return widened + moved + tiles + _STRIP * strips


def _tiles(height: int, pairs: int, stride: int) -> int:
    """Return the instructions of one channel of a strip."""
    if stride == 2:
        return height * (_STRIDE_2_LINE[0] + _STRIDE_2_LINE[1] * pairs)
    twos, one = divmod(height, 2)
    return twos * (_TWO_LINES[0] + _TWO_LINES[1] * pairs) + one * (_ONE_LINE[0] + _ONE_LINE[1] * pairs)


def depthwise_way(node: Node, most_scratch: int = MOST_SCRATCH_BYTES) -> DepthwiseWay:
    """Return the kernel that takes the fewest instructions with up to so many bytes of scratch.

    1. The planar kernel takes 3x3 kernels with equal strides of 1 or 2, dilation 1 and multiplier 1; all others,
       and all layers without scratch, take the direct kernel.
    2. Strips run along rows, or along columns where every write then still meets input that has been read: with
       input and output of one size, or with the whole image in one strip.
    3. Where no strips fit into so little scratch, those that need the least take it.
    """
    if most_scratch == 0 or not _is_planar(node):
        return DepthwiseWay(is_planar=False)
    legal = list(_all_strips(node))
    fitting = [strips for strips in legal if strips.scratch_bytes <= most_scratch]
    if not fitting:
        return _way(min(legal, key=lambda strips: (strips.scratch_bytes, strips.instructions())))
    best = min(fitting, key=lambda strips: (strips.instructions(), strips.scratch_bytes))
    if _planar_instructions(node, best) > _direct_instructions(node):
        return DepthwiseWay(is_planar=False)
    return _way(best)


def all_ways(node: Node) -> list[DepthwiseWay]:
    """Return every way in which the planar kernel may compute a layer; none where it may not."""
    return [_way(strips) for strips in _all_strips(node)] if _is_planar(node) else []


def _way(strips: _Strips) -> DepthwiseWay:
    return DepthwiseWay(True, strips.is_swapped, strips.rows, strips.scratch_bytes, in_place=True)


def _is_planar(node: Node) -> bool:
    attrs = node.attrs
    return (
        node.operand(1).type.shape[1:3] == (_TAPS, _TAPS)
        and attrs.stride_h == attrs.stride_w <= 2
        and attrs.dilation_h == attrs.dilation_w == attrs.depth_multiplier == 1
    )


def _all_strips(node: Node) -> Iterator[_Strips]:
    """Yield every legal way to cut a layer into strips, of very high ones only the whole image."""
    (_, height, width, _), result = node.operand(0).type.shape, node.outputs[0].type.shape
    keeps_size = (height, width) == result[1:3]
    for is_swapped in (False, True):
        across, along = (result[2], result[1]) if is_swapped else (result[1], result[2])
        for rows in (*range(1, min(across - 1, _MOST_ROWS) + 1), across):
            if not is_swapped or keeps_size or rows == across:
                yield _Strips(is_swapped, node.attrs.stride_h, along, across, rows)


def _planar_instructions(node: Node, strips: _Strips) -> int:
    batches, _, _, channels = node.operand(0).type.shape
    return _CALL + batches * -(-channels // _GROUP) * strips.instructions()


def _direct_instructions(node: Node) -> int:
    batches, height, width, _ = node.operand(0).type.shape
    _, out_height, out_width, channels = node.outputs[0].type.shape
    rows = _taps_inside(height, out_height, node.attrs.stride_h, node.attrs.padding)
    columns = _taps_inside(width, out_width, node.attrs.stride_w, node.attrs.padding)
    group = out_height * out_width * _FOUR_CHANNELS + rows * (out_width * _TAP_ROW + columns * _TAP)
    groups = sum(divmod(channels, _GROUP))  # a single channel takes as much as four
    return batches * (out_height * out_width * _PIXEL + groups * group)


def _taps_inside(size: int, out: int, stride: int, padding: Padding) -> int:
    """Return over all places along an axis how many of three taps lie inside the image."""
    starts = [tap - axis_padding(size, out, _TAPS, stride, 1, padding) for tap in range(_TAPS)]
    return sum(
        len(range(out)[max(0, -(start // stride)) : max(0, -((start - size) // stride))]) for start in starts
    )
