"""Offsets for buffers in one arena: first fit under several orders, stopping at the lower bound.

The nouns are those of google/minimalloc: a buffer has a size and a lifespan, a plan gives offsets and a height.
Every plan passes the independent checker in `arena_check.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from redsc.cost.arena_check import check_arena
from redsc.cost.buffer import Buffer

__all__ = ["ArenaPlan", "first_fit", "lower_bound_bytes", "plan_arena"]


@dataclass(frozen=True, slots=True)
class ArenaPlan:
    """An offset per buffer, in the order of the buffers; no plan can be lower than `lower_bound`."""

    offsets: tuple[int, ...]
    height: int
    lower_bound: int

    @property
    def is_optimal(self) -> bool:
        """Whether the height is proven least for this schedule."""
        return self.height == self.lower_bound


def lower_bound_bytes(buffers: Sequence[Buffer]) -> int:
    """Return the largest sum of sizes that are live at once."""
    steps = {buffer.live.start for buffer in buffers}
    return max((sum(b.size for b in buffers if b.live.start <= s < b.live.end) for s in steps), default=0)


def plan_arena(buffers: Sequence[Buffer]) -> ArenaPlan:
    """Return the lowest plan that first fit finds; ties go to the earlier order, so the result is deterministic."""
    bound = lower_bound_bytes(buffers)
    best: tuple[int, ...] = ()
    height = -1
    for order in _ORDERS:
        offsets = first_fit(buffers, _sorted(buffers, order))
        top = max((o + b.size for o, b in zip(offsets, buffers, strict=True)), default=0)
        if height < 0 or top < height:
            best, height = offsets, top
        if height == bound:
            break
    check_arena(buffers, best, height)
    return ArenaPlan(best, height, bound)


def first_fit(buffers: Sequence[Buffer], order: Sequence[int]) -> tuple[int, ...]:
    """Place buffers in the given order, each at the lowest offset that is free during its whole life."""
    offsets: dict[int, int] = {}
    for index in order:
        offset = 0
        rivals = [i for i in offsets if buffers[i].live.overlaps(buffers[index].live)]
        for rival in sorted(rivals, key=lambda i: offsets[i]):
            if offsets[rival] - offset >= buffers[index].size:
                break
            offset = max(offset, offsets[rival] + buffers[rival].size)
        offsets[index] = offset
    return tuple(offsets[index] for index in range(len(buffers)))


_Key = Callable[[int, Buffer], tuple[int, ...]]


def _sorted(buffers: Sequence[Buffer], key: _Key) -> list[int]:
    return sorted(range(len(buffers)), key=lambda index: key(index, buffers[index]))


def _length(buffer: Buffer) -> int:
    return buffer.live.end - buffer.live.start


_ORDERS: tuple[_Key, ...] = (
    lambda i, b: (-b.size, i),
    lambda i, b: (-b.size, -i),  # TFLM's own tie order
    lambda i, b: (-b.size * _length(b), i),
    lambda i, b: (b.live.start, -b.size, i),
    lambda i, b: (-b.live.end, -b.size, i),
    lambda i, b: (-_length(b), -b.size, i),
)
