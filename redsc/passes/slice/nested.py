"""The weights of nested levels: what they share, what is each one's own, and the applier that makes graphs of it.

Levels share banks: weights of the whole network, of which a level takes the rows and columns that its widths keep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from redsc.ir import Array, Graph, Node, Quant, Value, copy_graph, op_def
from redsc.ir.rules import Grouped, Produces
from redsc.passes.slice.plan import Level, LevelPlan
from redsc.passes.slice.resize_inputs import resize_inputs
from redsc.passes.slice.skip import skip_blocks
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.blocks import SkipBlock
from redsc.passes.spaces.space import ChannelGroups

__all__ = [
    "LevelSet",
    "NestedWeights",
    "OwnWeights",
    "build_level",
    "cut_level",
    "dress_level",
    "plain_weights",
    "protect_first",
    "replace_constants",
    "sized_level",
    "weight_axes",
]


@dataclass(frozen=True, slots=True)
class OwnWeights:
    """What one level does not share.

    `constants` replace the level's constants of these names (biases, private weights), in the level's own shapes.
    `scales` are factors, one per output channel of the level, on weights that it takes from bank `bank`.
    """

    bank: int = 0
    constants: Mapping[str, Array] = field(default_factory=dict)
    scales: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NestedWeights:
    """Weights of all levels, slot 0 first, float32.

    A bank maps names of constants to arrays in the shapes of the whole (permuted) network; a constant that it does
    not name is that of the network.
    """

    banks: tuple[Mapping[str, Array], ...]
    levels: tuple[OwnWeights, ...]


@dataclass(frozen=True, slots=True)
class LevelSet:
    """A permuted network, and the levels that a plan makes of it.

    `scaled` names the weights that may have a factor per output channel in a level.
    """

    graph: Graph
    groups: ChannelGroups
    blocks: tuple[SkipBlock, ...]
    plan: LevelPlan
    scaled: frozenset[str] = frozenset()

    def widths(self, slot: int) -> Mapping[str, int]:
        """Return the widths of a level."""
        return self.plan.levels[slot].widths

    def is_whole(self, slot: int) -> bool:
        """Whether a level is the whole network."""
        level = self.plan.levels[slot]
        return not level.skipped and all(level.widths[space.name] == space.size for space in self.groups.free)

    @property
    def is_uncut(self) -> bool:
        """Whether there is nothing but the whole network."""
        return all(self.is_whole(slot) for slot in range(len(self.plan.levels)))

    def cut(self, graph: Graph, slot: int) -> Graph:
        """Return a level as a cut of the network or of another with the same values: no weight is changed."""
        return cut_level(graph, self.groups, self.blocks, self.plan.levels[slot])


def plain_weights(levels: LevelSet) -> NestedWeights:
    """Return the weights of plain slices."""
    return NestedWeights(({},), tuple(OwnWeights() for _ in levels.plan.levels))


def protect_first(weights: NestedWeights) -> NestedWeights:
    """Return the same weights with a bank for slot 0 that no other level uses."""
    if weights.levels[0].bank not in {own.bank for own in weights.levels[1:]}:
        return weights
    banks = (weights.banks[weights.levels[0].bank], *weights.banks)
    levels = (replace(own, bank=own.bank + 1 if slot else 0) for slot, own in enumerate(weights.levels))
    return NestedWeights(banks, tuple(levels))


def cut_level(graph: Graph, groups: ChannelGroups, blocks: Sequence[SkipBlock], level: Level) -> Graph:
    """Return a level of a permuted network: blocks skipped, channels sliced, weights untouched."""
    skipped = [block for block in blocks if block.name in level.skipped]
    return slice_channels(skip_blocks(graph, skipped), groups, level.widths)


def sized_level(graph: Graph, groups: ChannelGroups, blocks: Sequence[SkipBlock], level: Level) -> Graph:
    """Return a level as `cut_level` does, for images of the size that it sees.

    Raises:
        UsageError: the network does not take images of this size.
    """
    return resize_inputs(cut_level(graph, groups, blocks, level), level.view.input_size)


def build_level(levels: LevelSet, weights: NestedWeights, slot: int) -> Graph:
    """Return a level with its weights: the cut of its bank, dressed with what is its own."""
    own = weights.levels[slot]
    return dress_level(levels.cut(replace_constants(levels.graph, weights.banks[own.bank]), slot), own)


def dress_level(graph: Graph, own: OwnWeights) -> Graph:
    """Return the cut of a bank with a level's own weights: factors on shared ones, other constants instead.

    A factor on a weight that carries a quantisation scales that as well: its integers stay. Numbers that are
    replaced lose theirs.
    """
    axes = weight_axes(graph)

    def copy(value: Value) -> Value:
        if value.name not in own.scales or value.name in own.constants:
            return replace(value, producer=None, uses=[])
        return _scaled(value, own.scales[value.name], axes[value.name])

    return replace_constants(copy_graph(graph, copy), own.constants)


def weight_axes(graph: Graph) -> dict[str, int]:
    """Return, by the name of each constant weight, the axis that counts its output channels."""
    return {node.operand(rule.weight).name: rule.out_axis for node in graph.nodes if (rule := _linear(node))}


def replace_constants(graph: Graph, arrays: Mapping[str, Array]) -> Graph:
    """Return a copy of a graph in which the constants of these names hold other numbers, of the same shape."""

    def copy(value: Value) -> Value:
        if value.data is None or value.name not in arrays:
            return replace(value, producer=None, uses=[])
        data = np.asarray(arrays[value.name], value.data.dtype)
        return Value.constant(value.name, data.reshape(value.data.shape))

    return copy_graph(graph, copy)


def _linear(node: Node) -> Produces | Grouped | None:
    """Return the rule of a layer with a constant weight, None for any other node."""
    rule = op_def(node.op).channels
    return rule if isinstance(rule, (Produces, Grouped)) and node.operand(rule.weight).is_constant else None


def _scaled(value: Value, factors: Array, axis: int) -> Value:
    assert value.data is not None
    shape = [1] * value.data.ndim
    shape[axis] = -1
    quant = value.type.quant
    if quant is not None:
        scales = np.asarray(np.broadcast_to(quant.scales, factors.shape) * factors, np.float32)
        quant = Quant(tuple(scales.tolist()), quant.zero_points, axis if len(scales) > 1 else 0)
    return Value.constant(value.name, np.asarray(value.data * factors.reshape(shape), np.float32), quant)
