"""An independent check of level plans: it slices, counts and plans anew, and trusts no selector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from redsc.cost.arena import Effort
from redsc.cost.macs import graph_macs
from redsc.cost.memory import measure_memory, resident_bytes
from redsc.formats import write_models
from redsc.ir import Graph
from redsc.options import Budgets, level_name
from redsc.passes.permute import permute_channels
from redsc.passes.plan import LevelPlan, ceiling_macs
from redsc.passes.slice import slice_channels
from redsc.passes.spaces import ChannelGroups

__all__ = ["fullness_problems", "plan_problems"]

Widths = Mapping[str, int]


def plan_problems(
    graph: Graph, groups: ChannelGroups, plan: LevelPlan, budgets: Budgets, multiple: int
) -> Iterator[str]:
    """Yield one sentence per broken rule.

    1. Every level names each free space once, with a multiple of `multiple` or its full size.
    2. No level is wider than the one before it, in any space.
    3. A level's MACs are at most its name in percent of the full network's; the first level's are in the budget.
    4. All levels together meet the budgets for RAM and flash.
    5. The order of a space lists each of its channels once.
    6. Levels have names of their own, in their shortest form, and neither skipped blocks nor another resolution.
    """
    problems = [*_name_problems(plan), *_order_problems(groups, plan), *_width_problems(groups, plan, multiple)]
    yield from problems
    if problems:
        return
    graph = permute_channels(graph, groups, plan.order)
    networks = [slice_channels(graph, groups, level.widths) for level in plan.levels]
    for level, network in zip(plan.levels, networks, strict=True):
        if graph_macs(network) > ceiling_macs(level.name, graph_macs(graph)):
            yield f"level {level.name} takes {graph_macs(network):,} of {graph_macs(graph):,} MACs"
    yield from _budget_problems(networks, budgets)


def fullness_problems(
    graph: Graph, groups: ChannelGroups, plan: LevelPlan, budgets: Budgets, multiple: int
) -> Iterator[str]:
    """Yield one sentence per space that could be one legal width wider, with ceiling, nesting and budgets kept."""
    graph = permute_channels(graph, groups, plan.order)
    networks = [slice_channels(graph, groups, level.widths) for level in plan.levels]
    outer: Widths = {space.name: space.size for space in groups.free}
    for index, level in enumerate(plan.levels):
        ceiling = ceiling_macs(level.name, graph_macs(graph))
        for name, width in level.widths.items():
            wider = min((width // multiple + 1) * multiple, outer[name])
            if wider == width:
                continue
            network = slice_channels(graph, groups, {**level.widths, name: wider})
            others = [*networks[:index], network, *networks[index + 1 :]]
            if graph_macs(network) <= ceiling and not any(_budget_problems(others, budgets)):
                yield f"level {level.name} has room for {wider} channels of {name}"
        outer = level.widths


def _name_problems(plan: LevelPlan) -> Iterator[str]:
    if len({level.name for level in plan.levels}) < len(plan.levels):
        yield "two levels have the same name"
    for level in plan.levels:
        if level.name != level_name(level.name):
            yield f"level {level.name!r} has the name {level_name(level.name)}"
        if level.skipped or level.resolution:
            yield f"level {level.name} skips blocks or changes the resolution, which redsc cannot do yet"


def _order_problems(groups: ChannelGroups, plan: LevelPlan) -> Iterator[str]:
    sizes = {space.name: space.size for space in groups.free}
    for name, channels in plan.order.items():
        if sorted(channels) != list(range(sizes.get(name, 0))):
            yield f"the order of {name} does not list the channels of a free space once each"


def _width_problems(groups: ChannelGroups, plan: LevelPlan, multiple: int) -> Iterator[str]:
    sizes = {space.name: space.size for space in groups.free}
    outer: Widths = sizes
    for level in plan.levels:
        if set(level.widths) != set(sizes):
            yield f"level {level.name} names the spaces {sorted(set(level.widths) ^ set(sizes))} wrongly"
            return
        for name, width in level.widths.items():
            if not 0 < width <= sizes[name] or (width % multiple and width != sizes[name]):
                yield f"level {level.name} gives {name} {width} of {sizes[name]} channels, in steps of {multiple}"
            if width > outer[name]:
                yield f"level {level.name} is wider than the level before it at {name}"
        outer = level.widths


def _budget_problems(networks: Sequence[Graph], budgets: Budgets) -> Iterator[str]:
    if budgets.macs is not None and graph_macs(networks[0]) > budgets.macs:
        yield f"{graph_macs(networks[0]):,} MACs exceed the budget of {budgets.macs:,}"
    if budgets.ram_bytes is None and budgets.flash_bytes is None:
        return
    memory = [measure_memory(network, budgets.kernels, effort=Effort.QUICK) for network in networks]
    needed = resident_bytes(memory, budgets.resident)
    if budgets.ram_bytes is not None and needed > budgets.ram_bytes:
        yield f"{needed:,} B of RAM exceed the budget of {budgets.ram_bytes:,} B"
    if budgets.flash_bytes is not None:
        container = len(write_models(networks, [item.offsets for item in memory]))
        if container > budgets.flash_bytes:
            yield f"{container:,} B of flash exceed the budget of {budgets.flash_bytes:,} B"
