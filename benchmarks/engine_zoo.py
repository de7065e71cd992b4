"""Every model of the zoo in the C engine, at every level, against the tflite-micro wheel.

    PYTHONPATH=. python benchmarks/engine_zoo.py [WORD ...]

Words choose the models whose paths contain one of them. 32 inputs per level (32 steps where the network keeps
state) on this machine with sanitizers, each level in an arena of exactly its bytes, and the same on a Cortex-M4 in
QEMU, with fewer inputs where they would take minutes. int8 must agree bit for bit, floats within 1e-5.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from redsc.budgets import Budgets
from redsc.codegen.oracles import computes_in_float
from redsc.cost.macs import graph_macs
from redsc.errors import UnsupportedError
from redsc.options import Options
from redsc.runtime.compare import random_samples
from tests.e2e.engine import HOST_SANITIZED, M4, Engine, check_levels, write_engine
from tests.e2e.test_zoo import FOLDER, MODELS, SHAPES
from tests.firmware.engine.harness import Machine

INPUTS = 32
MOST_MACS_ON_M4 = 600_000_000  # of the inputs of one level, or one input
OPTIONS = Options(levels=("100", "75", "50", "25"), selector="uniform", budgets=Budgets.parse(backend="c"))
MACHINES = {"host": HOST_SANITIZED, "Cortex-M4": M4}


def main(words: list[str]) -> None:
    """Run the models and print a row for each."""
    exports = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob("exports/**/*.onnx"))
    print("| model | type | levels | MACs at 100 | " + " | ".join(MACHINES) + " |")
    print("|---|---|---|---|" + "---|" * len(MACHINES))
    for name in [*MODELS, *exports]:
        if not words or any(word in name for word in words):
            print(row(FOLDER / name, replace(OPTIONS, shapes=tuple(SHAPES.get(name, ())))), flush=True)


def row(path: Path, options: Options) -> str:
    """Return a model's row of the table."""
    try:
        engine = write_engine(path, options)
    except UnsupportedError as error:
        return f"| {path.name} | | refused: {error.diagnostic.message} | | " + "| " * len(MACHINES)
    whole, *_ = engine.levels.values()
    kind = "float32" if computes_in_float(whole) else "int8"
    cells = [path.name, kind, ", ".join(engine.levels), f"{graph_macs(whole):,}", *results(engine)]
    return f"| {' | '.join(cells)} |"


def results(engine: Engine) -> Iterator[str]:
    """Yield what each machine makes of the levels."""
    whole, *_ = engine.levels.values()
    for machine in MACHINES.values():
        most = MOST_MACS_ON_M4 // max(graph_macs(whole), 1) if machine.toolchain.emulator else INPUTS
        yield result(engine, machine, min(max(most, 1), INPUTS))


def result(engine: Engine, machine: Machine, count: int) -> str:
    """Return how many inputs agree, what differs, or why none were run."""
    whole, *_ = engine.levels.values()
    samples = [random_samples(graph, count, seed) for seed, graph in enumerate(engine.levels.values())]
    try:
        check_levels(engine, samples, machine, computes_in_float(whole))
    except AssertionError as error:
        return "too large for the board" if "overflowed" in str(error) else str(error).splitlines()[0]
    return f"{count} equal"


if __name__ == "__main__":
    main(sys.argv[1:])
