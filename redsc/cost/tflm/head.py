"""Exact emulation of TFLM's GreedyMemoryPlanner: where the interpreter really puts every buffer.

Source: tensorflow/lite/micro/memory_planner/greedy_memory_planner.cc (CalculateOffsetsIfNeeded) and
micro_allocation_info.cc (lifetimes). Buffers with a fixed (offline) offset come first, in order; the others follow
by size, the largest first and of equals the last added first, each in the first gap among the buffers live with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from redsc.cost.buffer import Buffer, meetings

__all__ = ["greedy_offsets", "height_bytes"]


def greedy_offsets(buffers: Sequence[Buffer], fixed: Sequence[int | None] | None = None) -> tuple[int, ...]:
    """Return the offset of every buffer, in bytes from the arena head.

    Args:
        buffers: in the order in which TFLM adds them: tensors by index, then scratch buffers by request.
        fixed: the offline offset of each buffer, None where TFLM decides.
    """
    wanted = list(fixed) if fixed is not None else [None] * len(buffers)
    offline = [i for i, offset in enumerate(wanted) if offset is not None]
    online = [i for i, offset in enumerate(wanted) if offset is None]
    online.sort(key=lambda i: (-buffers[i].size, -i))
    near: list[list[int]] = [[] for _ in buffers]
    for a, b in meetings(buffers):
        near[a].append(b)
        near[b].append(a)
    turns = {index: turn for turn, index in enumerate((*offline, *online))}
    offsets: dict[int, int] = {}
    for index in turns:
        rivals = sorted((i for i in near[index] if i in offsets), key=lambda i: (offsets[i], turns[i]))
        given = wanted[index]
        offsets[index] = _first_gap(buffers, offsets, rivals, buffers[index].size) if given is None else given
    return tuple(offsets[index] for index in range(len(buffers)))


def height_bytes(buffers: Sequence[Buffer], offsets: Sequence[int]) -> int:
    """Return where the highest buffer ends."""
    return max((offset + buffer.size for buffer, offset in zip(buffers, offsets, strict=True)), default=0)


def _first_gap(buffers: Sequence[Buffer], offsets: Mapping[int, int], rivals: Iterable[int], size: int) -> int:
    """Return the offset after the last rival whose following gap is too small.

    Rivals come by offset, equal offsets in the order of placement, as TFLM's linked list has them.
    """
    candidate = 0
    for rival in rivals:
        if offsets[rival] - candidate >= size:
            break
        candidate = max(candidate, offsets[rival] + buffers[rival].size)
    return candidate
