"""Rows for padding with a number and with a mirror image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from redsc.engine.call import Call, Emit, Field, Params
from redsc.engine.move.box import move, turns
from redsc.formats.tables import CannotTranslate
from redsc.ir import MirrorMode, Node, Value
from redsc.ir.ops import constant_ints

__all__ = ["PADS"]

_FILL_BYTES = 4


def _pad(node: Node) -> Iterator[Call]:
    """Pieces without padding inside, and how much of it lies before, between and behind them."""
    x, y = node.operand(0), node.outputs[0]
    if not x.type.elements:
        raise CannotTranslate("there is nothing to pad")
    nbytes = part = x.type.dtype.itemsize  # of a piece in x, and of all inside the axis in y
    before, behind = 0, 0
    gaps: list[tuple[int, int, int]] = []
    for size, (first, last) in reversed(list(zip(x.type.shape, _paddings(node), strict=True))):
        if before + behind == 0:
            nbytes *= size
        elif size > 1:
            gaps.append((size, 0, before + behind))
        before, behind = before + first * part, behind + last * part
        part *= first + size + last
    fields: dict[str, Field] = {"fill": _fill(node), "bytes": nbytes, "first_bytes": before, "last_bytes": behind}
    yield Call("redsc_pad", "redsc_pad.c", Params("redsc_pad_params", fields | turns(gaps)), (x, y))


def _mirror_pad(node: Node) -> Iterator[Call]:
    """Copy the image to the middle, then mirror one axis after the other from the result into the result."""
    x, y, pads = node.operand(0), node.outputs[0], _paddings(node)
    middle = tuple(slice(first, first + n) for n, (first, _) in zip(x.type.shape, pads, strict=True))
    yield from move(x, y, put=lambda image: image[middle])
    spare = 1 if node.attrs.mode is MirrorMode.REFLECT else 0
    for axis in reversed(range(len(pads))):
        (first, last), end = pads[axis], middle[axis].stop
        yield from _mirror(y, middle[:axis], first + spare, 0, first)
        yield from _mirror(y, middle[:axis], end - spare - last, end, last)


def _mirror(y: Value, outer: tuple[slice, ...], read: int, written: int, count: int) -> Iterator[Call]:
    """Copy `count` slices from `read` on to `written` on, the last one first; the axes inside are complete."""
    axis = len(outer)
    return move(
        y,
        y,
        take=lambda image: np.flip(image[(*outer, slice(read, read + count))], axis),
        put=lambda image: image[(*outer, slice(written, written + count))],
    )


def _paddings(node: Node) -> list[tuple[int, int]]:
    numbers = constant_ints(node, 1, "paddings")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _fill(node: Node) -> tuple[int, ...]:
    """Return the padding value, repeated to four bytes: PAD's is what stands for 0."""
    kind = node.operand(0).type
    if len(node.inputs) > 2:
        value = node.operand(2).data
        if value is None:
            raise CannotTranslate("the padding value is not constant")
    else:
        zero_point = node.outputs[0].type.quant.zero_point if kind.quant and node.outputs[0].type.quant else 0
        value = np.array(zero_point if kind.dtype.itemsize == 1 else 0, kind.dtype.numpy)
    return tuple(value.tobytes() * (_FILL_BYTES // kind.dtype.itemsize))


PADS: Mapping[str, Emit] = {"PAD": _pad, "PADV2": _pad, "MIRROR_PAD": _mirror_pad}
"""By op."""
