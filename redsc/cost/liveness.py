"""When each value lives, and what that adds up to.

Step i is node i of the schedule. A live range is half-open, `[start, end)`; graph inputs are written before step 0
and start at -1; graph outputs live to the end. While a node runs, its inputs and outputs are all live.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from redsc.ir import Graph, Node, Value

__all__ = ["LiveRange", "WorkingSet", "live_at", "live_pairs", "live_ranges", "peak_working_set", "working_sets"]


@dataclass(frozen=True, slots=True)
class LiveRange:
    """The steps `[start, end)` during which a value needs its buffer."""

    start: int
    end: int

    def overlaps(self, other: LiveRange) -> bool:
        """Whether some step belongs to both ranges."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class WorkingSet:
    """What is live while one node runs; `nbytes` is the plain sum of the tensors, without alignment."""

    step: int
    node: Node
    values: tuple[Value, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of the live tensors."""
        return sum(value.type.nbytes for value in self.values)


def live_ranges(graph: Graph) -> dict[Value, LiveRange]:
    """Return the live range of every value in RAM, in the order of `Graph.activations()`."""
    start = dict.fromkeys(graph.inputs, -1)
    end = dict.fromkeys(graph.inputs, 0)
    for step, node in enumerate(graph.nodes):
        for value in node.outputs:
            start[value], end[value] = step, step + 1
        for value in node.present_inputs():
            if not value.is_constant:
                end[value] = step + 1
    for value in graph.outputs:
        if value in end:
            end[value] = max(end[value], len(graph.nodes))
    return {value: LiveRange(start[value], end[value]) for value in graph.activations()}


def live_pairs(ranges: Iterable[LiveRange]) -> int:
    """Return how many pairs of ranges have a step in common."""
    found = list(ranges)
    starts, ends = sorted(live.start for live in found), sorted(live.end for live in found)
    return sum(before - bisect_right(ends, start) for before, start in enumerate(starts))


def live_at(ranges: Sequence[LiveRange], steps: Iterable[int]) -> Iterator[list[int]]:
    """Yield for each of ascending steps the indices of the ranges that hold it, the earliest first."""
    waiting = deque(sorted(range(len(ranges)), key=lambda i: ranges[i].start))
    live: list[int] = []
    for step in steps:
        born = []
        while waiting and ranges[waiting[0]].start <= step:
            born.append(waiting.popleft())
        live = [i for i in (*live, *born) if ranges[i].end > step]
        yield live


def working_sets(graph: Graph) -> list[WorkingSet]:
    """Return the working set of every step."""
    ranges = live_ranges(graph)
    values, live = list(ranges), live_at(list(ranges.values()), range(len(graph.nodes)))
    return [
        WorkingSet(step, node, tuple(values[i] for i in found))
        for step, (node, found) in enumerate(zip(graph.nodes, live, strict=True))
    ]


def peak_working_set(graph: Graph) -> WorkingSet | None:
    """Return the largest working set, the first of equals (live-sum peak of Liberis & Lane, arXiv 1910.05110)."""
    return max(working_sets(graph), key=lambda item: item.nbytes, default=None)
