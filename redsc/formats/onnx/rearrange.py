"""Move the elements of a tensor with the fewest operators, often none."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from redsc.ir import GraphBuilder, Reshape, Shape, Value

__all__ = ["rearrange"]


def rearrange(
    builder: GraphBuilder,
    value: Value,
    sizes: Sequence[int],
    order: Sequence[int],
    shape: Shape,
    name: str,
    origin: tuple[str, ...] = (),
) -> Value:
    """Return the elements of a value in another order and shape.

    In memory the value has axes of `sizes`; the result has them in the order `order`, seen as `shape`. What moves
    together is moved as one axis, and axes of size 1 do not count: often no TRANSPOSE is left.
    """

    def reshaped(value: Value, shape: Shape, name: str) -> Value:
        if value.type.shape == shape:
            return value
        attrs, quant = Reshape(shape), value.type.quant
        return builder.op("RESHAPE", value, attrs=attrs, name=name, quant=quant, origin=origin)

    runs = _runs([axis for axis in order if sizes[axis] > 1], [i for i, n in enumerate(sizes) if n > 1])
    if len(runs) > 1:
        places = sorted(runs)
        split = tuple(prod(sizes[axis] for axis in run) for run in places)
        value = reshaped(value, split, f"{name}.split")
        perm = builder.constant(f"{name}.perm", np.array([places.index(run) for run in runs], np.int32))
        quant = value.type.quant
        value = builder.op("TRANSPOSE", value, perm, name=f"{name}.moved", quant=quant, origin=origin)
    return reshaped(value, shape, f"{name}.shaped")


def _runs(order: Sequence[int], places: Sequence[int]) -> list[tuple[int, ...]]:
    """Group axes that follow each other both in `places` and in `order`."""
    runs: list[tuple[int, ...]] = []
    for axis in order:
        if runs and places.index(axis) == places.index(runs[-1][-1]) + 1:
            runs[-1] = (*runs[-1], axis)
        else:
            runs.append((axis,))
    return runs
