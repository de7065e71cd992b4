"""What nodes cost as node data of Model Explorer (https://github.com/google-ai-edge/model-explorer).

A file is a metric: `results` by the key of a node, `gradient` from the least value to the largest. A node of a
TFLite file has the name of its result as a key, one of an ONNX file its own name. Without the name of a graph the
data are for the one that is open.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from redsc.report.network import NodeReport

__all__ = ["METRICS", "Metric", "render_overlays"]

_PALE, _STRONG = "#f4f7fd", "#2c4f9e"


@dataclass(frozen=True, slots=True)
class Metric:
    """How several nodes that one node of the file became count together, and whether more is worse."""

    join: Callable[[Sequence[float]], float]
    more_is_worse: bool = True


METRICS = {
    "macs": Metric(sum),
    "constant_bytes": Metric(sum),
    "live_bytes": Metric(max),
    "latency_us": Metric(sum),
    "sqnr_db": Metric(min, more_is_worse=False),
}


def render_overlays(nodes: Sequence[NodeReport], live_bytes: Sequence[int]) -> dict[str, str]:
    """Return the file of every metric that is known of some node, the worse the darker.

    Args:
        nodes: those of the network, in the order in which they run.
        live_bytes: of the arena, before the first step and in every step.
    """
    values = {
        metric: [getattr(node, metric) for node in nodes] if metric != "live_bytes" else list(live_bytes[1:])
        for metric in METRICS
    }
    found = {metric: _joined(metric, nodes, numbers) for metric, numbers in values.items()}
    return {metric: _render(METRICS[metric], results) for metric, results in found.items() if results}


def _joined(metric: str, nodes: Sequence[NodeReport], numbers: Sequence[float | None]) -> dict[str, float]:
    parts: dict[str, list[float]] = {}
    for node, number in zip(nodes, numbers, strict=True):
        if node.source is not None and number is not None:
            parts.setdefault(node.source, []).append(number)
    return {name: METRICS[metric].join(row) for name, row in parts.items()}


def _render(metric: Metric, results: dict[str, float]) -> str:
    colours = (_PALE, _STRONG) if metric.more_is_worse else (_STRONG, _PALE)
    gradient = [{"stop": stop, "bgColor": colour} for stop, colour in enumerate(colours)]
    values = {name: {"value": round(value, 3)} for name, value in results.items()}
    return json.dumps({"results": values, "gradient": gradient}, indent=1) + "\n"
