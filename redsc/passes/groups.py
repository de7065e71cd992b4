"""Find the channel spaces of a graph.

Walking the schedule once, each op's channel rule says how its axes are tied; what is tied becomes one space by
union-find. A space can be permuted and cut as a whole. What redsc does not understand freezes the spaces it
touches, with a reason; nothing fails.
"""

from __future__ import annotations

from collections.abc import Iterable

from redsc.errors import UsageError, did_you_mean
from redsc.ir import Graph
from redsc.passes.channel_rules import visit
from redsc.passes.finder import Finder
from redsc.passes.spaces import ChannelGroups, Space

__all__ = ["find_channel_groups"]


def find_channel_groups(graph: Graph, freeze: Iterable[str] = ()) -> ChannelGroups:
    """Return the channel spaces of a graph; `freeze` names spaces that must keep their width.

    Raises:
        UsageError: a name in `freeze` is no space.
    """
    finder = Finder()
    for value in graph.inputs:
        finder.fresh(value, "it is a graph input")
    for node in graph.nodes:
        visit(finder, node)
    for value in graph.outputs:
        finder.freeze(finder.layout(value), "it is a graph output")
    groups = finder.groups()
    wanted = list(freeze)
    names = [space.name for space in groups.spaces]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        hint = did_you_mean(unknown[0], names) or "`redsc levels --spaces` lists the names"
        raise UsageError(f"--freeze {unknown[0]}: there is no such channel space", code="U204", hint=hint)
    spaces = (_frozen_by_hand(space) if space.name in wanted else space for space in groups.spaces)
    return ChannelGroups(tuple(spaces), groups.axes)


def _frozen_by_hand(space: Space) -> Space:
    return Space(space.id, space.name, space.size, space.frozen or "--freeze")
