"""The problem as the searches see it: rigid bodies, and for two of them the distances that are forbidden."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from redsc.cost.arena.problem import ArenaProblem, Overlap
from redsc.cost.buffer import meetings
from redsc.cost.liveness import LiveRange

__all__ = ["Bodies", "Forbidden"]

Forbidden = tuple[int, int]  # the open interval between two numbers


@dataclass(frozen=True, slots=True)
class Bodies:
    """Buffers that move as one: a whole and its views, in most cases one buffer.

    members: per body its buffers with their place in it; the lowest place is 0.
    heights: per body where its highest buffer ends.
    forbidden: per body i and body j the intervals in which position[i] - position[j] may not lie.
    sharing: the buffers that may share bytes with another that is live with them.
    """

    problem: ArenaProblem
    members: tuple[tuple[tuple[int, int], ...], ...]
    heights: tuple[int, ...]
    forbidden: tuple[dict[int, tuple[Forbidden, ...]], ...]
    sharing: frozenset[int]

    @staticmethod
    def of(problem: ArenaProblem) -> Bodies:
        """Gather the buffers of a problem into bodies."""
        members = _members(problem)
        heights = tuple(max(place + problem.buffers[i].size for i, place in body) for body in members)
        sharing = frozenset(i for overlap in problem.overlaps for i in (overlap.dying, overlap.born))
        return Bodies(problem, members, heights, _forbidden(problem, members), sharing)

    def offsets(self, positions: Sequence[int]) -> tuple[int, ...]:
        """Return the offset of every buffer from the positions of the bodies."""
        found = {i: at + place for at, body in zip(positions, self.members, strict=True) for i, place in body}
        return tuple(found[i] for i in range(len(found)))

    def height(self, positions: Sequence[int]) -> int:
        """Return where the highest body ends."""
        return max((at + height for at, height in zip(positions, self.heights, strict=True)), default=0)

    def live(self, body: int) -> LiveRange:
        """Return the steps from the first to the last in which a buffer of a body lives."""
        ranges = [self.problem.buffers[i].live for i, _ in self.members[body]]
        return LiveRange(min(live.start for live in ranges), max(live.end for live in ranges))

    def is_rectangle(self, body: int) -> bool:
        """Whether a body is one buffer that shares bytes with no other that is live with it."""
        (first, _), *more = self.members[body]
        return not more and first not in self.sharing


def _members(problem: ArenaProblem) -> tuple[tuple[tuple[int, int], ...], ...]:
    place = {i: (i, 0) for i in range(len(problem.buffers))}  # a buffer's whole, and where in it
    for view in problem.views:
        place[view.part] = (view.whole, view.start)
    bodies: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for index in range(len(problem.buffers)):
        whole, start = index, 0
        while place[whole][0] != whole:
            whole, start = place[whole][0], start + place[whole][1]
        bodies[whole].append((index, start))
    return tuple(tuple(body) for body in bodies.values())


def _forbidden(
    problem: ArenaProblem, members: Sequence[Sequence[tuple[int, int]]]
) -> tuple[dict[int, tuple[Forbidden, ...]], ...]:
    """Return `Bodies.forbidden`. Most pairs are whole bodies that cannot overlap; equal sizes have one object."""
    body_of = {i: body for body, found in enumerate(members) for i, _ in found}
    alone = {i for found in members if len(found) == 1 for i, _ in found}
    sizes, apart = [buffer.size for buffer in problem.buffers], cache(lambda own, other: ((-own, other),))
    rows: list[dict[int, tuple[Forbidden, ...]]] = [{} for _ in members]
    several: dict[tuple[int, int], list[Forbidden]] = {}
    distances = _Distances.of(problem, members)
    for a, b in meetings(problem.buffers):
        body, other = body_of[a], body_of[b]
        if body == other or not (sizes[a] and sizes[b]):
            continue
        if a in alone and b in alone and b not in distances.partners.get(a, ()):
            rows[body][other], rows[other][body] = apart(sizes[a], sizes[b]), apart(sizes[b], sizes[a])
            continue
        for low, high in distances.forbidden(a, b):
            several.setdefault((body, other), []).append((low, high))
            several.setdefault((other, body), []).append((-high, -low))
            rows[body][other] = rows[other][body] = ()
    for (body, other), intervals in several.items():
        rows[body][other] = _merged(intervals)
    return tuple(rows)


@dataclass(frozen=True, slots=True)
class _Distances:
    """What the positions of two bodies may not be apart because of two of their buffers."""

    problem: ArenaProblem
    overlaps: dict[tuple[int, int], Overlap]
    partners: dict[int, set[int]]
    places: dict[int, int]

    @staticmethod
    def of(problem: ArenaProblem, members: Sequence[Sequence[tuple[int, int]]]) -> _Distances:
        overlaps = {(overlap.born, overlap.dying): overlap for overlap in problem.overlaps}
        partners = defaultdict[int, set[int]](set)
        for born, dying in overlaps:
            partners[born].add(dying)
            partners[dying].add(born)
        return _Distances(problem, overlaps, partners, {i: place for found in members for i, place in found})

    def forbidden(self, a: int, b: int) -> list[Forbidden]:
        """Return the intervals in which the position of a's body less that of b's may not lie."""
        if (b, a) in self.overlaps:
            between = [(-high, -low) for low, high in _apart(self.problem, self.overlaps[b, a], b, a)]
        else:
            between = _apart(self.problem, self.overlaps.get((a, b)), a, b)
        shift = self.places[b] - self.places[a]
        return [(shift + low, shift + high) for low, high in between]


def _apart(problem: ArenaProblem, overlap: Overlap | None, a: int, b: int) -> list[Forbidden]:
    """Return in which intervals offset[a] - offset[b] may not lie; an overlap lets `a` be born over `b`."""
    low, high = -problem.buffers[a].size, problem.buffers[b].size
    if overlap is None:
        return [(low, high)]
    edge = -overlap.distance
    intervals = [(low, edge), (edge, high)] if overlap.is_exact else [(edge, high)]
    return [(start, end) for start, end in intervals if start < end]


def _merged(intervals: list[Forbidden]) -> tuple[Forbidden, ...]:
    """Return the union of open intervals; two that only touch leave the point between them."""
    if len(intervals) == 1:
        return tuple(intervals)
    found: list[Forbidden] = []
    for low, high in sorted(intervals):
        if found and low < found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(found)
