"""The files of the C engine: levels as straight lines of kernel calls, and the kernels that they call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from redsc.choices import Kernels
from redsc.codegen.describe import Firmware
from redsc.codegen.engine_image import Image, build_image
from redsc.codegen.render import render_files
from redsc.cost.memory import NetworkMemory
from redsc.engine.program import Places, Program, lower_graph
from redsc.engine.rows import refusals
from redsc.engine.shared import find_shared
from redsc.engine.sources import needed_files
from redsc.ir import Graph

__all__ = ["EngineFiles", "lower_levels", "render_engine"]

_TEMPLATES = {"{}.h": "engine.h.j2", "{}.c": "engine.c.j2", "{}_manager.h": "manager.h.j2"}


def lower_levels(
    graphs: Sequence[Graph],
    memory: Sequence[NetworkMemory],
    kernels: Kernels,
    blocks: Sequence[Mapping[str, int]] = (),
) -> list[Program]:
    """Return the programs of levels, the largest first, in their arena plans; `blocks` are those of every level.

    Raises:
        UnsupportedError: the engine has no kernel for some nodes; all are named.
    """
    if error := refusals(graphs, kernels):
        raise error
    shared = find_shared(graphs)
    return [
        lower_graph(graph, _places(graph, plan), shared, kernels, chosen)
        for graph, plan, chosen in zip(graphs, memory, blocks or [{}] * len(graphs), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class EngineFiles:
    """Files by name, and the bytes of their constants.

    shared_bytes: what several levels read; private_bytes: by level, what no larger one reads.
    """

    files: Mapping[str, bytes]
    constant_bytes: int
    shared_bytes: int
    private_bytes: tuple[int, ...]


def render_engine(firmware: Firmware, programs: Sequence[Program]) -> EngineFiles:
    """Return the C files of programs: ASCII, LF, no date and no path."""
    image = build_image(firmware.symbol, programs)
    files = render_files(
        _TEMPLATES,
        firmware.symbol,
        firmware=firmware,
        image=image,
        suffixes=[level.suffix for level in firmware.levels],
        ports=[_ports(program) for program in programs],
        is_placed=True,
    )
    shared, private = _account(image, programs)
    return EngineFiles({**files, **needed_files(image.sources)}, image.constant_bytes, shared, private)


def _account(image: Image, programs: Sequence[Program]) -> tuple[int, tuple[int, ...]]:
    """Return how many bytes of constants several levels read, and of each level those that no larger one reads."""
    readers = np.zeros((len(programs), image.constant_bytes), bool)
    for reads, program in zip(readers, programs, strict=True):
        for constant in program.constants():
            start = image.starts[constant]
            reads[start : start + len(constant.data)] = True
    first = np.where(readers.any(axis=0), readers.argmax(axis=0), len(programs))
    shared = readers.sum(axis=0) > 1
    private = [int(((first == slot) & ~shared).sum()) for slot in range(len(programs))]
    return int(shared.sum()), tuple(private)


def _places(graph: Graph, memory: NetworkMemory) -> Places:
    return Places(
        {value: memory.offsets[value.name] for value in graph.activations()},
        {
            node: at
            for node in graph.nodes
            if node.outputs and (at := memory.scratch.get(node.outputs[0].name)) is not None
        },
    )


def _ports(program: Program) -> list[int]:
    """Return where inputs and outputs are in the arena."""
    return [program.places.tensors[value] for value in (*program.graph.inputs, *program.graph.outputs)]
