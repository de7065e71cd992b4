"""An independent check of arena plans: it trusts nobody and knows no algorithm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from redsc.cost.arena.problem import ArenaProblem
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
    allowed = _allowed(problem, offsets)
    for a, b in combinations(range(len(buffers)), 2):
        is_live = max(buffers[a].live.start, buffers[b].live.start) < min(buffers[a].live.end, buffers[b].live.end)
        is_hit = max(offsets[a], offsets[b]) < min(offsets[a] + buffers[a].size, offsets[b] + buffers[b].size)
        if is_live and is_hit and {a, b} not in allowed:
            found.append(f"{buffers[a].name} and {buffers[b].name} overlap")
    return found


def _allowed(problem: ArenaProblem, offsets: Sequence[int]) -> list[set[int]]:
    """Return the pairs that may share bytes: overlaps at their distance, views with all that they are a part of."""
    near = [{o.dying, o.born} for o in problem.overlaps if o.allows(offsets[o.dying] - offsets[o.born])]
    return near + [{view.part, whole} for view in problem.views for whole in _wholes(problem, view.part)]


def _wholes(problem: ArenaProblem, part: int) -> Iterator[int]:
    for view in problem.views:
        if view.part == part:
            yield view.whole
            yield from _wholes(problem, view.whole)
