"""Why a compile came out as it did, and what became of one node."""

from __future__ import annotations

from collections.abc import Iterator

from redsc.budgets import Budgets
from redsc.compile.artefact import Artefact
from redsc.cost.liveness import peak_working_set
from redsc.cost.macs import graph_macs
from redsc.cost.memory import resident_bytes
from redsc.cost.order import order_free_bound, order_problem
from redsc.errors import UsageError, did_you_mean, printable
from redsc.ir import Graph, Node, op_def
from redsc.options import Options
from redsc.passes.flash import levels_flash
from redsc.passes.levels import Levels
from redsc.passes.select.binding import binding_bounds
from redsc.passes.select.shortfall import peak_lines
from redsc.passes.slice.plan import ceiling_macs
from redsc.passes.spaces.structure import find_structure
from redsc.report.explanation import Bound, Explanation, LevelBounds, LevelPeak
from redsc.report.spaces import SpaceRow, space_rows

__all__ = ["explain", "explain_node"]


def explain(artefact: Artefact, options: Options) -> Explanation:
    """Return why a compile with these options came out as it did."""
    levels, log = artefact.choice.levels, artefact.log
    return Explanation(
        peaks=tuple(_peaks(levels, options.budgets)),
        bounds=tuple(_bounds(artefact, options.budgets)),
        levels=tuple(_level_bounds(artefact, options)),
        spaces=tuple(row for row in _spaces(artefact, options) if row.frozen),
        savings=dict(log.savings),
        log=tuple(log.entries),
    )


def _peaks(levels: Levels, budgets: Budgets) -> Iterator[LevelPeak]:
    for name, network in zip(levels.names, levels.networks, strict=True):
        memory, graph = network.memory, network.shipped
        order_bound = order_free_bound(order_problem(graph, kernels=budgets.kernels))
        where = tuple(peak_lines(graph, budgets.kernels))
        yield LevelPeak(name, memory.head_bytes, memory.lower_bound_bytes, order_bound, where)


def _bounds(artefact: Artefact, budgets: Budgets) -> Iterator[Bound]:
    levels = artefact.choice.levels
    memory = [network.memory for network in levels.networks]
    yield Bound("RAM", resident_bytes(memory, budgets.resident), budgets.ram_bytes)
    yield Bound("flash", levels_flash(levels.slots, memory, budgets.kernels), budgets.flash_bytes)
    yield Bound("MACs", levels.networks[0].macs, budgets.macs)
    latency_us = artefact.report.levels[0].latency_us
    if latency_us is not None:
        yield Bound("latency", latency_us, budgets.latency_us)


def _level_bounds(artefact: Artefact, options: Options) -> Iterator[LevelBounds]:
    choice, full = artefact.choice, graph_macs(artefact.choice.network)
    plan = choice.levels.plan
    stops = binding_bounds(choice.network, plan, options.budgets, options.freeze, options.width_multiple)
    for level, network, found in zip(plan.levels, choice.levels.networks, stops, strict=True):
        yield LevelBounds(level.name, network.macs, ceiling_macs(level.name, full), found)


def _spaces(artefact: Artefact, options: Options) -> tuple[SpaceRow, ...]:
    """Return the channel spaces of the network, none where nothing was to be cut."""
    if not options.cuts:
        return ()
    network, segments = artefact.choice.network, artefact.choice.levels.plan.segments
    return space_rows(network, find_structure(network, options.freeze, segments).groups)


def explain_node(artefact: Artefact, options: Options, name: str) -> tuple[str, ...]:
    """Return what became of the node with this name: in each level, of its channels, and what passes did to it.

    Raises:
        UsageError: no node has this name, in the model file or after the passes.
    """
    levels, log = artefact.choice.levels, artefact.log
    graphs = [artefact.choice.model.graph, *levels.graphs]
    known = {item for graph in graphs for node in graph.nodes for item in (node.name, *node.origin)}
    known |= {entry.place for entry in log.entries}
    if name not in known:
        hint = did_you_mean(name, sorted(known)) or "names are those of the model file"
        raise UsageError(f"there is no node {name!r}", code="U252", hint=hint)
    lines = [f"node {name}"]
    for level, graph in zip(levels.names, levels.slots, strict=True):
        lines += [f"  level {level}: {text}" for text in _in_level(graph, name)]
    lines += [f"  {text}" for row in _spaces(artefact, options) for text in _of_space(levels, row, name)]
    lines += [f"  {entry.render()}" for entry in log.entries if entry.is_about(name)]
    return tuple(map(printable, lines))


def _in_level(graph: Graph, name: str) -> Iterator[str]:
    """Yield what a node is in a level."""
    peak = peak_working_set(graph)
    found = [node for node in graph.nodes if name in (node.name, *node.origin)]
    for node in found:
        is_live = peak is not None and any(value in peak.values for value in node.outputs)
        state = "its result is live at the peak" if is_live else "not live at the peak"
        where = "the peak is here" if peak is not None and peak.node is node else state
        what = node.op if node.name == name else f"a part of {node.op} {node.name}"
        yield f"{what}, {_shapes(node)}, {op_def(node.op).macs(node):,} MACs, {where}"
    if not found:
        yield "it is no node of its own any more"


def _shapes(node: Node) -> str:
    results = ("x".join(map(str, value.type.shape)) for value in node.outputs)
    return " and ".join(f"{shape} {node.outputs[0].type.dtype.value}" for shape in results)


def _of_space(levels: Levels, row: SpaceRow, name: str) -> Iterator[str]:
    """Yield what a node does to a channel space, and how wide that is."""
    roles = {"makes": row.makers, "follows": row.followers, "reads": row.readers}
    for verb, members in roles.items():
        if name in members:
            widths = (network.widths.get(row.name) for network in levels.networks)
            cut = ", ".join(f"{width} at level {level}" for level, width in zip(levels.names, widths, strict=True))
            state = f"frozen: {row.frozen}" if row.frozen else cut
            yield f"{verb} the channels {row.name}, {row.channels}: {state}"
