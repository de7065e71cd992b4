"""Single layers in the C engine and in CMSIS-NN: in one program, on the same data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from redsc.codegen.engine_image import build_image
from redsc.codegen.render import render
from redsc.engine.program import lower_graph
from redsc.engine.shared import find_shared
from redsc.engine.sources import needed_files
from redsc.formats import write_tflite
from redsc.runtime import tflm
from tests.firmware.engine.harness import places_apart

from .cmsis_nn import Library
from .layers import LAYERS, Layer
from .machine import Cost, instructions_of, link, run
from .templates import fill

__all__ = ["FLAG", "Kernel", "measure_kernels"]

FLAG = "-O2"  # of both


@dataclass(frozen=True, slots=True)
class Kernel:
    """One layer; `wrong` counts which of the two outputs are not TFLM's."""

    title: str
    macs: int
    ours: Cost
    theirs: Cost
    wrong: int


def measure_kernels(folder: Path, library: Library, plugin: Path | None) -> tuple[Kernel, ...]:
    """Run all layers in both."""
    layers = [Layer(shape, seed) for seed, shape in enumerate(LAYERS)]
    program = link(folder, "kernels", _write(folder, layers, library), (FLAG, "-std=gnu99", "-w", *library.flags))
    rows, _ = run(program, folder)
    outputs = (folder / "out.bin").read_bytes()
    counted = [] if plugin is None else run(program, folder, plugin)[1]
    cycles = [cost.cycles for cost in counted] or [None] * 2 * len(layers)
    found, at = [], 0
    for layer, ticks, pair in zip(layers, rows, zip(cycles[::2], cycles[1::2], strict=True), strict=True):
        expected = tflm.run(write_tflite(layer.graph), [[layer.x]])[0][0].tobytes()
        wrong = sum(outputs[start : start + len(expected)] != expected for start in (at, at + len(expected)))
        at += 2 * len(expected)
        ours, theirs = (Cost(instructions_of(one), each) for one, each in zip(ticks, pair, strict=True))
        found.append(Kernel(layer.title, layer.macs, ours, theirs, wrong))
    return tuple(found)


def _write(folder: Path, layers: list[Layer], library: Library) -> list[Path]:
    """Write the program's files; return its sources."""
    layouts = [places_apart(layer.graph) for layer in layers]
    programs = [
        lower_graph(layer.graph, places, find_shared([layer.graph]))
        for layer, (places, _) in zip(layers, layouts, strict=True)
    ]
    image = build_image("t", programs)
    names = [str(index) for index in range(len(layers))]
    view = {
        "program": render("engine_program.c.j2", image=image, symbol="t", suffixes=names, is_placed=False).decode(),
        "layers": [
            layer.initializer(places.tensors[layer.graph.inputs[0]], places.tensors[layer.graph.outputs[0]])
            for layer, (places, _) in zip(layers, layouts, strict=True)
        ],
        "arena": max(nbytes for _, nbytes in layouts),
        "most": {
            "x": max(layer.x.nbytes for layer in layers),
            "y": max(layer.node.outputs[0].type.nbytes for layer in layers),
            "weight": max(layer.weight.nbytes for layer in layers),
            "channels": max(layer.channels for layer in layers),
        },
    }
    (folder / "kernels.c").write_text(fill("kernels.c.j2", **view))
    (folder / "layers.bin").write_bytes(b"".join(layer.packed() for layer in layers))
    files = needed_files(image.sources)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    engine = [folder / name for name in files if name.endswith(".c")]
    return [folder / "kernels.c", *engine, *library.sources]
