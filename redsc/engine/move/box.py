"""Copies of boxes of elements: all that only moves elements along axes is one kernel with other strides."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from redsc.engine.call import Call, Constant, Field, Operand, Params, Part
from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, Value

__all__ = ["SOURCE", "View", "beginning_at", "copy", "move", "turns"]

SOURCE = "redsc_move.c"

View = Callable[[Array], Array]
"""Which elements of a tensor, in which order: a numpy view of an array of its shape, no copy."""

_Axis = tuple[int, int, int]  # steps, and a step in bytes, in x and in y
_TURN = struct.Struct("<3i")
_MOST_TURNS = 6  # REDSC_MOST_TURNS in redsc_turn.h


def _all(tensor: Array) -> Array:
    return tensor


def move(x: Value, y: Value, take: View = _all, put: View = _all) -> Iterator[Call]:
    """Copy the elements that `take` gives of x to where `put` lies in y; no call where there are none.

    The views have one shape. Where y is x, what is read is not written. A box without gaps is a plain copy, which
    is left out where both lie in one place.
    """
    source, result = (np.empty(value.type.shape, value.type.dtype.numpy) for value in (x, y))
    read, written = take(source), put(result)
    assert read.shape == written.shape, (x, read.shape, y, written.shape)
    if not read.size:
        return
    assert np.may_share_memory(read, source)
    assert np.may_share_memory(written, result)
    axes = zip(read.shape, read.strides, written.strides, strict=True)
    nbytes, outer = _merged([axis for axis in axes if axis[0] != 1], read.itemsize)
    operands = (beginning_at(x, _start(read, source)), beginning_at(y, _start(written, result)))
    yield Call("redsc_copy", SOURCE, _params(nbytes, outer), operands, is_copy=not outer)


def copy(x: Operand, y: Operand, nbytes: int) -> Call:
    """Copy bytes that lie in a row."""
    return Call("redsc_copy", SOURCE, _params(nbytes, []), (x, y))


def beginning_at(value: Value, start: int) -> Operand:
    """Return what of a tensor lies behind its first `start` bytes."""
    if start == 0:
        return value
    return Part(value, start) if value.data is None else Constant(value.data.tobytes()[start:])


def turns(axes: Sequence[tuple[int, int, int]]) -> dict[str, Field]:
    """Return the members that make a kernel walk along axes (redsc_turn.h), the innermost first.

    Args:
        axes: of each its steps, and the bytes from the last line before it moves to the next one, in x and in y.

    Raises:
        CannotTranslate: there are more than kernels take.
    """
    if len(axes) > _MOST_TURNS:
        raise CannotTranslate(f"its elements move along {len(axes) + 1} axes, kernels know {_MOST_TURNS + 1}")
    data = b"".join(_TURN.pack(*axis) for axis in axes)
    return {"turn_count": len(axes), "turns": Constant(data, "redsc_turn")} if axes else {}


def _jumps(axes: Sequence[_Axis]) -> Iterator[tuple[int, int, int]]:
    back_x = back_y = 0
    for steps, x, y in axes:
        yield steps, x - back_x, y - back_y
        back_x, back_y = back_x + (steps - 1) * x, back_y + (steps - 1) * y


def _params(nbytes: int, axes: list[_Axis]) -> Params:
    """The longest axis becomes the line: there the kernel is fastest."""
    place = max(range(len(axes)), key=lambda index: axes[index][0], default=0)
    steps, x, y = axes[place] if axes else (1, 0, 0)
    line: dict[str, Field] = {"bytes": nbytes, "steps": steps, "x_stride": x, "y_stride": y}
    return Params("redsc_copy_params", line | turns(list(_jumps(axes[:place] + axes[place + 1 :]))))


def _merged(axes: list[_Axis], itemsize: int) -> tuple[int, list[_Axis]]:
    """Return the bytes of a piece without gaps, and the axes outside it, merged where they are one; inner first."""
    outer: list[_Axis] = []
    for steps, x, y in reversed(axes):
        if not outer and x == y == itemsize:
            itemsize *= steps
        elif outer and (x, y) == (outer[-1][0] * outer[-1][1], outer[-1][0] * outer[-1][2]):
            outer[-1] = (outer[-1][0] * steps, *outer[-1][1:])
        else:
            outer.append((steps, x, y))
    return itemsize, outer


def _start(view: Array, whole: Array) -> int:
    return int(view.ctypes.data - whole.ctypes.data)
