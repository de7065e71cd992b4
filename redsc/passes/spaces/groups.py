"""Find the channel spaces of a graph.

Walking the schedule once, each op's channel rule says how its axes are tied, channel by channel. Channels that are
tied alike become one space, which can be permuted and cut as a whole. What redsc does not understand freezes the
channels it touches, with a reason; nothing fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from redsc.errors import UsageError, did_you_mean
from redsc.ir import Graph
from redsc.passes.spaces.channel_rules import visit
from redsc.passes.spaces.finder import Finder
from redsc.passes.spaces.partition import find_spaces
from redsc.passes.spaces.space import ChannelGroups, Space

__all__ = ["find_channel_groups"]


def find_channel_groups(
    graph: Graph, freeze: Iterable[str] = (), tie: Iterable[tuple[str, str]] = ()
) -> ChannelGroups:
    """Return the channel spaces of a graph; `freeze` names spaces, or layers, that must keep their width.

    `tie` has pairs of values, by name, that get the same channels, as the source and the result of a part without a
    shortcut that a level may skip: channel i of the one is channel i of the other. Any order of a space's channels
    computes the same, so one that two spaces share does.

    Raises:
        UsageError: a name in `freeze` is no space.
    """
    finder = Finder()
    for value in graph.inputs:
        finder.fresh(value, "it is a graph input")
    for node in graph.nodes:
        visit(finder, node)
    values = {value.name: value for value in graph.activations()}
    for left, right in tie:
        finder.unify(finder.layout(values[left]), finder.layout(values[right]), f"it is tied to {left!r}")
    for value in graph.outputs:
        finder.freeze_value(value, "it is a graph output")
    for value in list(finder.grids):
        finder.settle(value)
    return _frozen_by_hand(find_spaces(finder), freeze)


def _frozen_by_hand(groups: ChannelGroups, freeze: Iterable[str]) -> ChannelGroups:
    """Return the spaces of which those with these names are frozen, and the parts of layers with these names."""
    wanted = list(freeze)
    unknown = [name for name in wanted if not any(_is_called(space, name) for space in groups.spaces)]
    if unknown:
        names = [space.name for space in groups.spaces]
        hint = did_you_mean(unknown[0], names) or "`redsc levels --spaces` lists the names"
        raise UsageError(f"--freeze {unknown[0]}: there is no such channel space", code="U204", hint=hint)
    spaces = (
        replace(space, frozen="--freeze")
        if space.frozen is None and any(_is_called(space, name) for name in wanted)
        else space
        for space in groups.spaces
    )
    return ChannelGroups(tuple(spaces), groups.axes)


def _is_called(space: Space, name: str) -> bool:
    """Whether a name is that of a space, or of the layer of which it is a part."""
    return space.name == name or space.name.startswith(f"{name}[")
