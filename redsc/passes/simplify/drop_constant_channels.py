"""Cut the channels of an int8 network that add the same to every sum whatever its input is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from redsc.ir import Array, Graph, Node, Value, op_def
from redsc.ir.rules import Produces
from redsc.passes.base import Exactness, Log, Pass
from redsc.passes.simplify.intervals import (
    Intervals,
    find_intervals,
    layer_bias,
    layer_inputs,
    layer_weights,
    reaches_over_border,
)
from redsc.passes.slice.channels import gather_channels
from redsc.passes.spaces.groups import find_channel_groups
from redsc.passes.spaces.space import ChannelGroups, Layout, Space, contracted_by, kept_indices

__all__ = ["DropConstantChannels"]

_INT32 = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class DropConstantChannels(Pass):
    """Cut the channels of an int8 network that add the same to every sum whatever its input is.

    A linear layer sums bias + w * (x - zero point) over taps and channels, in integers. A channel in which x is
    always the integer c, or all w are 0, adds a constant per output: k = (c - zero point) * sum of w over the taps.
    Without the channel, and with bias' = bias + k, the sums are the same integers.

    1. A channel is cut from its whole space where that holds for every linear layer that reads the space. What
       other ops make of it on the way goes along, and need not be constant.
    2. The bias stays where x is the zero point or no weight reads the channel: k is 0, also beyond a border.
    3. Any other constant moves into a bias that is constant and the layer's own. Refuses where the layer reaches
       over the border of its input (there the channel adds 0, not k), or its bias could leave int32.
    4. One channel of a space stays.
    5. Repeats until nothing changes: without some outputs, a layer may no longer read some inputs.
    6. Leaves alone frozen spaces (those of graph inputs and outputs are), and what a float or a recurrent layer
       reads.
    """

    name: ClassVar[str] = "drop-constant-channels"
    summary: ClassVar[str] = "cut int8 channels that are constant or that nothing reads"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        """Cut in rounds; each one looks at the network anew."""
        rounds = 0
        while self._cut(graph, log):
            rounds += 1
        return rounds > 0

    def _cut(self, graph: Graph, log: Log) -> bool:
        groups = find_channel_groups(graph)
        sizes = {space.id: space.size for space in groups.spaces}
        readers = list(_readers(graph, groups))
        keep = {space.id: _kept(space, readers, sizes) for space in groups.free}
        keep = {space: channels for space, channels in keep.items() if len(channels) < sizes[space]}
        if not keep:
            for reader in readers:
                if reader.refusal:
                    log.refuse(self.name, reader.node.name, f"its constant inputs stay: {reader.refusal}")
            return False
        for reader in readers:
            _move_to_bias(graph, reader, kept_indices(reader.layout, keep, sizes))
        cut = gather_channels(graph, groups, keep)
        graph.inputs, graph.nodes, graph.outputs = cut.inputs, cut.nodes, cut.outputs
        for space, channels in keep.items():
            gone = sizes[space] - len(channels)
            log.change(self.name, groups.space(space).name, f"{gone} of {sizes[space]} channels add a constant")
        return True


@dataclass(frozen=True, slots=True, eq=False)
class _Reader:
    """A linear or recurrent layer, and what it reads along the input axis of its weights.

    Where `is_constant[i]`, input i adds `added[:, i]` to the sums whatever it holds. `refusal` says why constants
    other than the zero point do not count as such.
    """

    node: Node
    layout: Layout
    added: Array
    is_constant: Array
    refusal: str | None


def _readers(graph: Graph, groups: ChannelGroups) -> Iterator[_Reader]:
    """Yield the layers whose input channels are in some space."""
    intervals = find_intervals(graph)
    for node in graph.nodes:
        is_linear = isinstance(op_def(node.op).channels, Produces)
        for weight, axis in contracted_by(node):
            layout, source = groups.axes.get(weight.name, {}).get(axis), intervals.get(_source_name(node))
            inputs = None if source is None or not is_linear else layer_inputs(node, source)
            if layout and inputs is not None:
                yield _int8_reader(graph, node, layout, inputs)
            elif layout:
                depth = weight.type.shape[axis]
                yield _Reader(node, layout, np.zeros((1, depth)), np.zeros(depth, np.bool_), None)


def _source_name(node: Node) -> str:
    return op_def(node.op).source(node).name


def _int8_reader(graph: Graph, node: Node, layout: Layout, inputs: Intervals) -> _Reader:
    weights = layer_weights(node)
    adds_zero = ~weights.any(axis=(0, 1)) | ((inputs.low == 0) & (inputs.high == 0))
    moves = ~adds_zero & (inputs.low == inputs.high)
    added = np.where(moves, weights.sum(axis=1) * inputs.low, 0)
    refusal = _why_bias_stays(graph, node, added) if moves.any() else None
    return _Reader(node, layout, added, adds_zero if refusal else adds_zero | moves, refusal)


def _why_bias_stays(graph: Graph, node: Node, added: Array) -> str | None:
    """Return why constants cannot move into the bias of a layer, or None (rule 3)."""
    bias = layer_bias(node)
    if reaches_over_border(node):
        return "it reaches over the border of its input, where they add 0"
    if bias is None or bias.data is None or not graph.is_private(bias):
        return "it has no constant bias of its own"
    most = np.abs(bias.data.reshape(-1).astype(np.float64)) + np.abs(added).sum(axis=1)
    return "its bias would leave int32" if (most > _INT32).any() else None


def _kept(space: Space, readers: Iterable[_Reader], sizes: Mapping[int, int]) -> Array:
    """Return the channels of a space that some reader needs, or the first one."""
    needed = np.zeros(space.size, np.bool_)
    for reader in readers:
        start = 0
        for segment in reader.layout:
            length = segment.outer * sizes[segment.space] * segment.inner
            if segment.space == space.id:
                block = reader.is_constant[start : start + length].reshape(segment.outer, space.size, segment.inner)
                needed |= ~block.all(axis=(0, 2))
            start += length
    return np.flatnonzero(needed) if needed.any() else np.array([0])


def _move_to_bias(graph: Graph, reader: _Reader, kept: Array) -> None:
    """Add to a layer's bias what the inputs that are not kept add to its sums."""
    moved = reader.added.sum(axis=1) - reader.added[:, kept].sum(axis=1)
    bias = layer_bias(reader.node)
    if bias is not None and bias.data is not None and moved.any():
        data = bias.data + moved.reshape(bias.type.shape).astype(bias.data.dtype)
        graph.replace_uses(bias, Value.constant(bias.name, data, bias.type.quant))
