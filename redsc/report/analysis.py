"""What one model needs: RAM under TFLM, flash, MACs, and what is live at the peak."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from redsc.choices import Kernels
from redsc.cost.liveness import working_sets
from redsc.cost.memory import NetworkMemory, measure_memory
from redsc.cost.order import order_free_bound, order_problem, reuse_distance, unas_peak_bytes
from redsc.engine.rows import refusals
from redsc.errors import printable
from redsc.formats import Model, shared_constants, write_tflite
from redsc.ir import Graph, copy_graph
from redsc.passes.base import Log, run_passes
from redsc.passes.quantize.fuse_lookups import FuseLookups
from redsc.passes.schedule import Schedule
from redsc.passes.select.shortfall import peak_lines
from redsc.passes.spaces.groups import find_channel_groups
from redsc.report.build import model_report
from redsc.report.data import ModelReport
from redsc.report.network import BufferReport, NodeReport, buffer_reports, node_reports
from redsc.report.text import print_facts, print_table

__all__ = ["Analysis", "KernelMemory", "analyze_model", "kernel_table", "number_table", "print_analysis"]

_FLAGS = {"redsc": "--backend c", "redsc-small": "--backend c --prefer ram"}


@dataclass(frozen=True, slots=True)
class KernelMemory:
    """What a network needs with one library of kernels, in bytes, in the best order that is known.

    `buffers` are what lies in the head.
    """

    head_bytes: int
    lower_bound_bytes: int
    status: str
    tail_bytes: int
    planning_bytes: int
    total_bytes: int
    buffers: tuple[BufferReport, ...]


@dataclass(frozen=True, slots=True)
class Analysis:
    """The numbers of one network in bytes; `peak` says where the working set is largest.

    Peaks, the packing bound and TFLM's own head are those of the order in the file; `order` is what the search for
    a better one found; `reuse_distance_bytes` and `kernels`, what redsc plans for each library that has kernels for
    all of its operators, are those of that, and so are the `nodes`. `live_bytes` are what is live before the first
    step and in every step: in that order, and in the file's.
    """

    model: ModelReport
    live_peak_bytes: int
    unas_peak_bytes: int
    order_free_bound_bytes: int
    packing_bound_bytes: int
    tflm_greedy_head_bytes: int
    reuse_distance_bytes: int
    order: str
    kernels: Mapping[str, KernelMemory]
    flash_bytes: int
    weight_bytes: int
    free_spaces: int
    frozen_spaces: int
    peak: tuple[str, ...]
    nodes: tuple[NodeReport, ...]
    live_bytes: tuple[int, ...]
    file_live_bytes: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def analyze_model(model: Model) -> Analysis:
    """Measure a model after the lossless passes, in the order of its file and then in the best one."""
    graph, log = model.graph, Log()
    given, groups, peak = measure_memory(graph), find_channel_groups(graph), tuple(peak_lines(graph))
    unas_peak, bound = unas_peak_bytes(graph), order_free_bound(order_problem(graph))
    file_live_bytes = _live_bytes(graph)
    Schedule().run(graph, log)
    ordered = order_problem(graph)
    lowered = {kernels: _for_kernels(graph, kernels) for kernels in Kernels}
    memory = {kernels: measure_memory(lowered[kernels], kernels) for kernels in _that_run(lowered)}
    return Analysis(
        model=model_report(model),
        live_peak_bytes=given.live_peak_bytes,
        unas_peak_bytes=unas_peak,
        order_free_bound_bytes=bound,
        packing_bound_bytes=given.packing_bound_bytes,
        tflm_greedy_head_bytes=given.greedy_head_bytes,
        reuse_distance_bytes=reuse_distance(ordered, range(len(ordered.steps))),
        order=log.entries[-1].text,
        kernels={kernels.value: _with_kernels(lowered[kernels], kernels, memory[kernels]) for kernels in memory},
        flash_bytes=len(write_tflite(graph, memory[Kernels.SAFE].offsets)),
        weight_bytes=sum(map(len, shared_constants([graph]))),
        free_spaces=len(groups.free),
        frozen_spaces=len(groups.spaces) - len(groups.free),
        peak=peak,
        nodes=node_reports(graph, model.node_names),
        live_bytes=_live_bytes(graph),
        file_live_bytes=file_live_bytes,
    )


def _live_bytes(graph: Graph) -> tuple[int, ...]:
    inputs = sum(value.type.nbytes for value in graph.inputs)
    return (inputs, *(working.nbytes for working in working_sets(graph)))


def _that_run(lowered: Mapping[Kernels, Graph]) -> list[Kernels]:
    """Return the kernels that run a graph: TFLM's all that redsc reads, the C engine's all but some operators."""
    refused = refusals([lowered[Kernels.ENGINE]], Kernels.ENGINE)
    return [kernels for kernels in Kernels if not (kernels.are_ours and refused)]


def _for_kernels(graph: Graph, kernels: Kernels) -> Graph:
    """Return a copy of a graph in the ops that kernels run."""
    return run_passes(copy_graph(graph), [FuseLookups(kernels)], Log())


def _with_kernels(lowered: Graph, kernels: Kernels, memory: NetworkMemory) -> KernelMemory:
    return KernelMemory(
        head_bytes=memory.head_bytes,
        lower_bound_bytes=memory.lower_bound_bytes,
        status=memory.status,
        tail_bytes=memory.tail_bytes,
        planning_bytes=memory.planning_bytes,
        total_bytes=memory.arena_bytes,
        buffers=buffer_reports(lowered, memory, kernels),
    )


def print_analysis(analysis: Analysis) -> None:
    """Print the numbers with what they mean."""
    model = analysis.model
    least, *more = sorted({row.total_bytes for row in analysis.kernels.values()})
    ram = (
        f"{least:,} to {more[-1]:,} B of RAM, depending on whose kernels run it" if more else f"{least:,} B of RAM"
    )
    flash = f"{analysis.flash_bytes:,} B of flash, {analysis.weight_bytes:,} B of it weights"
    print(f"\n{model.path}: {model.format}, {model.ops} ops, {model.macs:,} MACs; sizes in bytes")
    print_facts([f"needs: {ram}; {flash}", ""])
    print_table(*kernel_table(analysis))
    print_facts(
        ["arena: tail + the larger of head and planning; head: tensors, which take turns; tail: what TFLM keeps"]
    )
    print("\npeak " + "\n     ".join(printable(line) for line in analysis.peak))
    print(f"order {analysis.order}\n")
    print_table(*number_table(analysis))
    print(f"\n{analysis.free_spaces} channel spaces can be cut, {analysis.frozen_spaces} are frozen: ", end="")
    print("`redsc levels MODEL --spaces` lists them")


def number_table(analysis: Analysis) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Return the header and the rows of a table: what is counted, in bytes, and what that means."""
    rows = [
        (
            "live-sum peak",
            analysis.live_peak_bytes,
            "tensors that are live at once, as Liberis and REDS count them",
        ),
        ("uNAS peak", analysis.unas_peak_bytes, "the same without the inputs, and with ADD in place"),
        ("order-free bound", analysis.order_free_bound_bytes, "no order has a lower peak; aligned, with scratch"),
        (
            "packing bound",
            analysis.packing_bound_bytes,
            "no arena is smaller in this order, if nothing shares bytes",
        ),
        (
            "TFLM's own head",
            analysis.tflm_greedy_head_bytes,
            "what TFLM's greedy planner makes of the file's order",
        ),
        (
            "reuse distance",
            analysis.reuse_distance_bytes,
            "what a cache must hold from a write to its reads, summed",
        ),
        ("model array", analysis.flash_bytes, f"flash, {analysis.weight_bytes:,} B of it weights"),
    ]
    return ["in bytes", "", ""], [(name, f"{nbytes:,}", text) for name, nbytes, text in rows]


def kernel_table(analysis: Analysis) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return the header and a row per library of kernels, with the flag that asks for it; sizes are in bytes."""
    rows = [
        (
            _FLAGS.get(name, f"--kernels {name}"),
            *(f"{n:,}" for n in (row.total_bytes, row.head_bytes, row.tail_bytes, row.planning_bytes)),
            row.status,
        )
        for name, row in analysis.kernels.items()
    ]
    return ["kernels", "arena", "head", "tail", "planning", "head is"], rows
