"""Whole networks: four levels in the C engine, compiled and run on the Cortex-M4, held against TFLM bit for bit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from redsc.budgets import Budgets
from redsc.choices import Backend, Kernels, Prefer
from redsc.codegen.names import c_macro
from redsc.compile import Artefact, compile_model
from redsc.cost.macs import graph_macs
from redsc.engine.constants import pool_constants
from redsc.engine.program import constants_of
from redsc.engine.rows import emit_levels
from redsc.engine.size import engine_size
from redsc.errors import UnsupportedError
from redsc.formats import load_model, write_tflite
from redsc.ir import Array, Graph
from redsc.option_texts import parse_levels
from redsc.options import Options
from redsc.runtime import tflm
from redsc.runtime.compare import random_samples

from .machine import Cost, Sizes, instructions_of, link, measure_sizes, run
from .templates import fill

__all__ = ["LEVELS", "NETWORKS", "Build", "Level", "Network", "NotCompiled", "Yardstick", "measure_network"]

LEVELS = "25,50,75,100"
ZOO = Path(os.environ.get("REDSC_ZOO", Path(__file__).resolve().parents[3] / "shared" / "zoo"))
_FOLDER = ZOO / "models" / "mlcommons+tiny"
_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True, slots=True)
class Yardstick:
    """TFLM with CMSIS-NN on the model file: instructions of an inference at -O2, bytes of RAM.

    The bars, of redsc's largest level: the share of the instructions, and RAM for either preference.
    """

    instructions: int
    ram: int
    most_share: float
    target_share: float
    most_ram: dict[Prefer, int | None]


# Issue 7 of this project: measured once in the same emulator, with the interpreter.
NETWORKS = {
    "kws_ref_model": Yardstick(7_700_000, 22_916, 0.60, 0.45, {Prefer.SPEED: 11_000, Prefer.RAM: None}),
    "vww_96_int8": Yardstick(24_100_000, 100_804, 0.60, 0.45, {Prefer.SPEED: 40_000, Prefer.RAM: None}),
    "pretrainedResnet_quant": Yardstick(29_900_000, 55_092, 0.60, 0.45, {Prefer.SPEED: 40_000, Prefer.RAM: 36_000}),
    "ad01_int8": Yardstick(583_000, 2_676, 0.60, 0.53, {Prefer.SPEED: 2_200, Prefer.RAM: 1_200}),
}


class NotCompiled(Exception):
    """The model file is missing, or the engine lacks a kernel."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level in one program: of all samples the most instructions and stack, `cycles` of the first."""

    name: str
    macs: int
    arena_bytes: int
    cost: Cost
    stack_bytes: int


@dataclass(frozen=True, slots=True)
class Build:
    """A network's levels, the largest first, compiled with one preference and one -O flag.

    array_bytes: weights as they are stored, biases and multipliers, without the parameters of the calls.
    wrong: levels with an output that is not TFLM's.
    miscount: instructions by which timer and plugin differ at most.
    switching: most instructions that it takes to choose a level.
    """

    prefer: Prefer
    flag: str
    levels: tuple[Level, ...]
    sizes: Sizes
    array_bytes: int
    wrong: int
    miscount: int
    switching: int


@dataclass(frozen=True, slots=True)
class Network:
    """A network: its builds, and bytes that depend on no flag.

    weight_bytes: int8 weights of the largest level.
    channel_bytes: what levels keep per channel, all together and each once: biases, multipliers and shifts.
    private_bytes: arrays that a smaller level reads and no larger one, all levels together.
    container_bytes: the same levels for TFLM.
    file_macs: of the model file, before any pass.
    """

    name: str
    builds: tuple[Build, ...]
    weight_bytes: int
    channel_bytes: int
    private_bytes: int
    container_bytes: int
    file_macs: int

    def build(self, prefer: Prefer = Prefer.SPEED, flag: str = "-O2") -> Build:
        """Return one of the builds."""
        return next(item for item in self.builds if (item.prefer, item.flag) == (prefer, flag))

    @property
    def yardstick(self) -> Yardstick:
        """What it is compared with."""
        return NETWORKS[self.name]


def measure_network(name: str, folder: Path, flags: Sequence[str], samples: int, plugin: Path | None) -> Network:
    """Compile, run and count a network with every preference and flag.

    Raises:
        NotCompiled: there is no such file, or the engine has no kernel for it.
    """
    builds: list[Build] = []
    for prefer in Prefer:
        made = _compile(name, _budgets(prefer))
        case = _Case(made, samples, folder / f"{name}-{prefer.value}")
        builds += (_measure(case, prefer, flag, plugin) for flag in flags)
    private = sum(level.private_bytes for level in made.report.levels[1:])
    container = _compile(name, Budgets()).report.flash.container_bytes
    weights = _weight_bytes(made.choice.levels.graphs[0])
    channels = _channel_bytes(made.choice.levels.graphs)
    macs = graph_macs(load_model(_path(name)).graph)
    return Network(name, tuple(builds), weights, channels, private, container, macs)


def _budgets(prefer: Prefer) -> Budgets:
    return Budgets.parse(backend=Backend.C.value, prefer=prefer.value)


def _path(name: str) -> Path:
    path = _FOLDER / f"{name}.tflite"
    if not path.is_file():
        raise NotCompiled("not there: set REDSC_ZOO")
    return path


def _compile(name: str, budgets: Budgets) -> Artefact:
    try:
        return compile_model(_path(name), Options(budgets=budgets, levels=parse_levels(LEVELS)))
    except UnsupportedError as error:
        raise NotCompiled(" ".join(str(error).split("\n")[:2])) from error


class _Case:
    """The files of a compile in a folder, random samples, and what TFLM's kernels make of them in every level."""

    def __init__(self, made: Artefact, samples: int, folder: Path) -> None:
        self.made, self.samples, self.folder = made, samples, folder
        folder.mkdir()
        for name, data in made.files.items():
            (folder / name).write_bytes(data)
        self.graphs = made.choice.levels.graphs
        inputs = random_samples(self.graphs[0], samples, seed=0)
        self.outputs = [_bytes(tflm.run(write_tflite(graph), inputs)) for graph in self.graphs]
        (folder / "in.bin").write_bytes(_bytes(inputs))

    @property
    def sources(self) -> list[Path]:
        """The C files of the engine."""
        return sorted(self.folder / name for name in self.made.files if name.endswith(".c"))

    def run(self, flag: str, samples: int, plugin: Path | None) -> tuple[list[list[int]], list[Cost], list[bytes]]:
        """Return what the program printed, what the plugin counted, and the outputs per level, twice each."""
        symbol, graph, main = self.made.name, self.graphs[0], self.folder / "main.c"
        view = {
            "symbol": symbol,
            "macro": c_macro(symbol),
            "samples": samples,
            "inputs": range(len(graph.inputs)),
            "outputs": range(len(graph.outputs)),
            "input_bytes": sum(value.type.nbytes for value in graph.inputs),
        }
        main.write_text(fill("network.c.j2", **view))
        program = link(self.folder, "program", (main, *self.sources), (flag, "-std=gnu99"))
        rows, costs = run(program, self.folder, plugin)
        found, per_level = (self.folder / "out.bin").read_bytes(), 2 * samples * _output_bytes(graph)
        return rows, costs, [found[at : at + per_level] for at in range(0, len(found), per_level)]


def _measure(case: _Case, prefer: Prefer, flag: str, plugin: Path | None) -> Build:
    rows, _, outputs = case.run(flag, case.samples, None)
    counted = [] if plugin is None else case.run(flag, 1, plugin)[1]
    symbol = case.made.name
    roots = [f"{symbol}_{function}" for function in ("set_level", "input0", "run", "output0")]
    levels, miscount, switching = [], 0, 0
    for slot, level in enumerate(case.made.report.levels):
        chosen, *lines = rows[slot * (1 + case.samples) : (slot + 1) * (1 + case.samples)]
        switching = max(switching, instructions_of(chosen[0]))
        stacks, ticks = zip(*lines, strict=True)
        first = counted[2 * slot + 1] if counted else None  # before it, the level was chosen
        if first is not None:
            miscount = max(miscount, abs(first.instructions - instructions_of(ticks[0])))
        cost = Cost(instructions_of(max(ticks)), None if first is None else first.cycles)
        levels.append(Level(level.name, level.macs, level.arena.head_bytes, cost, max(stacks)))
    wrong = sum(
        found != _twice(expected, case.samples) for found, expected in zip(outputs, case.outputs, strict=True)
    )
    sizes = measure_sizes(case.folder, case.sources, (flag,), roots)
    arrays = engine_size(case.graphs, _budgets(prefer).kernels).constants
    return Build(prefer, flag, tuple(levels), sizes, arrays, wrong, miscount, switching)


def _twice(outputs: bytes, samples: int) -> bytes:
    """Return every sample's outputs twice."""
    size = len(outputs) // samples
    return b"".join(2 * outputs[at : at + size] for at in range(0, len(outputs), size))


def _output_bytes(graph: Graph) -> int:
    return sum(value.type.nbytes for value in graph.outputs)


def _weight_bytes(graph: Graph) -> int:
    weights = {node.operand(1) for node in graph.nodes if node.op in _WEIGHTS}
    return sum(weight.type.nbytes for weight in weights)


def _channel_bytes(graphs: Sequence[Graph]) -> int:
    calls = (call for level in emit_levels(graphs, Kernels.ENGINE) for _, call in level)
    constants = (constant for call in calls for constant in constants_of(call))
    return len(pool_constants(item for item in constants if item.c_type == "redsc_channel_pair").data)


def _bytes(rows: Sequence[Sequence[Array]]) -> bytes:
    return b"".join(np.ascontiguousarray(array).tobytes() for row in rows for array in row)
