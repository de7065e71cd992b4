"""A buffer: what the arena is planned for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from redsc.cost.liveness import LiveRange

__all__ = ["ALIGNMENT_BYTES", "Buffer", "aligned", "meetings"]

ALIGNMENT_BYTES = 16  # tensorflow/lite/micro/micro_arena_constants.h: MicroArenaBufferAlignment


def aligned(nbytes: int, alignment: int = ALIGNMENT_BYTES) -> int:
    """Return the size rounded up to an alignment, the arena's where no other is given."""
    return -(-nbytes // alignment) * alignment


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes that must stay put during a live range; the size is a multiple of the alignment."""

    name: str
    size: int
    live: LiveRange


def meetings(buffers: Sequence[Buffer]) -> Iterator[tuple[int, int]]:
    """Yield every pair of buffers that are live in the same step, the one that starts later last."""
    active: list[int] = []
    for index in sorted(range(len(buffers)), key=lambda i: buffers[i].live.start):
        active = [i for i in active if buffers[i].live.end > buffers[index].live.start]
        yield from ((other, index) for other in active)
        active.append(index)
