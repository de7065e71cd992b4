"""Channel spaces: which channels of which tensors belong together.

The channel axis of an activation is its last, rarely another one between a reshape and a transpose. Its layout is a
tuple of segments; segment (space, outer, inner) stands for the indices `o * size * inner + c * inner + i` with
o < outer, i < inner and c a channel of the space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from redsc.ir import Array, Node, Value, op_def, starts_anew
from redsc.ir.rules import Contracts, Grouped, Produces

__all__ = ["ChannelGroups", "Layout", "Segment", "Space", "contracted_by", "kept_indices", "makes_channels"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of an axis that carries every channel of one space."""

    space: int
    outer: int = 1
    inner: int = 1


Layout = tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Space:
    """Channels that can only be moved and cut together; `frozen` says why they must stay as they are.

    `size` counts steps: with one channel less of the space, every layer that makes it has `quantum` channels less.
    That is 1 unless the groups of a convolution, equal pieces or a shuffle tie channels of one layer together.
    """

    id: int
    name: str
    size: int
    frozen: str | None = None
    quantum: int = 1


@dataclass(frozen=True, slots=True)
class ChannelGroups:
    """Spaces in the order of the schedule, and the layout of every axis that follows one.

    `axes` is keyed by the names of values: the groups of a graph hold for its permuted copy as well.
    """

    spaces: tuple[Space, ...]
    axes: Mapping[str, Mapping[int, Layout]]

    @property
    def free(self) -> tuple[Space, ...]:
        """The spaces that may be permuted and cut."""
        return tuple(space for space in self.spaces if space.frozen is None)

    def space(self, space_id: int) -> Space:
        """Return a space by its id."""
        return self.spaces[space_id]


def kept_indices(layout: Layout, keep: Mapping[int, Array], sizes: Mapping[int, int]) -> Array:
    """Return the indices of an axis that stay when space s keeps the channels `keep[s]`, in that order."""
    parts, start = [], 0
    for segment in layout:
        size = sizes[segment.space]
        channels = keep.get(segment.space, np.arange(size))
        block = np.arange(segment.outer)[:, None, None] * (size * segment.inner)
        block = block + channels[None, :, None] * segment.inner + np.arange(segment.inner)[None, None, :]
        parts.append(start + block.reshape(-1))
        start += segment.outer * size * segment.inner
    return np.concatenate(parts)


def contracted_by(node: Node) -> tuple[tuple[Value, int], ...]:
    """Return the weights in which a node sums over the channels of its data, each with the axis of these."""
    match op_def(node.op).channels:
        case Produces(in_axis=axis, weight=weight):
            return ((node.operand(weight), axis),)
        case Contracts(in_axis=axis, weights=weights, recurrent=recurrent):
            again = recurrent if starts_anew(node) else ()
            return tuple((node.operand(index), axis) for index in (*weights, *again))
    return ()


def makes_channels(node: Node) -> bool:
    """Whether a node is a layer with constant weights whose output channels are its own.

    Those of a depthwise layer belong to its input channels, unless there is but one of these.
    """
    op = op_def(node.op)
    if not isinstance(op.channels, (Produces, Grouped)) or not node.operand(op.channels.weight).is_constant:
        return False
    return isinstance(op.channels, Produces) or op.source(node).type.shape[-1] == 1
