"""An independent check of arena plans: it trusts nobody and knows no algorithm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from redsc.cost.arena.problem import ArenaProblem
from redsc.cost.buffer import Buffer
from redsc.errors import InternalError

__all__ = ["arena_problems", "check_arena"]

_ALIGNMENT_BYTES = 16


def check_arena(problem: ArenaProblem, offsets: Sequence[int], height: int) -> None:
    """Check a plan.

    Raises:
        InternalError: naming every broken rule: a planner of ours is wrong.
    """
    problems = arena_problems(problem, offsets, height)
    if problems:
        raise InternalError("an arena plan is not valid", code="I701", evidence=problems)


def arena_problems(problem: ArenaProblem, offsets: Sequence[int], height: int) -> list[str]:
    """Return one sentence per broken rule.

    1. There is one offset per buffer, not negative and aligned to 16 bytes.
    2. Every buffer ends at or below the height.
    3. Two buffers that are live in the same step share no byte, but for rules 4 and 5.
    4. The result of a step may lie over an operand that dies there, at its distance or more below it (or just so).
    5. A view lies at its place in the whole; it shares its bytes with what it is a part of, and only with that.
    """
    buffers = problem.buffers
    if len(offsets) != len(buffers):
        return [f"{len(buffers)} buffers have {len(offsets)} offsets"]
    found = []
    for buffer, offset in zip(buffers, offsets, strict=True):
        if offset < 0 or offset % _ALIGNMENT_BYTES:
            found.append(f"{buffer.name} has the offset {offset}")
        if offset + buffer.size > height:
            found.append(f"{buffer.name} ends at {offset + buffer.size}, the arena at {height}")
    found += [
        f"{buffers[view.part].name} is not {view.start} B into {buffers[view.whole].name}"
        for view in problem.views
        if offsets[view.part] != offsets[view.whole] + view.start
    ]
    near = {frozenset((o.dying, o.born)) for o in problem.overlaps if o.allows(offsets[o.dying] - offsets[o.born])}
    wholes: dict[int, list[int]] = {}
    for view in problem.views:
        wholes.setdefault(view.part, []).append(view.whole)
    return found + [
        f"{buffers[a].name} and {buffers[b].name} overlap"
        for a, b in sorted(_sharing(buffers, offsets))
        if {a, b} not in near and a not in _above(wholes, b) and b not in _above(wholes, a)
    ]


def _sharing(buffers: Sequence[Buffer], offsets: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of buffers that share bytes in a step: by live range, then all that start in it at once."""
    rows = [
        (buffer.live.start, buffer.live.end, offset, offset + buffer.size, index)
        for index, (buffer, offset) in enumerate(zip(buffers, offsets, strict=True))
        if buffer.size and buffer.live.start < buffer.live.end
    ]
    starts, ends, lows, highs, indices = np.array(sorted(rows), np.int64).reshape(-1, 5).T
    for place, stop in enumerate(np.searchsorted(starts, ends).tolist()):
        later = slice(place + 1, stop)
        hits = (lows[later] < highs[place]) & (lows[place] < highs[later])
        for other in indices[later][hits].tolist():
            yield min(other, int(indices[place])), max(other, int(indices[place]))


def _above(wholes: Mapping[int, Sequence[int]], part: int) -> set[int]:
    """Return all that a buffer is a part of."""
    found, waiting = set[int](), [part]
    while waiting:
        more = set(wholes.get(waiting.pop(), ())) - found
        found |= more
        waiting += more
    return found
