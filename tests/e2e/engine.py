"""Runs every level of a C engine as redsc writes it, each in a lent arena of exactly its bytes."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from redsc.codegen.describe import describe_firmware
from redsc.codegen.engine_files import lower_levels, render_engine
from redsc.codegen.engine_oracle import read_outputs
from redsc.compile import plan_levels
from redsc.formats import write_tflite
from redsc.ir import Array, Graph
from redsc.options import Options
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import FLOAT_TOLERANCE, difference
from redsc.runtime.evaluate.cascade import Cascade
from tests.firmware.build import FIRMWARE, HOST, Toolchain, run
from tests.firmware.engine.harness import HOST_SANITIZED, M4, RV32, Machine

__all__ = ["HOST_PLAIN", "HOST_SANITIZED", "M4", "RV32", "Engine", "check_levels", "run_levels", "write_engine"]

SYMBOL = "net"
HOST_PLAIN = Machine(HOST, ("-std=c99", "-O1"))
Rows = list[list[Array]]
_FOLDER = tempfile.TemporaryDirectory(prefix="redsc-engine-")
_DRIVER = Path(__file__).with_name("engine_driver.c")


@dataclass(frozen=True, slots=True)
class Engine:
    """The C files of a model, and its levels by name, the largest first."""

    files: Mapping[str, bytes]
    levels: Mapping[str, Graph]


def write_engine(path: Path, options: Options, symbol: str = SYMBOL, cascade: Cascade | None = None) -> Engine:
    """Return what a compile writes, without its oracles: the tests ask their own."""
    choice = plan_levels(path, options)
    levels, budgets = choice.levels, options.budgets
    memory = [network.memory for network in levels.networks]
    programs = lower_levels(levels.graphs, memory, budgets.kernels, choice.blocks)
    unmeasured = [None] * len(levels.names)
    facts = (choice.model, levels, levels.graphs, b"", unmeasured, budgets, cascade)
    firmware = describe_firmware(symbol, *facts)
    return Engine(render_engine(firmware, programs).files, dict(zip(levels.names, levels.graphs, strict=True)))


def check_levels(engine: Engine, samples: Sequence[Rows], machine: Machine, is_float: bool) -> None:
    """Compare every level with the tflite-micro wheel, on samples of its own; `difference` says what is equal."""
    tolerance = FLOAT_TOLERANCE if is_float else 0.0
    found = run_levels(engine, samples, machine)
    for (name, graph), rows, answers in zip(engine.levels.items(), samples, found, strict=True):
        expected = EXECUTORS["tflm"].run_steps(write_tflite(graph), rows)
        problem = difference(expected, answers, tolerance)
        assert problem is None, f"level {name}: {problem}"


def run_levels(engine: Engine, samples: Sequence[Rows], machine: Machine) -> list[Rows]:
    """Return the outputs of every level on samples of its own; variables begin anew with each level."""
    with tempfile.TemporaryDirectory(dir=_FOLDER.name) as name:
        folder = Path(name)
        program = build_levels(engine, len(samples[0]), machine, folder)
        arrays = (array for rows in samples for row in rows for array in row)
        (folder / "in.bin").write_bytes(b"".join(array.tobytes() for array in arrays))
        run(machine.toolchain, program, folder)
        data, answers = (folder / "out.bin").read_bytes(), []
        for graph, rows in zip(engine.levels.values(), samples, strict=True):
            answers.append(read_outputs(data, graph, len(rows)))
            data = data[len(rows) * sum(value.type.nbytes for value in graph.outputs) :]
        return answers


def build_levels(engine: Engine, count: int, machine: Machine, folder: Path) -> Path:
    """Compile the files with a driver that runs `count` samples in every level, and return the program."""
    for name, data in engine.files.items():
        if name.startswith(SYMBOL):
            (folder / name).write_bytes(data)
    graph, *_ = engine.levels.values()
    kernels = [_compiled(machine.toolchain, machine.flags, name) for name in engine.files if _is_kernel(name)]
    defines = [
        f"-DSAMPLES={count}",
        f"-DGUARD_BYTES={0 if machine is HOST_SANITIZED else 64}",
        *(("-DNET_NO_STATIC_ARENA",) if machine.toolchain.emulator else ()),  # its memory is small
        f"-DARENAS={','.join(map(_arena_macro, engine.levels))}",
        f"-DREADS={' '.join(f'READ({index})' for index in range(len(graph.inputs)))}",
        f"-DWRITES={' '.join(f'WRITE({index})' for index in range(len(graph.outputs)))}",
    ]
    tools = machine.toolchain
    sources = [*tools.sources, _DRIVER, folder / f"{SYMBOL}.c", *kernels]
    flags = [*tools.flags, *machine.flags, *defines, f"-I{folder}", f"-I{FIRMWARE}"]
    program = folder / "program"
    _call(tools.find(), *flags, *map(str, sources), *tools.link_flags, "-o", str(program))
    return program


def _arena_macro(level: str) -> str:
    return f"NET_LEVEL_{level.replace('.', '_')}_ARENA_BYTES"


def _is_kernel(name: str) -> bool:
    return name.startswith("redsc_") and name.endswith(".c")


@cache
def _compiled(toolchain: Toolchain, flags: tuple[str, ...], name: str) -> Path:
    """Return the object of a kernel's file, compiled once per session."""
    made = Path(tempfile.mkdtemp(dir=_FOLDER.name)) / f"{name}.o"
    _call(toolchain.find(), *toolchain.flags, *flags, f"-I{FIRMWARE}", "-c", str(FIRMWARE / name), "-o", str(made))
    return made


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
