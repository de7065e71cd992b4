"""A bench of layers, compiled and run on an emulated Cortex-M4, and the table that its log makes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from redsc.budgets import Budgets
from redsc.choices import Kernels
from redsc.cli.commands import cli
from redsc.codegen.bench import render_bench
from redsc.compile import compile_model, plan_levels
from redsc.compile.bench import make_bench
from redsc.compile.bench_layers import grid_layers
from redsc.compile.prepare import prepare
from redsc.cost.latency import LatencyTable, find_latency_table
from redsc.cost.latency.bench_log import read_logs, table_text
from redsc.cost.latency.shape import layer_shape
from redsc.errors import UsageError
from redsc.formats import write_tflite
from redsc.ir import Activation, Graph, Padding
from redsc.options import Options
from tests.firmware.build import BENCH_FLAGS, BENCH_HOOKS, CORTEX_M4, HOST, WARNINGS, build, run
from tests.helpers import NetBuilder

TARGET = "nucleo-l4r5zi"
LEVELS = ("25", "50", "75", "100")
FLAGS = ("-O2", "-std=gnu99", *WARNINGS)
REPEATS = 2


def network() -> Graph:
    """Layers of all kinds; two of one form, of which one reads what the other makes."""
    net = NetBuilder(seed=3)
    x = net.conv(net.input(1, 10, 10, 3), 16, padding=Padding.SAME, activation=Activation.RELU)
    x = net.conv(net.depthwise(x, padding=Padding.SAME), 24, 1)
    x = net.add(x, net.conv(net.depthwise(x, padding=Padding.SAME), 24, 1))
    return net.outputs(net.softmax(net.dense(net.mean(x, 1, 2), 10)))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("measure") / "net.tflite"
    path.write_bytes(write_tflite(network()))
    return path


def options_of(table: Path | None = None, levels: tuple[str, ...] = (), **flags: str) -> Options:
    budgets = Budgets.parse(backend="c", target=TARGET, cost_table=str(table) if table else None, **flags)
    return Options(budgets, levels)


def run_bench(files: Mapping[str, bytes], folder: Path, *flags: str) -> str:
    """Compile and run a bench in the emulator, and return what it prints."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    sources = (*(folder / name for name in files if name.endswith(".c")), *BENCH_HOOKS)
    flags = (*FLAGS, *BENCH_FLAGS, f"-DREDSC_BENCH_REPEATS={REPEATS}", *flags, f"-I{folder}")
    program = build(CORTEX_M4, sources, flags)
    return run(CORTEX_M4, program, folder)


@pytest.fixture(scope="module")
def log(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench")
    path = folder / "bench.log"
    path.write_text(run_bench(make_bench(model, options_of()).files, folder / "files"))
    return path


@pytest.fixture(scope="module")
def table(log: Path) -> Path:
    path = log.parent / "table.json"
    path.write_text(table_text(read_logs([log])))
    return path


def latency(table: Path) -> LatencyTable:
    found = find_latency_table(options_of(table).budgets)
    assert found is not None
    return found


def test_layers_of_one_form_are_measured_once(model: Path) -> None:
    problem = prepare(model, options_of()).problem
    assert problem is not None
    layers = grid_layers(problem, 3)
    forms = [form.partition(":")[0] for form, _ in layers]
    count = {op: forms.count(op) for op in forms}
    pairs = {(a, b) for a in (4, 12, 16) for b in (4, 12, 24)} | {(c, c) for c in (4, 12, 24)}
    assert count["CONV_2D"] == 3 + len(pairs)  # of the first layer, and of the two that are alike
    assert count["DEPTHWISE_CONV_2D"] == len({4, 12, 16} | {4, 12, 24})
    assert count["SOFTMAX"] == 1
    assert count["ADD"] == 3


def test_a_bench_is_the_same_bytes_every_time(model: Path) -> None:
    first, second = (make_bench(model, options_of()) for _ in range(2))
    assert first.files == second.files
    runs = re.findall(r"^static void redsc_bench_run_\d+\(", first.files["redsc_bench.c"].decode(), re.M)
    assert first.count == len(runs)
    assert "Makefile" in first.files


def test_an_emulator_measures_all_layers_and_the_same_each_time(log: Path, model: Path) -> None:
    found = read_logs([log])
    assert list(found.notes()) == []
    assert len(found.runs) == found.count == make_bench(model, options_of()).count
    assert all(len(runs) == REPEATS and max(runs) - min(runs) <= 2 for runs in found.runs.values())
    assert all(cycles > 0 for cycles in found.cycles().values())


def test_a_table_tells_what_was_measured_and_what_whole_levels_take(
    log: Path, table: Path, model: Path, tmp_path: Path
) -> None:
    """Whole levels run in the place of layers; their widths are no points of the grid, but for the largest's."""
    costs, graphs = latency(table), plan_levels(model, options_of(levels=LEVELS)).levels.graphs
    for layer, cycles in read_logs([log]).cycles().items():
        assert costs.costs.layers[layer.form].at(layer.channels) == 1000 * cycles
    levels = {("SOFTMAX:whole", (1, 1 + slot)): graph for slot, graph in enumerate(graphs)}
    files = render_bench(levels, Kernels.ENGINE, "board", "core")
    (tmp_path / "whole.log").write_text(run_bench(files, tmp_path / "whole"))
    whole = read_logs([tmp_path / "whole.log"]).cycles()
    assert len(whole) == len(graphs) == len(LEVELS)
    for (layer, cycles), graph in zip(whole.items(), graphs, strict=True):
        assert layer.channels[1] - 1 == graphs.index(graph)
        predicted = sum(map(costs.millicycles, graph.nodes)) / 1000
        assert predicted == pytest.approx(cycles, rel=0.1 if graph is not graphs[0] else 0.02)
        assert costs.basis(graph) == "measured, interpolated"


def test_what_was_not_measured_is_counted_by_rates_and_said(table: Path) -> None:
    net = NetBuilder()
    known = net.conv(net.input(1, 10, 10, 3), 12, padding=Padding.SAME)
    graph = net.outputs(net.conv(known, 8, 5))
    costs = latency(table)
    first, second = graph.nodes
    assert costs.measured(first) == costs.millicycles(first)
    assert costs.measured(second) is None
    assert costs.millicycles(second) == costs.costs.millicycles["CONV_2D"]["macs"] * 25 * 12 * 8 * 100
    assert re.fullmatch(r"measured, interpolated, \d+\.\d % estimated", costs.basis(graph))


def test_a_log_that_was_cut_off_is_continued(log: Path, model: Path, tmp_path: Path) -> None:
    text = log.read_text().splitlines(keepends=True)
    (tmp_path / "cut.log").write_text("".join(text[:20]) + text[20][:40])
    bench = make_bench(model, options_of(), logs=[tmp_path / "cut.log"])
    assert (bench.count, bench.known) == (len(text) - 20, 19)
    (tmp_path / "rest.log").write_text(run_bench(bench.files, tmp_path / "rest"))
    both = read_logs([tmp_path / "cut.log", tmp_path / "rest.log"])
    assert both.cycles() == pytest.approx(read_logs([log]).cycles(), abs=2)  # weights lie as they did
    with pytest.raises(UsageError, match="nothing left"):
        make_bench(model, options_of(), logs=[log])
    other = options_of(prefer="ram")
    with pytest.raises(UsageError, match="the logs are of nucleo-l4r5zi cortex-m4 redsc, not of"):
        make_bench(model, other, logs=[log])


def test_a_program_begins_where_it_is_told(log: Path, model: Path, tmp_path: Path) -> None:
    files = make_bench(model, options_of()).files
    rest = run_bench(files, tmp_path / "rest", "-DREDSC_BENCH_FIRST=20").splitlines()
    whole = log.read_text().splitlines()
    assert [line.partition("cycles")[0] for line in rest] == [
        line.partition("cycles")[0] for line in (whole[0], *whole[21:])
    ]


def test_only_the_layers_of_levels_on_demand(model: Path) -> None:
    options = options_of(levels=("100", "50"))
    graphs = plan_levels(model, options).levels.graphs
    shapes = {shape for graph in graphs for node in graph.nodes if (shape := layer_shape(node))}
    assert make_bench(model, options).count == len(shapes)


def test_where_levels_may_see_smaller_images_their_layers_are_measured(model: Path) -> None:
    problem = prepare(model, options_of()).problem
    assert problem is not None
    forms = {form for form, _ in grid_layers(replace(problem, sizes=((6, 6),)), 2)}
    assert {"CONV_2D:i8.1x10x10x*,1x1xw,w>i8.1x10x10x*", "CONV_2D:i8.1x6x6x*,1x1xw,w>i8.1x6x6x*"} < forms


def test_the_report_says_what_was_measured(table: Path, model: Path) -> None:
    made = compile_model(model, options_of(table))
    assert made.report.estimate is not None
    assert made.report.estimate.evidence == "measured"
    (level,) = made.report.levels
    assert level.latency_us is not None
    assert level.latency_basis == "measured, interpolated"
    assert f"measured, interpolated for {TARGET}" in made.files["net.h"].decode()


@pytest.mark.parametrize("selector", ["joint", "netadapt"])
def test_levels_are_chosen_by_the_table(table: Path, model: Path, selector: str) -> None:
    costs = latency(table)
    whole = costs.microseconds(plan_levels(model, options_of()).levels.graphs[0])
    bound = whole * 2 // 3
    options = replace(options_of(table, ("100", "25"), latency=f"{bound}us"), selector=selector)
    largest = costs.microseconds(plan_levels(model, options).levels.graphs[0])
    assert bound * 0.8 < largest <= bound


def test_the_files_compile_for_a_core_without_a_counter(model: Path, tmp_path: Path) -> None:
    """The hooks are then the program's own."""
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    for name, data in make_bench(model, options_of(prefer="ram"), widths=2).files.items():
        (tmp_path / name).write_bytes(data)
    flags = ("-std=c99", "-O1", *WARNINGS)
    subprocess.run([make, f"CC={HOST.find()}", f"CFLAGS={' '.join(flags)}"], cwd=tmp_path, check=True)
    hooks = tmp_path / "hooks.c"
    hooks.write_text(
        '#include "redsc_bench.h"\nvoid redsc_bench_start(void) {}\n'
        "uint32_t redsc_bench_cycles(void) { static uint32_t now; return now += 7; }\n"
    )
    program = build(HOST, (hooks, tmp_path / "libredsc_bench.a"), (*flags, f"-I{tmp_path}"))
    (tmp_path / "host.log").write_text(run(HOST, program, tmp_path))
    assert set(read_logs([tmp_path / "host.log"]).cycles().values()) == {0}  # less what counting takes


def test_the_default_counter_is_that_of_the_core(model: Path, tmp_path: Path) -> None:
    """It compiles and links; the emulator has no such counter."""
    files = make_bench(model, options_of()).files
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    sources = tuple(tmp_path / name for name in files if name.endswith(".c"))
    build(CORTEX_M4, sources, (*FLAGS, f"-I{tmp_path}"))


def test_the_command_writes_a_bench_and_reads_a_log(
    log: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*arguments: object) -> str:
        cli.main(list(map(str, arguments)), standalone_mode=False)
        return capsys.readouterr().out

    assert "a bench of" in call("measure", model, "--target", TARGET, "--emit", tmp_path / "bench", "--widths", 2)
    assert (tmp_path / "bench" / "redsc_bench.c").is_file()
    assert "layers of cortex-m4 with redsc kernels" in call("measure", "--read", log, "-o", tmp_path / "table.json")
    flags = ("--backend", "c", "--target", TARGET, "--cost-table", tmp_path / "table.json", "-o", tmp_path / "out")
    call("compile", model, "--levels", "50,100", *flags, "--depfile", tmp_path / "net.d")
    assert "table.json" in (tmp_path / "net.d").read_text()
    report = json.loads((tmp_path / "out" / "net.report.json").read_text())
    assert {level["latency_basis"] for level in report["levels"]} == {"measured, interpolated"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["measure"],
        ["measure", "--read", "a.log"],
        ["measure", "net.tflite"],
        ["measure", "net.tflite", "--emit", "out"],
        ["measure", "net.tflite", "--emit", "out", "--read", "a.log"],
    ],
)
def test_other_words_are_refused(arguments: list[str]) -> None:
    with pytest.raises(UsageError, match="U233"):
        cli.main(arguments, standalone_mode=False)


def test_a_cost_table_is_for_one_core_and_needs_a_target(table: Path) -> None:
    with pytest.raises(UsageError, match="U219"):
        Budgets.parse(backend="c", cost_table=str(table))
    with pytest.raises(UsageError, match=r"table.json is for cortex-m4, pico has cortex-m0plus"):
        Budgets.parse(backend="c", target="pico", cost_table=str(table))
