"""One run of recovery: all levels walk through the network in lock step, each layer is repaired before it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from redsc.ir import Array, Node, Value
from redsc.passes.recover.layers import (
    Layer,
    Positions,
    as_layer,
    kept_columns,
    kept_rows,
    rows_of,
    sampled,
)
from redsc.passes.recover.least_squares import moments
from redsc.passes.recover.repair import KeptLayer, Repair, repair_layer
from redsc.passes.recover.split_activations import split_activations
from redsc.passes.slice.nested import LevelSet, NestedWeights, OwnWeights
from redsc.runtime.observe.walk import Walk

__all__ = ["Recipe", "run_recovery"]

_POSITIONS = 32  # of every sample's output, per layer: neighbours tell little more
_MOST_COLUMNS = 4608  # a 3x3 convolution over 512 channels; wider layers keep their weights
_SEED = 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a run may do: give levels private layers, and solve what they share, with a weight for slot 0.

    With `keeps_first` slot 0 keeps its own bank, the others share a second one. With `refits` the held-back samples
    choose between solutions, and those that are chosen are then solved from all samples.
    """

    private: bool = False
    shared: bool = False
    first_weight: float = 1.0
    keeps_first: bool = False
    refits: bool = False


@dataclass(slots=True)
class _Run:
    """The state of a run: the reference's walk, those of the levels by slot, and what was found."""

    levels: LevelSet
    recipe: Recipe
    is_held: Array
    reference: Walk
    walks: dict[int, Walk]
    bank: dict[str, Array] = field(default_factory=dict)
    constants: dict[int, dict[str, Array]] = field(default_factory=dict)
    scales: dict[int, dict[str, Array]] = field(default_factory=dict)

    def repair(self, layer: Layer) -> None:
        """Repair a layer that the reference has just run, in all levels; none has run it yet."""
        walks = {slot: walk for slot, walk in self.walks.items() if _makes(walk, layer.node)}
        if not walks:
            return
        value = layer.node.operand(1)
        assert value.data is not None
        start = layer.matrix(value.data)
        if not layer.is_solvable or start.shape[1] > _MOST_COLUMNS:
            for slot, walk in walks.items():
                self.shift(slot, walk, layer)
            return
        output = self.reference.arrays[layer.node.outputs[0].name]
        rows = int(np.prod(output.shape[1:-1]))
        positions = Positions.draw(len(output), rows, _POSITIONS, _SEED)
        levels = [self.kept(slot, walk, layer, output, positions) for slot, walk in walks.items()]
        may_own = self.recipe.private and _is_cheap(self.levels, layer)
        found = repair_layer(
            layer,
            start,
            levels,
            is_shared=self.recipe.shared,
            is_scaled=layer.weight in self.levels.scaled,
            private_bytes=_weights_of(self.levels) if may_own else None,
        )
        self.apply(layer, found, start, levels)

    def kept(self, slot: int, walk: Walk, layer: Layer, output: Array, positions: Positions) -> KeptLayer:
        """Return what a level keeps of a layer, what it reads of the samples, and what it should make of it."""
        groups, widths = self.levels.groups, self.levels.widths(slot)
        rows, columns = kept_rows(layer, groups, widths), kept_columns(layer, groups, widths)
        node = _next_node(walk)
        local = as_layer(node)
        assert local is not None
        target = sampled(output[..., rows] + self.shortcut(walk, node, rows), positions)
        read = rows_of(local, walk.arrays[node.operand(0).name], positions)
        held = np.repeat(self.is_held, positions.index.shape[1])
        alpha = self.recipe.first_weight if slot == 0 else 1.0
        is_whole = slot == 0 and self.levels.is_whole(0)
        fit, other = moments(read[~held], target[~held]), moments(read[held], target[held])
        final = fit.joined(other) if self.recipe.refits else fit
        return KeptLayer(slot, alpha, is_whole, rows, columns, fit, other, final)

    def shortcut(self, walk: Walk, node: Node, rows: Array) -> Array | float:
        """Return by how much a shortcut that is added to a layer's result is already off in a level.

        The layer can make up for it: its target is the sum of the whole network less the level's own shortcut.
        """
        (output,) = node.outputs
        if len(output.uses) != 1 or output.uses[0].node.op != "ADD":
            return 0.0
        other = next((v for v in output.uses[0].node.present_inputs() if v is not output), None)
        if other is None or other.type.shape != output.type.shape:
            return 0.0
        if other.name not in walk.arrays or other.name not in self.reference.arrays:
            return 0.0
        found: Array = self.reference.arrays[other.name][..., rows] - walk.arrays[other.name]
        return found

    def shift(self, slot: int, walk: Walk, layer: Layer) -> None:
        """Repair only the mean: for layers that are not solved."""
        if slot == 0 and not self.recipe.shared:
            return
        (made,) = walk.peek().values()
        rows = kept_rows(layer, self.levels.groups, self.levels.widths(slot))
        wanted = self.reference.arrays[layer.node.outputs[0].name][..., rows]
        axes = tuple(range(made.ndim - 1))
        node = _next_node(walk)
        bias = next(value for value in node.present_inputs() if value.name == layer.bias)
        assert bias.data is not None
        shifted = bias.data + (wanted.mean(axes) - made.mean(axes)).reshape(bias.data.shape)
        self.constants[slot][layer.bias] = shifted
        _set_constants(walk, node, {layer.bias: shifted})

    def apply(self, layer: Layer, found: Repair, start: Array, levels: Sequence[KeptLayer]) -> None:
        """Write down what was found, and give it to the levels' next node."""
        matrix = start if found.matrix is None else found.matrix
        if found.matrix is not None:
            self.bank[layer.weight] = layer.tensor(found.matrix, layer.shape)
        for level in levels:
            slot = level.slot
            node, own = _next_node(self.walks[slot]), found.private.get(slot)
            shape = node.operand(1).type.shape
            self.constants[slot][layer.bias] = np.asarray(found.biases[slot], np.float32)
            if own is not None:
                self.constants[slot][layer.weight] = layer.tensor(own, shape)
            else:
                own = level.cut(matrix, layer.is_grouped)
            if slot in found.scales:
                self.scales[slot][layer.weight] = np.asarray(found.scales[slot], np.float32)
                own = own * found.scales[slot][:, None]
            numbers = {layer.weight: layer.tensor(own, shape), layer.bias: found.biases[slot]}
            _set_constants(self.walks[slot], node, numbers)


def run_recovery(
    levels: LevelSet, samples: Sequence[Sequence[Array]], is_held: Array, recipe: Recipe
) -> NestedWeights:
    """Return weights for the levels of a plan, repaired as a recipe says.

    Args:
        levels: the network and its levels.
        samples: inputs of the network, in its own layout.
        is_held: which samples (N) choose between solutions and are not fitted.
        recipe: what may change.
    """
    slots = range(len(levels.plan.levels))
    stays = levels.is_whole(0) and (recipe.keeps_first or not recipe.shared)
    graphs = {slot: levels.cut(levels.graph, slot) for slot in slots if slot or not stays}
    reference, *others = (Walk.start(split_activations(g), samples) for g in (levels.graph, *graphs.values()))
    walks = dict(zip(graphs, others, strict=True))
    run = _Run(levels, recipe, is_held, reference, walks)
    run.constants, run.scales = {slot: {} for slot in slots}, {slot: {} for slot in slots}
    while (node := reference.next_node) is not None:
        layer = as_layer(node)
        reference.step()
        if layer is not None:
            run.repair(layer)
        for walk in walks.values():
            if _makes(walk, node):
                walk.step()
    two_banks = recipe.keeps_first and levels.is_whole(0)
    banks = ({}, run.bank) if two_banks else (run.bank,)
    own = (OwnWeights(int(two_banks and slot > 0), run.constants[slot], run.scales[slot]) for slot in slots)
    return NestedWeights(banks, tuple(own))


def _weights_of(levels: LevelSet) -> int:
    """Return the number of weights of the whole network: their bytes in int8."""
    layers = [layer for node in levels.graph.nodes if (layer := as_layer(node))]
    return sum(layer.node.operand(1).type.elements for layer in layers)


def _next_node(walk: Walk) -> Node:
    """Return the next node of a level that makes what the reference just made: there is one."""
    assert walk.next_node is not None
    return walk.next_node


def _makes(walk: Walk, node: Node) -> bool:
    """Whether a level's next node makes what this node of the whole network makes."""
    return walk.next_node is not None and walk.next_node.outputs[0].name == node.outputs[0].name


def _is_cheap(levels: LevelSet, layer: Layer) -> bool:
    """Whether a layer may have private weights: it is depthwise, or its output keeps its width in all levels."""
    rows = layer.node.outputs[0].type.shape[-1]
    narrowest = levels.plan.levels[-1].widths
    return layer.is_grouped or len(kept_rows(layer, levels.groups, narrowest)) == rows


def _set_constants(walk: Walk, node: Node, numbers: Mapping[str, Array]) -> None:
    for index, value in enumerate(node.inputs):
        if value is not None and value.name in numbers and value.data is not None:
            data = np.asarray(numbers[value.name], np.float32).reshape(value.data.shape)
            walk.graph.set_input(node, index, Value.constant(value.name, data))
