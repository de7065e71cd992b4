"""An independent check of level plans: it slices, counts and plans anew, and trusts no selector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import gcd

from redsc.budgets import Budgets
from redsc.cost.arena import Effort
from redsc.cost.latency import LatencyBound
from redsc.cost.macs import graph_macs
from redsc.cost.memory import measure_memory, resident_bytes
from redsc.ir import Graph
from redsc.option_texts import level_name
from redsc.passes.flash import levels_flash
from redsc.passes.slice.images import image_problems
from redsc.passes.slice.nested import sized_level
from redsc.passes.slice.permute import permute_channels
from redsc.passes.slice.plan import Level, LevelPlan, ceiling_macs
from redsc.passes.slice.strided import slot_graphs
from redsc.passes.spaces.blocks import SkipBlock, with_nested
from redsc.passes.spaces.space import ChannelGroups, Space

__all__ = ["Rules", "fullness_problems", "plan_problems"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a plan must keep besides its ceilings: budgets, widths in multiples, and blocks that may be skipped."""

    budgets: Budgets
    multiple: int
    blocks: tuple[SkipBlock, ...] = ()
    latency: LatencyBound | None = None


def plan_problems(graph: Graph, groups: ChannelGroups, plan: LevelPlan, rules: Rules) -> Iterator[str]:
    """Yield one sentence per broken rule.

    1. Every level names each free space once, with a multiple of `multiple` or its full size.
    2. No level is wider than the one before it, in any space, and each skips what the one before it skips.
    3. A level's MACs are at most its name in percent of the full network's; the first level's MACs and latency are
       in their budgets.
    4. All levels together meet the budgets for RAM and flash.
    5. The order of a space lists each of its channels once.
    6. Levels have names of their own, in their shortest form, and skip blocks that there are; segments that the
       plan names exist.
    7. What levels see keeps the rules of `image_problems`.
    """
    problems = [
        *_name_problems(plan),
        *_order_problems(groups, plan),
        *_width_problems(groups, plan, rules.multiple),
    ]
    views = [(level.name, level.view) for level in plan.levels]
    problems += [*_block_problems(plan, rules.blocks), *image_problems(graph, views)]
    yield from problems
    if problems:
        return
    graph = permute_channels(graph, groups, plan.order)
    networks = [sized_level(graph, groups, rules.blocks, level) for level in plan.levels]
    for level, network in zip(plan.levels, networks, strict=True):
        if graph_macs(network) > ceiling_macs(level.name, graph_macs(graph)):
            yield f"level {level.name} takes {graph_macs(network):,} of {graph_macs(graph):,} MACs"
    yield from _budget_problems(networks, rules)


def fullness_problems(graph: Graph, groups: ChannelGroups, plan: LevelPlan, rules: Rules) -> Iterator[str]:
    """Yield one sentence per space that could be one legal width wider, with ceiling, nesting and budgets kept.

    Spaces that a level does not have, for it skips the blocks around them, may be as narrow as they like.
    """
    graph = permute_channels(graph, groups, plan.order)
    networks = [sized_level(graph, groups, rules.blocks, level) for level in plan.levels]
    outer = Level("", {space.name: space.size for space in groups.free})
    for index, level in enumerate(plan.levels):
        ceiling, present = ceiling_macs(level.name, graph_macs(graph)), _present(networks[index], groups)
        for space in groups.free:
            width = level.widths[space.name]
            step = _step(space, rules.multiple)
            wider = min((width // step + 1) * step, outer.widths[space.name])
            if wider == width or space.id not in present:
                continue
            network = sized_level(graph, groups, rules.blocks, _widened(level, space, wider))
            others = [*networks[:index], network, *networks[index + 1 :]]
            if graph_macs(network) <= ceiling and not any(_budget_problems(others, rules)):
                yield f"level {level.name} has room for {wider} channels of {space.name}"
        outer = level


def _widened(level: Level, space: Space, width: int) -> Level:
    return replace(level, widths={**level.widths, space.name: width})


def _step(space: Space, multiple: int) -> int:
    """Return how many channels of a space make every layer with it narrower by a multiple."""
    return multiple // gcd(multiple, space.quantum)


def _present(network: Graph, groups: ChannelGroups) -> set[int]:
    """Return the spaces that a network has."""
    axes = [groups.axes.get(value.name, {}) for value in network.values()]
    return {segment.space for layouts in axes for layout in layouts.values() for segment in layout}


def _name_problems(plan: LevelPlan) -> Iterator[str]:
    if len({level.name for level in plan.levels}) < len(plan.levels):
        yield "two levels have the same name"
    for level in plan.levels:
        if level.name != level_name(level.name):
            yield f"level {level.name!r} has the name {level_name(level.name)}"


def _block_problems(plan: LevelPlan, blocks: Sequence[SkipBlock]) -> Iterator[str]:
    known = {block.name for block in blocks}
    if missing := [name for name in plan.segments if name not in known]:
        yield f"there are no such segments: {', '.join(missing)}"
    for level in plan.levels:
        if unknown := sorted(set(level.skipped) - known):
            yield f"level {level.name} skips blocks that there are not: {', '.join(unknown)}"
    for outer, level in pairwise(plan.levels):
        if kept := sorted(set(with_nested(blocks, outer.skipped)) - set(with_nested(blocks, level.skipped))):
            yield f"level {level.name} has blocks that the level before it skips: {', '.join(kept)}"


def _order_problems(groups: ChannelGroups, plan: LevelPlan) -> Iterator[str]:
    sizes = {space.name: space.size for space in groups.free}
    for name, channels in plan.order.items():
        if sorted(channels) != list(range(sizes.get(name, 0))):
            yield f"the order of {name} does not list the channels of a free space once each"


def _width_problems(groups: ChannelGroups, plan: LevelPlan, multiple: int) -> Iterator[str]:
    sizes = {space.name: space.size for space in groups.free}
    outer: Mapping[str, int] = sizes
    for level in plan.levels:
        if set(level.widths) != set(sizes):
            yield f"level {level.name} names the spaces {sorted(set(level.widths) ^ set(sizes))} wrongly"
            return
        for space in groups.free:
            width, step = level.widths[space.name], _step(space, multiple)
            if not 0 < width <= space.size or (width % step and width != space.size):
                yield f"level {level.name} gives {space.name} {width} of {space.size} channels, in steps of {step}"
            if width > outer[space.name]:
                yield f"level {level.name} is wider than the level before it at {space.name}"
        outer = level.widths


def _budget_problems(networks: Sequence[Graph], rules: Rules) -> Iterator[str]:
    budgets, latency = rules.budgets, rules.latency
    if budgets.macs is not None and graph_macs(networks[0]) > budgets.macs:
        yield f"{graph_macs(networks[0]):,} MACs exceed the budget of {budgets.macs:,}"
    if latency is not None and (taken := latency.table.microseconds(networks[0])) > latency.microseconds:
        yield f"{taken:,} us exceed the budget of {latency.microseconds:,} us"
    if budgets.ram_bytes is None and budgets.flash_bytes is None:
        return
    slots = slot_graphs(networks, budgets.slots)
    memory = [measure_memory(slot, budgets.kernels, effort=Effort.QUICK) for slot in slots]
    needed = resident_bytes(memory, budgets.resident)
    if budgets.ram_bytes is not None and needed > budgets.ram_bytes:
        yield f"{needed:,} B of RAM exceed the budget of {budgets.ram_bytes:,} B"
    if budgets.flash_bytes is not None:
        needed = levels_flash(slots, memory, budgets.kernels)
        if needed > budgets.flash_bytes:
            yield f"{needed:,} B of flash exceed the budget of {budgets.flash_bytes:,} B"
