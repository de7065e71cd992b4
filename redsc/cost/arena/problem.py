"""What is planned: buffers that must not share bytes, but for those that a kernel lets overlap, and views.

A buffer has a size and a live range. Two that are live in the same step lie apart; an `Overlap` lets the result of
a step lie over an operand that dies there; a `View` is a part of another buffer at a fixed place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from redsc.cost.buffer import Buffer
from redsc.cost.liveness import live_at

__all__ = ["ArenaProblem", "Overlap", "View", "lower_bound_bytes", "most_shared"]


@dataclass(frozen=True, slots=True)
class Overlap:
    """The buffer `born` may lie over `dying` where offset[dying] - offset[born] >= distance; else they lie apart.

    They are indices of buffers that meet in one step only, the last of the one and the first of the other. The
    distance is a multiple of the alignment; a negative one lets `born` begin above `dying`. Where it `is_exact`, no
    other distance will do.
    """

    dying: int
    born: int
    distance: int
    is_exact: bool = False

    def allows(self, distance: int) -> bool:
        """Whether the two may lie so far apart, whatever their sizes."""
        return distance == self.distance if self.is_exact else distance >= self.distance


@dataclass(frozen=True, slots=True)
class View:
    """The buffer `part` is the bytes of `whole` from `start` on; parts of one whole have no byte in common."""

    part: int
    whole: int
    start: int = 0


@dataclass(frozen=True, slots=True)
class ArenaProblem:
    """Buffers to be given offsets; indices in overlaps and views are places in `buffers`."""

    buffers: tuple[Buffer, ...]
    overlaps: tuple[Overlap, ...] = ()
    views: tuple[View, ...] = ()

    def credit(self, overlap: Overlap) -> int:
        """Return the most bytes that the two buffers of an overlap can share."""
        return most_shared(self.buffers[overlap.dying].size, self.buffers[overlap.born].size, overlap.distance)


def most_shared(dying: int, born: int, distance: int) -> int:
    """Return how many bytes two buffers of these sizes can share at a distance (see `Overlap`)."""
    return max(0, dying + born - max(born, max(distance, 0) + dying))


def lower_bound_bytes(problem: ArenaProblem) -> int:
    """Return a height below which no plan is possible.

    In every step it is the largest of three: all live bytes less what overlaps can save; all but the results that
    overlap; all but the operands that they overlap. Views count for nothing beside their whole.
    """
    ranges = [buffer.live for buffer in problem.buffers]
    wholes, over = defaultdict[int, list[int]](list), defaultdict[int, list[Overlap]](list)
    for view in problem.views:
        wholes[view.part].append(view.whole)
    for overlap in problem.overlaps:
        over[overlap.born].append(overlap)
    found = live_at(ranges, sorted({live.start for live in ranges}))
    return max((_bound_at(problem, set(live), wholes, over) for live in found), default=0)


def _bound_at(
    problem: ArenaProblem, live: set[int], wholes: Mapping[int, list[int]], over: Mapping[int, list[Overlap]]
) -> int:
    """Return the bound of a step, from the wholes and the overlaps of the buffers that are live."""
    if not (wholes or over):
        return sum(problem.buffers[i].size for i in live)
    sizes = {i: 0 if live.intersection(wholes.get(i, ())) else problem.buffers[i].size for i in live}
    overlaps = [o for i in live for o in over.get(i, ()) if o.dying in live]
    total = sum(sizes.values())
    without_born = total - sum(sizes[i] for i in {o.born for o in overlaps})
    without_dying = total - sum(sizes[i] for i in {o.dying for o in overlaps})
    return max(total - sum(map(problem.credit, overlaps)), without_born, without_dying)
