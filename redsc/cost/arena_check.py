"""An independent check of arena plans: it trusts nobody and knows no algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from redsc.cost.buffer import Buffer
from redsc.errors import InternalError

__all__ = ["arena_problems", "check_arena"]

_ALIGNMENT_BYTES = 16


def check_arena(buffers: Sequence[Buffer], offsets: Sequence[int], height: int) -> None:
    """Check a plan.

    Raises:
        InternalError: naming every broken rule: a planner of ours is wrong.
    """
    problems = arena_problems(buffers, offsets, height)
    if problems:
        raise InternalError("an arena plan is not valid", code="I701", evidence=problems)


def arena_problems(buffers: Sequence[Buffer], offsets: Sequence[int], height: int) -> list[str]:
    """Return one sentence per broken rule.

    1. There is one offset per buffer, not negative and aligned to 16 bytes.
    2. Every buffer ends at or below the height.
    3. Two buffers that are live in the same step share no byte.
    """
    if len(offsets) != len(buffers):
        return [f"{len(buffers)} buffers have {len(offsets)} offsets"]
    problems = []
    placed = list(zip(buffers, offsets, strict=True))
    for buffer, offset in placed:
        if offset < 0 or offset % _ALIGNMENT_BYTES:
            problems.append(f"{buffer.name} has the offset {offset}")
        if offset + buffer.size > height:
            problems.append(f"{buffer.name} ends at {offset + buffer.size}, the arena at {height}")
    for (a, a_offset), (b, b_offset) in combinations(placed, 2):
        live_together = max(a.live.start, b.live.start) < min(a.live.end, b.live.end)
        if live_together and max(a_offset, b_offset) < min(a_offset + a.size, b_offset + b.size):
            problems.append(f"{a.name} and {b.name} overlap")
    return problems
