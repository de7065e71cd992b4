"""From a plan and its weights to the networks that are shipped: int8 where the whole network became int8."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from redsc.budgets import Budgets
from redsc.ir import Graph, Value, copy_graph, real_values
from redsc.passes.base import Log
from redsc.passes.levels import Levels
from redsc.passes.quantize.fuse_lookups import FuseLookups
from redsc.passes.quantize.int8 import annotate, without_annotations
from redsc.passes.quantize.ptq import Quantized, quantize_cut
from redsc.passes.quantize.weight_scales import choose_weight_scales, weight_integers
from redsc.passes.ship import ship
from redsc.passes.slice.nested import (
    LevelSet,
    NestedWeights,
    build_level,
    dress_level,
    replace_constants,
    weight_axes,
)
from redsc.passes.slice.permute import permute_channels
from redsc.passes.slice.plan import LevelPlan
from redsc.passes.slice.resize_inputs import resize_inputs
from redsc.passes.spaces.structure import find_structure

__all__ = ["float_levels", "realize_levels"]


def float_levels(
    source: Graph, plan: LevelPlan, freeze: Iterable[str] = (), scaled: frozenset[str] = frozenset()
) -> LevelSet:
    """Return the levels of a plan over a float network; `scaled` as in `LevelSet`."""
    structure = find_structure(source, freeze, plan.segments)
    groups = structure.groups
    return LevelSet(permute_channels(source, groups, plan.order), groups, structure.blocks, plan, scaled)


def realize_levels(
    found: Levels, levels: LevelSet, weights: NestedWeights, quantized: Quantized | None, budgets: Budgets
) -> Levels:
    """Return levels whose networks have these weights.

    1. A first level that is the whole network, and whose weights did not change, stays as it is: bit for bit.
    2. In int8 the weights of every bank are rounded once, with the scales of the whole network: what a level takes
       of them are those integers, its factors go into the scales. What is its own gets scales of its own.
    3. The ranges of a level's activations are its own; graph inputs and outputs keep the whole network's scales.
    4. A level for smaller images has the weights and the scales that it would have for those of the whole network.

    Args:
        found: the levels as they were chosen.
        levels: the float network with its plan; weights carry scales where the network became int8.
        weights: what recovery and tuning made.
        quantized: the int8 form of the whole network, None where it stays float.
        budgets: how levels share weights, and with which kernels they run.
    """
    graphs = _float_graphs(levels, weights) if quantized is None else _int8_graphs(levels, weights, quantized)
    networks = []
    for slot, (chosen, graph) in enumerate(zip(found.networks, graphs, strict=True)):
        if slot == 0 and _is_untouched(levels, weights):
            networks.append(chosen)
            continue
        graph = resize_inputs(graph, chosen.view.input_size)
        FuseLookups(budgets.kernels).run(graph, Log())
        graph.name = chosen.graph.name
        networks.append(replace(chosen, graph=graph))
    return replace(found, networks=ship(networks, budgets))


def _is_untouched(levels: LevelSet, weights: NestedWeights) -> bool:
    own = weights.levels[0]
    return levels.is_whole(0) and not (own.constants or own.scales or weights.banks[own.bank])


def _float_graphs(levels: LevelSet, weights: NestedWeights) -> Iterator[Graph]:
    for slot in range(len(levels.plan.levels)):
        yield without_annotations(build_level(levels, weights, slot))


def _int8_graphs(levels: LevelSet, weights: NestedWeights, network: Quantized) -> Iterator[Graph]:
    banks = [_integer_bank(replace_constants(levels.graph, bank), network) for bank in weights.banks]
    for slot, own in enumerate(weights.levels):
        yield quantize_cut(dress_level(levels.cut(banks[own.bank], slot), own), network)


def _integer_bank(graph: Graph, network: Quantized) -> Graph:
    """Return the whole float network with weights rounded to the integers that they become, and their scales.

    Weights without scales get them, as `choose_weight_scales` says.
    """
    settings = network.settings
    keep = frozenset(settings.keep_float)
    scales = choose_weight_scales(annotate(graph, network.scales), keep, settings.dense, network.weight_scales)
    annotated = annotate(graph, scales)
    names = weight_axes(annotated)

    def copy(value: Value) -> Value:
        if value.data is None or value.type.quant is None or value.name not in names:
            return replace(value, producer=None, uses=[])
        real = real_values(Value.constant(value.name, weight_integers(value), value.type.quant))
        return Value.constant(value.name, real.astype(np.float32), value.type.quant)

    return copy_graph(annotated, copy)
