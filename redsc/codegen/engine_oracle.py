"""Ask this machine's C compiler and the real runtimes whether the C engine's levels compute what they should."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from redsc.codegen.names import c_macro
from redsc.codegen.oracles import Verification, computes_in_float, require, sample_inputs
from redsc.codegen.render import render
from redsc.errors import VerificationError
from redsc.formats import write_tflite
from redsc.ir import Array, Graph
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import FLOAT_TOLERANCE, difference

__all__ = ["read_outputs", "run_to_its_end", "verify_engine"]

_COMPILERS = ("cc", "gcc", "clang")
_FLAGS = ("-std=c99", "-O1", "-w")
_COMPILE_SECONDS, _RUN_SECONDS = 120, 300
_EXECUTOR = "tflm"  # LiteRT's reference kernels round some functions otherwise
_PACKAGE = EXECUTORS[_EXECUTOR].package
_SMALLEST = b"#include <stdio.h>\n#include <string.h>\n#include <math.h>\nint main(void) { return 0; }\n"


def verify_engine(
    symbol: str, files: Mapping[str, bytes], names: Sequence[str], graphs: Sequence[Graph]
) -> Iterator[Verification]:
    """Compile the engine for this machine and run every level against the same network in TFLM.

    int8 must agree bit for bit, floats within 1e-5; a network that keeps state takes consecutive steps.

    Raises:
        VerificationError: a level answers differently, or the files do not compile, or nothing ends in minutes.
    """
    oracle = "the C engine on this machine, against tflm"
    compiler = next(filter(_makes_programs, filter(None, map(shutil.which, _COMPILERS))), None)
    if compiler is None or not installed(_EXECUTOR):
        missing = "no C compiler makes programs for it" if compiler is None else f"{_PACKAGE} is not installed"
        yield from (Verification(name, oracle, f"not run: {missing}") for name in names)
        return
    with tempfile.TemporaryDirectory(prefix="redsc-") as folder:
        program = _compile(compiler, Path(folder), symbol, files, graphs)
        for slot, (name, graph) in enumerate(zip(names, graphs, strict=True)):
            samples = sample_inputs(graph, slot)
            expected = EXECUTORS[_EXECUTOR].run_steps(write_tflite(graph), samples)
            tolerance = FLOAT_TOLERANCE if computes_in_float(graph) else 0.0
            require(difference(expected, _run(program, slot, samples, graph), tolerance), name, oracle)
            yield Verification(name, oracle, f"equal within {tolerance:g}" if tolerance else "equal bit for bit")


def _makes_programs(compiler: str) -> bool:
    """Whether a compiler has what a program needs: headers, a linker, a library; constants are little-endian."""
    with tempfile.TemporaryDirectory(prefix="redsc-") as folder:
        command = [compiler, "-x", "c", "-", *_FLAGS, "-o", f"{folder}/smallest", "-lm"]
        try:
            done = subprocess.run(
                command, input=_SMALLEST, capture_output=True, timeout=_COMPILE_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0 and sys.byteorder == "little"


def _compile(compiler: str, folder: Path, symbol: str, files: Mapping[str, bytes], graphs: Sequence[Graph]) -> Path:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    ports = {"inputs": len(graphs[0].inputs), "outputs": len(graphs[0].outputs), "image": _image(graphs)}
    driver = render("engine_check.c.j2", symbol=symbol, macro=c_macro(symbol), **ports)
    (folder / "redsc_check.c").write_bytes(driver)
    sources = ["redsc_check.c", *(name for name in files if name.endswith(".c"))]
    command = [compiler, *_FLAGS, *sources, "-o", "check", "-lm"]
    done = run_to_its_end(command, b"", folder, _COMPILE_SECONDS)
    if done.returncode:
        evidence = done.stderr.decode(errors="replace").splitlines()[:5]
        raise VerificationError("the C engine's files do not compile", evidence=evidence)
    return folder / "check"


def _image(graphs: Sequence[Graph]) -> int | None:
    """Return the number of the input that levels have in different sizes, None without one."""
    for port, values in enumerate(zip(*(graph.inputs for graph in graphs), strict=True)):
        if len({value.type.shape for value in values}) > 1:
            return port
    return None


def run_to_its_end(
    command: Sequence[str], data: bytes, folder: Path, seconds: int
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a folder, with `data` on its stdin, and return what came of it.

    Raises:
        VerificationError: it takes more than so many seconds.
    """
    try:
        return subprocess.run(command, cwd=folder, input=data, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise VerificationError(f"{Path(command[0]).name} takes more than {seconds} s") from error


def _run(program: Path, slot: int, samples: Sequence[Sequence[Array]], graph: Graph) -> list[list[Array]]:
    data = b"".join(np.ascontiguousarray(array).tobytes() for sample in samples for array in sample)
    done = run_to_its_end([str(program), str(slot)], data, program.parent, _RUN_SECONDS)
    if done.returncode:
        raise VerificationError(f"the C engine ends with status {done.returncode}")
    return read_outputs(done.stdout, graph, len(samples))


def read_outputs(data: bytes, graph: Graph, samples: int) -> list[list[Array]]:
    """Return the outputs of so many samples: the elements of all lie one behind the other in `data`."""
    rows, at = [], 0
    for _ in range(samples):
        row = []
        for value in graph.outputs:
            found = np.frombuffer(data, value.type.dtype.numpy, value.type.elements, at)
            row.append(found.reshape(value.type.shape))
            at += value.type.nbytes
        rows.append(row)
    return rows
