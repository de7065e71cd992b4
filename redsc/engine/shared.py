"""Which weights of a level lie inside those of a larger one, so that they are stored once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from redsc.cost.engine.conv import GROUP_ELEMENTS
from redsc.ir import Array, Graph, Value
from redsc.ir.runs import find_runs

__all__ = ["Held", "Shared", "find_shared"]

_OPS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")  # operand 1 is the weight


@dataclass(frozen=True, slots=True)
class Held:
    """A weight inside the array that is stored.

    It is the first elements of every axis of `whole`; with more than one stretch those of its columns, that many
    times one after the other, as a flattened image has them.
    """

    whole: Array
    stretches: int = 1


@dataclass(frozen=True, slots=True)
class Shared:
    """The arrays that are stored for weights of each name, those of the largest levels first."""

    stored: Mapping[str, Sequence[Array]]

    def hold(self, weight: Value) -> Held:
        """Return where a constant weight lies; alone where no larger one holds it."""
        assert weight.data is not None
        for whole in self.stored.get(weight.name, ()):
            if _is_corner(whole, weight.data):
                return Held(whole)
            if stretches := _stretches(whole, weight.data):
                return Held(whole, stretches)
        return Held(weight.data)


def find_shared(graphs: Sequence[Graph]) -> Shared:
    """Return what the linear layers of levels store, the largest level first."""
    stored: dict[str, list[Array]] = defaultdict(list)
    shared = Shared(stored)
    for graph in graphs:
        for node in graph.nodes:
            weight = node.inputs[1] if node.op in _OPS else None
            if weight is not None and weight.data is not None and shared.hold(weight).whole is weight.data:
                stored[weight.name].append(weight.data)
    return shared


def _is_corner(whole: Array, part: Array) -> bool:
    corner = tuple(map(slice, part.shape))
    return whole.dtype == part.dtype and whole.ndim == part.ndim and np.array_equal(whole[corner], part)


def _stretches(whole: Array, part: Array) -> int:
    """Return how many stretches of a dense layer's columns another has, in whole groups; 0 where it has others."""
    runs = find_runs(whole, part) if whole.ndim == part.ndim == 2 else None
    if runs is None or len(runs) != 4:
        return 0
    start, length, count, stride = runs
    is_whole = start == 0 and count * stride == whole.shape[1] and not length % GROUP_ELEMENTS
    return count if is_whole and not stride % GROUP_ELEMENTS else 0
