"""Runs graphs in the C engine: generated, compiled by a real compiler, with every tensor at a chosen place."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from redsc.codegen.engine_image import build_image
from redsc.codegen.engine_oracle import read_outputs
from redsc.codegen.render import render
from redsc.cost.buffer import aligned
from redsc.cost.engine import scratch_bytes
from redsc.engine.program import Places, lower_graph
from redsc.engine.shared import find_shared
from redsc.engine.sources import needed_files
from redsc.ir import Array, Graph, Value
from tests.firmware.build import CORTEX_M4, FIRMWARE, HOST, RISC_V, WARNINGS, Toolchain, build, run

__all__ = ["HOST_SANITIZED", "M4", "RV32", "Machine", "places_apart", "run_engine"]

_DRIVER = """
#include <stdio.h>
#include <stdint.h>
#include <string.h>
{program}
static union {{ uint8_t bytes[{arena}]; uint64_t aligned[1]; }} memory __attribute__((aligned(16)));
int main(void) {{
  FILE *in = fopen("in.bin", "rb"), *out = fopen("out.bin", "wb");
  int sample;
  for (sample = 0; sample < {samples}; ++sample) {{
    memset(memory.bytes, 0xA5, sizeof memory.bytes);
{reads}
    t_run_0(memory.bytes);
{writes}
  }}
  return fclose(in) != 0 || fclose(out) != 0;
}}
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A compiler with flags."""

    toolchain: Toolchain
    flags: tuple[str, ...]


HOST_SANITIZED = Machine(HOST, ("-std=c99", "-O1", "-g", *WARNINGS, "-fsanitize=address,undefined"))
M4 = Machine(CORTEX_M4, ("-std=gnu99", "-O2", "-ffp-contract=off", *WARNINGS))  # TFLM fuses no products here
RV32 = Machine(RISC_V, ("-std=c99", "-O2", *WARNINGS))


def places_apart(graph: Graph) -> tuple[Places, int]:
    """Return places with every tensor and every working buffer for itself, and the bytes of the arena."""
    at, tensors, scratch = 0, {}, {}
    for value in graph.activations():
        tensors[value] = at
        at += aligned(value.type.nbytes)
    for node in graph.nodes:
        if nbytes := scratch_bytes(node):
            scratch[node] = at
            at += aligned(nbytes)
    return Places(tensors, scratch), at


def run_engine(
    graph: Graph,
    samples: Sequence[Sequence[Array]],
    machine: Machine = HOST_SANITIZED,
    layout: tuple[Places, int] | None = None,
) -> list[list[Array]]:
    """Run the samples one after the other, inputs in the order of the graph's; variables keep their state.

    The arena is filled with rubbish before each sample.
    """
    places, arena = layout or places_apart(graph)
    image = build_image("t", [lower_graph(graph, places, find_shared([graph]))])
    program = render("engine_program.c.j2", image=image, symbol="t", suffixes=["0"], is_placed=False).decode()
    transfers = {
        "reads": "\n".join(_transfer("fread", "in", places.tensors[value], value) for value in graph.inputs),
        "writes": "\n".join(_transfer("fwrite", "out", places.tensors[value], value) for value in graph.outputs),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "model.c"
        source.write_text(_DRIVER.format(program=program, arena=max(arena, 1), samples=len(samples), **transfers))
        (folder / "in.bin").write_bytes(b"".join(array.tobytes() for sample in samples for array in sample))
        kernels = tuple(FIRMWARE / name for name in needed_files(image.sources) if name.endswith(".c"))
        binary = build(machine.toolchain, (source, *kernels), machine.flags)
        run(machine.toolchain, binary, folder)
        return read_outputs((folder / "out.bin").read_bytes(), graph, len(samples))


def _transfer(call: str, file: str, at: int, value: Value) -> str:
    return f"    if ({call}(memory.bytes + {at}, {value.type.nbytes}, 1, {file}) != 1) return 2;"
