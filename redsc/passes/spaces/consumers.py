"""Who hears a channel: the layers with constant weights that sum over the channels of a space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import lcm

import numpy as np

from redsc.ir import Array, Graph, Node, Value, op_def
from redsc.ir.rules import Produces, View
from redsc.passes.spaces.space import ChannelGroups, Layout, kept_indices

__all__ = ["Consumer", "find_consumers", "kept_channels", "row_channels", "row_lengths"]


@dataclass(frozen=True, slots=True)
class Consumer:
    """A layer whose input channels carry a free space.

    `source` is what it reads, in the shape that still has its own channel axis: a flattened image is the image.
    Where the last axis of what it reads is not that of the space, rows as long as the weight's count as channels:
    as heads side by side. The weight is (outputs, ..., depth); `layout` is that of its last axis, `heard` of the
    channels.
    """

    node: Node
    rule: Produces
    source: Value
    layout: Layout
    heard: Layout
    channels: int

    @property
    def weight(self) -> Value:
        """The constant weight."""
        return self.node.operand(self.rule.weight)

    @property
    def depth(self) -> int:
        """The length of the weight's input axis: channels of one group, or all of a flattened image."""
        return self.weight.type.shape[self.rule.in_axis]

    @property
    def row(self) -> int:
        """How many numbers belong together, a multiple of the channels: all positions of a flattened image."""
        return max(self.depth, self.channels)

    @property
    def groups(self) -> int:
        """In how many groups of channels a convolution works, each with weights of its own; 1 for most layers."""
        return max(self.channels // self.depth, 1) if self.rule.has_groups else 1


def find_consumers(graph: Graph, groups: ChannelGroups) -> Iterator[Consumer]:
    """Yield the layers that hear a free space, in the order of the schedule."""
    free = {space.id for space in groups.free}
    for node in graph.nodes:
        rule = op_def(node.op).channels
        if not isinstance(rule, Produces) or not node.operand(rule.weight).is_constant:
            continue
        weight = node.operand(rule.weight)
        layout = groups.axes.get(weight.name, {}).get(rule.in_axis, ())
        if any(segment.space in free for segment in layout):
            depth = weight.type.shape[rule.in_axis]
            source = _image(op_def(node.op).source(node), depth, groups)
            last = groups.axes[source.name].get(len(source.type.shape) - 1)
            channels = source.type.shape[-1] if last else depth
            yield Consumer(node, rule, source, layout, last or layout, channels)


def row_lengths(graph: Graph, groups: ChannelGroups) -> dict[str, int]:
    """Return, by the name of each consumer's source, a length of rows that can be folded to what each one reads."""
    lengths: dict[str, int] = {}
    for consumer in find_consumers(graph, groups):
        lengths[consumer.source.name] = lcm(lengths.get(consumer.source.name, 1), consumer.row)
    return lengths


def row_channels(graph: Graph, groups: ChannelGroups) -> dict[str, int]:
    """Return, by the name of each consumer's source, how many numbers side by side are its channels."""
    return {consumer.source.name: consumer.channels for consumer in find_consumers(graph, groups)}


def kept_channels(groups: ChannelGroups, layout: Layout, widths: Mapping[str, int]) -> Array:
    """Return the indices of an axis that stay when every space keeps its first `widths[name]` channels."""
    sizes = {space.id: space.size for space in groups.spaces}
    keep = {space.id: np.arange(widths.get(space.name, space.size)) for space in groups.free}
    return kept_indices(layout, keep, sizes)


def _image(value: Value, depth: int, groups: ChannelGroups) -> Value:
    """Follow reshapes back while rows of `depth` are whole positions, their channels on the last axis."""
    while value.producer is not None and isinstance(op_def(value.producer.op).alias, View):
        before = value.producer.operand(0)
        last = len(before.type.shape) - 1
        if groups.axes.get(before.name, {}).keys() != {last} or depth % before.type.shape[last]:
            break
        value = before
    return value
