"""Parts of a network that a level may leave out, and the applier that leaves them out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from redsc.ir import Graph
from redsc.passes.spaces import ChannelGroups

__all__ = ["SkipBlock", "find_blocks", "skip_blocks"]


@dataclass(frozen=True, slots=True)
class SkipBlock:
    """A part with one way in and one way out of the same shape: its result may be replaced by its source.

    `source` and `result` are names of values, `inside` those of all values that exist for this block only; `name`
    is that of the node which makes the result. They hold for permuted and sliced copies of the graph as well.
    """

    name: str
    source: str
    result: str
    inside: tuple[str, ...]


def find_blocks(graph: Graph, groups: ChannelGroups) -> tuple[SkipBlock, ...]:
    """Return the blocks of a graph, in the order of the schedule."""
    return ()


def skip_blocks(graph: Graph, blocks: Iterable[SkipBlock]) -> Graph:
    """Return the graph without these blocks: who reads a block's result reads its source."""
    return graph
