"""What levels may leave out of a network: the channel spaces, what belongs to each, and the blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from redsc.cost.macs import graph_macs
from redsc.ir import Graph, Value, op_def
from redsc.ir.rules import Grouped, Produces
from redsc.passes.slice.skip import skip_blocks
from redsc.passes.spaces.blocks import SkipBlock
from redsc.passes.spaces.space import ChannelGroups, makes_channels
from redsc.report.text import listed, print_table

__all__ = ["BlockRow", "SpaceRow", "block_rows", "print_spaces", "space_rows"]

_MOST_NAMES = 3
_BLOCK_HEADER = ("block", "in its place", "saves % of MACs")
_HEADER = ("space", "channels", "state", "made by", "followed by", "read by")


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """One space: how many channels its layers have, in what steps they can be cut, and the names of its members.

    `makers` have weights per output channel, or are what else the channels come from; `followers` have other
    constants per channel (biases, depthwise weights, slopes); `readers` have weights per input channel.
    """

    name: str
    channels: int
    step: int
    makers: tuple[str, ...]
    followers: tuple[str, ...]
    readers: tuple[str, ...]
    frozen: str | None

    def cells(self) -> list[str]:
        """Return the row of the table; of long lists, the first names."""
        steps = f" in steps of {self.step}" if self.step > 1 and not self.frozen else ""
        state = f"frozen: {self.frozen}" if self.frozen else "free"
        names = (listed(found, _MOST_NAMES) for found in (self.makers, self.followers, self.readers))
        return [self.name, f"{self.channels}{steps}", state, *names]


def space_rows(graph: Graph, groups: ChannelGroups) -> tuple[SpaceRow, ...]:
    """Return a row for every channel space of a graph, in their order; members in that of the schedule."""
    members: dict[tuple[int, _Role], dict[str, None]] = {}
    for number, role, name in _members(graph, groups):
        members.setdefault((number, role), {})[name] = None
    rows = []
    for space in groups.spaces:
        makers, followers, readers = (tuple(members.get((space.id, role), ())) for role in _Role)
        channels = space.size * space.quantum
        rows.append(SpaceRow(space.name, channels, space.quantum, makers, followers, readers, space.frozen))
    return tuple(rows)


@dataclass(frozen=True, slots=True)
class BlockRow:
    """One block: the layer, or the input, whose result may take its place, and the share of the MACs that saves."""

    name: str
    source: str
    saved: float

    def cells(self) -> list[str]:
        """Return the row of the table."""
        return [self.name, self.source, f"{100 * self.saved:.1f}"]


def block_rows(graph: Graph, blocks: Iterable[SkipBlock]) -> tuple[BlockRow, ...]:
    """Return a row for every block of a graph, in their order."""
    macs = max(graph_macs(graph), 1)
    names = {value.name: value.producer.name if value.producer else value.name for value in graph.activations()}
    rests = ((block, graph_macs(skip_blocks(graph, [block]))) for block in blocks)
    return tuple(BlockRow(block.name, names[block.source], 1 - rest / macs) for block, rest in rests)


def print_spaces(rows: Iterable[SpaceRow], blocks: Sequence[BlockRow] = ()) -> None:
    """Print the spaces as a table, and one of the blocks where there are some."""
    print_table(_HEADER, [row.cells() for row in rows])
    if blocks:
        print()
        print_table(_BLOCK_HEADER, [block.cells() for block in blocks])


class _Role(Enum):
    """What a layer does to a space, in the order of the fields of a row."""

    MAKES = "makes"
    FOLLOWS = "follows"
    READS = "reads"


def _members(graph: Graph, groups: ChannelGroups) -> Iterator[tuple[int, _Role, str]]:
    """Yield space, role and name."""
    for value in graph.inputs:
        yield from ((space, _Role.MAKES, value.name) for space in _spaces(groups, value))
    for node in graph.nodes:
        rule, makes, weight = op_def(node.op).channels, makes_channels(node), None
        if isinstance(rule, Produces) or (isinstance(rule, Grouped) and makes):
            weight = node.operand(rule.weight)
        incoming = {space for value in node.present_inputs() for space in _spaces(groups, value)}
        for output in node.outputs:
            made = (space for space in _spaces(groups, output) if makes or space not in incoming)
            yield from ((space, _Role.MAKES, node.name) for space in made)
        if isinstance(rule, Produces):
            read = _spaces(groups, node.operand(rule.weight), rule.in_axis)
            yield from ((space, _Role.READS, node.name) for space in read)
        for value in node.present_inputs():
            if value.is_constant and value is not weight:
                name = f"bias of {node.name}" if weight else node.name
                yield from ((space, _Role.FOLLOWS, name) for space in _spaces(groups, value))


def _spaces(groups: ChannelGroups, value: Value, axis: int | None = None) -> list[int]:
    """Return the spaces on one axis of a value, or on all of them."""
    known = groups.axes.get(value.name, {})
    layouts = known.values() if axis is None else [known.get(axis, ())]
    return [segment.space for layout in layouts for segment in layout]
