"""The pictures of a report: its levels beside each other, their RAM over time, the map of every arena."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from redsc.choices import Kernels
from redsc.report.data import Report
from redsc.report.html.memory import Curve, arena_map, memory_chart
from redsc.report.html.pareto import Point, scatter
from redsc.report.level import LevelReport
from redsc.report.network import NodeReport

__all__ = ["level_map", "level_plots", "memory_over_time", "peak_text", "step_names"]

_AT = {True: "in ", False: ""}  # a step, or before the first one
_METRICS = {"sqnr_db": "SQNR in dB"}  # others are called as they are


def level_plots(levels: Sequence[LevelReport]) -> Iterator[tuple[str, Markup]]:
    """Yield titles and pictures of what levels are worth, and of their RAM, over what they cost.

    There is nothing to compare where there is one level, and no worth where it was not measured.
    """
    if len(levels) < 2:
        return
    cost, costs = _costs(levels)
    qualities = [level.quality for level in levels if level.quality and level.quality.value is not None]
    if len(qualities) == len(levels):
        metric = _METRICS.get(qualities[0].metric, qualities[0].metric)
        points = [
            Point(level.name, x, quality.value or 0.0, f"{quality.value:.4g} {metric}", quality.interval)
            for level, quality, x in zip(levels, qualities, costs, strict=True)
        ]
        yield f"{metric} over {cost}", scatter(metric, points)
    points = [
        Point(level.name, x, level.arena.total_bytes / 1000, f"{level.arena.total_bytes:,} B of RAM")
        for level, x in zip(levels, costs, strict=True)
    ]
    yield f"KB of RAM over {cost}", scatter("RAM", points, from_zero=True)


def _costs(levels: Sequence[LevelReport]) -> tuple[str, list[float]]:
    """Return what levels cost: time where it is known of all, else MACs."""
    times = [level.latency_us / 1000 for level in levels if level.latency_us is not None]
    if len(times) == len(levels):
        return "ms of an inference", times
    return "million MACs", [level.macs / 1e6 for level in levels]


def memory_over_time(levels: Sequence[LevelReport]) -> Markup:
    """Return the bytes of the arena that are in use, a line per level."""
    curves = [Curve(f"level {level.name}", level.live_bytes) for level in levels]
    return memory_chart(curves, step_names(levels[0].nodes))


def step_names(nodes: Sequence[NodeReport]) -> list[str]:
    """Return what runs in every column of a chart of memory: nothing at first."""
    return [
        "before the first step",
        *(f"step {step}: {node.name} ({node.op})" for step, node in enumerate(nodes, 1)),
    ]


def peak_text(level: LevelReport) -> str:
    """Say in which step the arena of a level is fullest, and what is in it then."""
    names, live = step_names(level.nodes), level.live_bytes
    column = live.index(max(live))
    held = [buffer for buffer in level.buffers if buffer.start < column <= buffer.end]
    parts = " + ".join(f"{buffer.name} {buffer.bytes:,} B" for buffer in held)
    return f"Level {level.name} is fullest {_AT[column > 0]}{names[column]}, with {live[column]:,} B: {parts}."


def level_map(report: Report, level: LevelReport) -> Markup:
    """Return what lies where in the arena of a level."""
    ours = Kernels(report.budget.kernels).are_ours
    unplanned = "if nothing shared bytes" if ours else "as TFLM plans it alone"
    return arena_map(level.buffers, level.arena.head_bytes, level.arena.tflm_greedy_head_bytes, unplanned)
