"""The weights of nested levels: what they share, what is each one's own, and the applier that makes graphs of it.

Levels share banks: weights of the whole network, of which a level takes the rows and columns that its widths keep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from redsc.ir import Array, Graph, Node, Value, copy_graph, op_def
from redsc.ir.rules import Grouped, Produces
from redsc.passes.blocks import SkipBlock, skip_blocks
from redsc.passes.plan import Level
from redsc.passes.slice import slice_channels
from redsc.passes.spaces import ChannelGroups

__all__ = ["NestedWeights", "OwnWeights", "build_level", "cut_level", "replace_constants", "weight_axes"]


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


def cut_level(permuted: Graph, groups: ChannelGroups, blocks: Sequence[SkipBlock], level: Level) -> Graph:
    """Return a level as a cut of the permuted network: blocks skipped, channels sliced, weights untouched."""
    skipped = [block for block in blocks if block.name in level.skipped]
    return slice_channels(skip_blocks(permuted, skipped), groups, level.widths)


def build_level(
    permuted: Graph,
    groups: ChannelGroups,
    blocks: Sequence[SkipBlock],
    level: Level,
    weights: NestedWeights,
    slot: int,
) -> Graph:
    """Return a level with its weights: the cut of its bank, scaled, and with its own constants."""
    own = weights.levels[slot]
    graph = cut_level(replace_constants(permuted, weights.banks[own.bank]), groups, blocks, level)
    axes = weight_axes(graph)
    scaled = {
        value.name: _scaled(value, own.scales[value.name], axes[value.name])
        for value in graph.constants()
        if value.name in own.scales
    }
    return replace_constants(graph, {**scaled, **own.constants})


def weight_axes(graph: Graph) -> dict[str, int]:
    """Return, by the name of each constant weight, the axis that counts its output channels."""
    return {node.operand(rule.weight).name: rule.out_axis for node in graph.nodes if (rule := _linear(node))}


def replace_constants(graph: Graph, arrays: Mapping[str, Array]) -> Graph:
    """Return a copy of a graph in which the constants of these names hold other numbers, of the same shape."""

    def copy(value: Value) -> Value:
        if value.data is None:
            return Value(value.name, value.type)
        data = np.asarray(arrays.get(value.name, value.data), value.data.dtype)
        return Value.constant(value.name, data.reshape(value.data.shape), value.type.quant)

    return copy_graph(graph, copy)


def _linear(node: Node) -> Produces | Grouped | None:
    """Return the rule of a layer with a constant weight, None for any other node."""
    rule = op_def(node.op).channels
    return rule if isinstance(rule, (Produces, Grouped)) and node.operand(rule.weight).is_constant else None


def _scaled(value: Value, factors: Array, axis: int) -> Array:
    assert value.data is not None
    shape = [1] * value.data.ndim
    shape[axis] = -1
    return np.asarray(value.data * factors.reshape(shape), np.float32)
