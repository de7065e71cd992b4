"""The files of a bench: single layers in the C engine, each run some times, what they take printed as a log."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from redsc.choices import Kernels
from redsc.codegen.engine_files import lower_levels
from redsc.codegen.engine_image import build_image
from redsc.codegen.render import render_files
from redsc.cost.arena import Effort
from redsc.cost.latency.bench_log import LOG_VERSION
from redsc.cost.macs import graph_macs
from redsc.cost.memory import measure_memory
from redsc.engine.sources import needed_files
from redsc.ir import Graph
from redsc.targets.grid import Channels

__all__ = ["render_bench"]

_SYMBOL = "redsc_bench"
_TEMPLATES = {
    "redsc_bench.h": "bench.h.j2",
    "redsc_bench.c": "bench.c.j2",
    "redsc_bench_main.c": "bench_main.c.j2",
    "redsc_bench_cycles.c": "bench_cycles.c.j2",
    "Makefile": "bench.make.j2",
}


@dataclass(frozen=True, slots=True)
class _Row:
    """A layer in the program's table."""

    form: str
    channels: Channels
    macs: int
    results: int


def render_bench(
    layers: Mapping[tuple[str, Channels], Graph],
    kernels: Kernels,
    target: str,
    core: str,
    known: Collection[tuple[str, Channels]] = (),
) -> dict[str, bytes]:
    """Return the files of a program that measures layers: ASCII, LF, no date and no path.

    Args:
        layers: graphs of one node each, by form and channels; those whose weights others read come first.
        kernels: the engine's, for speed or for RAM.
        target: what the log is of.
        core: of the target.
        known: of the layers those that are left out, without moving the weights that others read with them.

    Raises:
        UnsupportedError: the engine has no kernel for some nodes; all are named.
    """
    graphs = list(layers.values())
    memory = [measure_memory(graph, kernels, effort=Effort.QUICK) for graph in graphs]
    programs = lower_levels(graphs, memory, kernels)
    wanted = [index for index, shape in enumerate(layers) if shape not in known]
    image = build_image(_SYMBOL, [programs[index] for index in wanted])
    kernel_files = needed_files(image.sources)
    files = render_files(
        _TEMPLATES,
        _SYMBOL,
        log_version=LOG_VERSION,
        target=target,
        core=core,
        library=kernels.value,
        image=image,
        is_placed=True,
        suffixes=[str(index) for index in range(len(wanted))],
        arena_bytes=max(memory[index].head_bytes for index in wanted),
        rows=[_row(*shape, graph) for shape, graph in layers.items() if shape not in known],
        sources=sorted(name for name in (*_TEMPLATES, *kernel_files) if name.endswith(".c")),
    )
    return files | kernel_files


def _row(form: str, channels: Channels, graph: Graph) -> _Row:
    return _Row(form, channels, graph_macs(graph), sum(value.type.elements for value in graph.outputs))
