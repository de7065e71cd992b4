"""What a level may leave out of a network: channels of its spaces, and blocks."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from redsc.ir import Graph
from redsc.passes.spaces.blocks import SkipBlock, find_blocks, find_chain_blocks
from redsc.passes.spaces.groups import find_channel_groups
from redsc.passes.spaces.space import ChannelGroups

__all__ = ["Structure", "find_structure"]


@dataclass(frozen=True, slots=True)
class Structure:
    """The channel spaces of a graph, and its blocks in the order of the schedule."""

    groups: ChannelGroups
    blocks: tuple[SkipBlock, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names of the blocks."""
        return frozenset(block.name for block in self.blocks)


def find_structure(graph: Graph, freeze: Iterable[str] = (), segments: Collection[str] = ()) -> Structure:
    """Return what a level may leave out; `freeze` as in `find_channel_groups`.

    Bodies of residuals may always be skipped. Segments of a chain may if they are named: then the spaces before and
    behind them are one. Names that no segment has are passed over.

    Raises:
        UsageError: a name in `freeze` is no space.
    """
    groups = find_channel_groups(graph, freeze)
    chains = [block for block in find_chain_blocks(graph, groups) if block.name in segments]
    if chains:
        groups = find_channel_groups(graph, freeze, [(block.source, block.result) for block in chains])
    places = {value.name: place for place, value in enumerate(graph.activations())}
    blocks = sorted((*find_blocks(graph, groups), *chains), key=lambda block: places[block.result])
    return Structure(groups, tuple(blocks))
