"""How two operands that broadcast meet: axes that both pass in one go, and loops around pieces of the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np

from redsc.engine.call import Constant, Field
from redsc.formats.tables import CannotTranslate
from redsc.ir import Shape

__all__ = ["Axis", "common_axes", "loops"]

_LOOPS = 3  # of redsc_loops


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of the result: its size, and the steps of both operands along it, in elements."""

    size: int
    a_step: int
    b_step: int

    def continues(self, inner: Axis) -> bool:
        """Whether this axis and the one inside it are one long axis, for both operands."""
        return self.a_step == inner.a_step * inner.size and self.b_step == inner.b_step * inner.size


def common_axes(shapes: tuple[Shape, Shape], whole: Shape) -> list[Axis]:
    """Return the axes of a result, at least one; a repeated operand steps by 0.

    Those of size 1 are left out, and neighbours joined that both operands pass in one go.
    """
    a, b = (_steps(shape, whole) for shape in shapes)
    axes = [Axis(*numbers) for numbers in zip(whole, a, b, strict=True) if numbers[0] > 1]
    return _merged(axes or [Axis(1, 1, 1)])


def loops(member: str, axes: Sequence[Axis], a_bytes: int, b_bytes: int) -> dict[str, Field]:
    """Return the member that makes a kernel go along axes (redsc_rows.h), none where there is none.

    Args:
        member: its name.
        axes: the outermost first.
        a_bytes: of what a step of the first operand goes over.
        b_bytes: the same of the second one.

    Raises:
        CannotTranslate: the operands take turns in repeating along more axes than the kernels have loops.
    """
    if len(axes) > _LOOPS:
        raise CannotTranslate(f"the operands broadcast along more than {_LOOPS + 1} groups of axes")
    if not axes:
        return {}
    padded = [*[Axis(1, 0, 0)] * (_LOOPS - len(axes)), *axes]
    columns = [
        [axis.size for axis in padded],
        [axis.a_step * a_bytes for axis in padded],
        [axis.b_step * b_bytes for axis in padded],
    ]
    return {member: Constant.of(np.array(columns, np.uint32), "redsc_loops")}


def _steps(shape: Shape, whole: Shape) -> list[int]:
    padded = (1,) * (len(whole) - len(shape)) + shape
    steps = [prod(padded[axis + 1 :]) for axis in range(len(padded))]
    return [step if size > 1 else 0 for size, step in zip(padded, steps, strict=True)]


def _merged(axes: Sequence[Axis]) -> list[Axis]:
    found = [axes[0]]
    for outer, inner in pairwise(axes):
        if outer.continues(inner):
            last = found.pop()
            found.append(Axis(last.size * inner.size, inner.a_step, inner.b_step))
        else:
            found.append(inner)
    return found
