"""How well a measured table tells what levels take: benches of layers against whole programs, in an emulator.

    PYTHONPATH=. python benchmarks/measured_latency.py [--write]

For MLPerf Tiny's networks it writes the bench (`redsc measure --emit`), compiles it with arm-none-eabi-gcc -O2,
runs it on an emulated Cortex-M4 where the hook counts instructions, and reads the log (`redsc measure --read`). By
that table it predicts four levels, whose whole programs are counted too. `--write` replaces the section of
docs/results.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from firmware.machine import link, run_text, versions
from firmware.networks import LEVELS, NETWORKS, ZOO, Network, measure_network
from firmware.section import replace_section

from redsc.budgets import Budgets
from redsc.choices import Prefer
from redsc.compile import plan_levels
from redsc.compile.bench import make_bench
from redsc.cost.latency import LatencyTable, find_latency_table
from redsc.cost.latency.bench_log import read_logs, table_text
from redsc.ir import Graph
from redsc.option_texts import parse_levels
from redsc.options import Options
from tests.firmware.build import BENCH_FLAGS, BENCH_HOOKS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "results.md"
HEADING = "## Measured layers\n"
TARGET = "nucleo-l4r5zi"
FLAGS = ("-O2", "-std=gnu99", "-DREDSC_BENCH_REPEATS=1")  # the emulator counts the same every time


@dataclass(frozen=True, slots=True)
class Table:
    """What a bench measured: its layers, those of them that are faster than a narrower one, and the table."""

    layers: int
    dips: int
    costs: LatencyTable


@dataclass(frozen=True, slots=True)
class Row:
    """A level: instructions of the whole program, and by the table."""

    network: str
    prefer: Prefer
    level: str
    counted: int
    predicted: int
    basis: str
    layers: int
    dips: int

    @property
    def error_percent(self) -> float:
        """How far the prediction is off."""
        return round(100 * (self.predicted / self.counted - 1), 1) + 0.0  # no negative zero


def options_of(prefer: Prefer, table: Path | None = None, levels: str | None = LEVELS) -> Options:
    """Return the options of a compile for the C engine."""
    budgets = Budgets.parse(
        backend="c", prefer=prefer.value, target=TARGET, cost_table=None if table is None else str(table)
    )
    return Options(budgets, () if levels is None else parse_levels(levels))


def measure_layers(path: Path, prefer: Prefer, folder: Path) -> Table:
    """Write, compile and run a model's bench; return the table that its log makes."""
    folder.mkdir()
    bench = make_bench(path, options_of(prefer, levels=None))
    for name, data in bench.files.items():
        (folder / name).write_bytes(data)
    sources = [folder / name for name in bench.files if name.endswith(".c")]
    program = link(folder, "bench", [*sources, *BENCH_HOOKS], (*FLAGS, *BENCH_FLAGS, f"-I{folder}"))
    (folder / "log.txt").write_text(run_text(program, folder))
    log = read_logs([folder / "log.txt"])
    assert len(log.runs) == bench.count, "the bench did not print all of its layers"
    (folder / "table.json").write_text(table_text(log))
    costs = find_latency_table(options_of(prefer, folder / "table.json").budgets)
    assert costs is not None
    return Table(bench.count, len(list(log.dips())), costs)


def rows_of(name: str, folder: Path) -> Iterator[Row]:
    """Yield the levels of a network with both preferences."""
    path = ZOO / "models" / "mlcommons+tiny" / f"{name}.tflite"
    network: Network = measure_network(name, folder, ("-O2",), samples=2, plugin=None)
    for prefer in Prefer:
        table = measure_layers(path, prefer, folder / f"{name}-{prefer.value}-bench")
        graphs: list[Graph] = plan_levels(path, _unbounded(prefer)).levels.graphs
        for level, graph in zip(network.build(prefer).levels, graphs, strict=True):
            predicted = sum(map(table.costs.millicycles, graph.nodes)) // 1000
            basis = table.costs.basis(graph)
            yield Row(name, prefer, level.name, level.cost.instructions, predicted, basis, table.layers, table.dips)


def _unbounded(prefer: Prefer) -> Options:
    """Return the options of `measure_network`: without the board's RAM and flash."""
    return Options(Budgets.parse(backend="c", prefer=prefer.value), parse_levels(LEVELS))


_TEXT = """Instructions of whole inferences at -O2 in an emulator ({versions}),
and what the table of a bench says of them (`redsc measure`, docs/targets.md): single layers at 5 widths per channel
space, in between interpolated. Every prediction is within {worst:.1f} %.

    PYTHONPATH=. python benchmarks/measured_latency.py --write

Dips are layers that take fewer instructions than narrower ones, by more than 1 %.

| network | `--prefer` | layers measured | dips | level | counted | predicted | error | basis |
|---|---|---|---|---|---|---|---|---|
"""


def section(rows: list[Row]) -> str:
    """Return the section of docs/results.md."""
    worst = max(abs(row.error_percent) for row in rows)
    return f"{HEADING}\n{_TEXT.format(versions=versions(), worst=worst)}{''.join(map(_line, rows))}"


def _line(row: Row) -> str:
    is_first = row.level == "100"
    about = (row.network, row.prefer.value, row.layers, row.dips) if is_first else ("",) * 4
    figures = (row.level, f"{row.counted:,}", f"{row.predicted:,}", f"{row.error_percent:+.1f} %", row.basis)
    return "| " + " | ".join(map(str, (*about, *figures))) + " |\n"


def main() -> None:
    """Measure, print the section, and write it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"by default {', '.join(NETWORKS)}")
    parser.add_argument("--write", action="store_true", help="replace the section of docs/results.md")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="redsc-") as name:
        rows = [row for model in asked.models or NETWORKS for row in rows_of(model, Path(name))]
    text = section(rows)
    print(text)
    if asked.write:
        replace_section(PAGE, text, HEADING)


if __name__ == "__main__":
    main()
