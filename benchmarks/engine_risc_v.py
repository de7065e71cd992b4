"""Instructions of the C engine's plain C on RISC-V: MLPerf Tiny's int8 networks at every level, in QEMU.

    PYTHONPATH=. python benchmarks/engine_risc_v.py [COMPILER FLAGS]

Without flags: -O2. One inference per level; the core counts what it retires. That every output
is TFLM's, tests/e2e/test_engine.py shows on the same core.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from models import LEVELS, TINY, TINY_NAMES

from redsc.budgets import Budgets
from redsc.cost.macs import graph_macs
from redsc.option_texts import parse_levels
from redsc.options import Options
from tests.e2e.engine import write_engine
from tests.firmware.build import RISC_V, build, run

DRIVER = Path(__file__).with_suffix(".c")
OPTIONS = Options(levels=parse_levels(LEVELS), budgets=Budgets.parse(backend="c"))


def main(flags: tuple[str, ...]) -> None:
    """Print a row for each level of each network."""
    print("| network | level | MACs | instructions | per MAC |\n|---|---|---|---|---|")
    for name in TINY_NAMES:
        for row in rows(name, flags):
            print(row, flush=True)


def rows(name: str, flags: tuple[str, ...]) -> Iterator[str]:
    """Yield a row for each level of a network."""
    engine = write_engine(TINY / f"{name}.tflite", OPTIONS)
    found = counts(engine.files, flags)
    for (level, graph), instructions in zip(engine.levels.items(), found, strict=True):
        macs = graph_macs(graph)
        yield f"| {name} | {level} | {macs:,} | {instructions:,} | {instructions / macs:.2f} |"


def counts(files: Mapping[str, bytes], flags: tuple[str, ...]) -> list[int]:
    """Return what the core counts in an inference of every level."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, data in files.items():
            (folder / file).write_bytes(data)
        sources = (DRIVER, *sorted(folder.glob("*.c")))
        program = build(RISC_V, sources, ("-std=c99", f"-I{folder}", *flags))
        run(RISC_V, program, folder)
        return [int(line) for line in (folder / "counts.txt").read_text().split()]


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or ("-O2",))
