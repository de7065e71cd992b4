"""What one model needs: RAM under TFLM, flash, MACs, and what is live at the peak."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from redsc.cost.memory import measure_memory
from redsc.errors import printable
from redsc.formats import Model, write_tflite
from redsc.passes.groups import find_channel_groups
from redsc.passes.select.shortfall import peak_lines
from redsc.report.build import model_report
from redsc.report.data import ModelReport
from redsc.report.terminal import print_table

__all__ = ["Analysis", "analyze_model", "print_analysis"]


@dataclass(frozen=True, slots=True)
class Analysis:
    """The numbers of one network in its given order, in bytes; `peak` says where the working set is largest."""

    model: ModelReport
    live_peak_bytes: int
    lower_bound_bytes: int
    head_bytes: int
    tflm_greedy_head_bytes: int
    tail_bytes: int
    planning_bytes: int
    total_bytes: int
    status: str
    flash_bytes: int
    weight_bytes: int
    free_spaces: int
    frozen_spaces: int
    peak: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def analyze_model(model: Model) -> Analysis:
    """Measure a model as it stands."""
    graph = model.graph
    memory, groups = measure_memory(graph), find_channel_groups(graph)
    return Analysis(
        model=model_report(model),
        live_peak_bytes=memory.live_peak_bytes,
        lower_bound_bytes=memory.lower_bound_bytes,
        head_bytes=memory.head_bytes,
        tflm_greedy_head_bytes=memory.greedy_head_bytes,
        tail_bytes=memory.tail_bytes,
        planning_bytes=memory.planning_bytes,
        total_bytes=memory.arena_bytes,
        status=memory.status,
        flash_bytes=len(write_tflite(graph, memory.offsets)),
        weight_bytes=sum(value.type.nbytes for value in graph.constants()),
        free_spaces=len(groups.free),
        frozen_spaces=len(groups.spaces) - len(groups.free),
        peak=tuple(peak_lines(graph)),
    )


def print_analysis(analysis: Analysis) -> None:
    """Print the numbers with what they mean."""
    model = analysis.model
    print(f"\n{model.path}: {model.format}, {model.ops} ops, {model.macs:,} MACs\n")
    rows = [
        ("live-sum peak", analysis.live_peak_bytes, "tensors that are live at once, without alignment"),
        ("lower bound", analysis.lower_bound_bytes, "no arena can be smaller in this order"),
        ("planned head", analysis.head_bytes, f"what redsc plans ({analysis.status})"),
        ("TFLM's own head", analysis.tflm_greedy_head_bytes, "what TFLM's greedy planner does alone"),
        ("persistent tail", analysis.tail_bytes, "TFLM's structures on a 32-bit target"),
        ("planning temporaries", analysis.planning_bytes, "what TFLM needs in the head's place while it plans"),
        ("arena", analysis.total_bytes, "what to reserve: the tail, and the head or the temporaries"),
        ("model array", analysis.flash_bytes, f"flash, {analysis.weight_bytes:,} B of it weights"),
    ]
    print_table(["", "bytes", ""], [(name, f"{nbytes:,}", text) for name, nbytes, text in rows])
    print("\npeak " + "\n     ".join(printable(line) for line in analysis.peak))
    print(f"{analysis.free_spaces} channel spaces can be cut, {analysis.frozen_spaces} are frozen")
