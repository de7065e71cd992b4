from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from redsc.budgets import Budgets
from redsc.compile import compile_model
from redsc.errors import OutputError, UsageError
from redsc.options import Options, Searching
from redsc.report.level import LevelReport
from redsc.report.sweep import Sweep, SweptLevel
from redsc.sweep import grid, run_sweep

POINTS = grid(("4KB", "20KB"), ("joint", "uniform"))
OPTIONS = Options(levels=("100", "50"), width_multiple=2)


def told(models: list[Path], out: Path, jobs: int | None = None) -> tuple[Sweep, list[tuple[int, int]]]:
    """Return a sweep, and what it told about its progress."""
    seen: list[tuple[int, int]] = []

    def progress(stage: str, done: int = 0, total: int = 0) -> None:
        if stage == "sweeping":
            seen.append((done, total))

    return run_sweep(models, OPTIONS, POINTS, out, jobs, progress=progress), seen


def facts(level: SweptLevel | LevelReport) -> tuple[object, ...]:
    time, energy = level.latency_us, level.energy_uj
    return level.name, level.macs, level.macs_fraction, time, energy, level.quality, level.resolution, level.crop


def test_a_point_is_what_compile_makes(models: list[Path], tmp_path: Path) -> None:
    options = replace(OPTIONS, data=tmp_path / "data" / "small.npz", budgets=Budgets.parse(target="nano33ble"))
    (point,) = run_sweep(models[:1], options, grid(["20KB"], ["uniform"]), tmp_path / "out", jobs=1).points
    report = compile_model(
        models[0], replace(options, selector="uniform", budgets=Budgets.parse(ram="20KB", target="nano33ble"))
    ).report
    assert [facts(level) for level in point.levels] == [facts(level) for level in report.levels]
    assert all(level.latency_us for level in point.levels)
    assert [level.arena_bytes for level in point.levels] == [level.arena.total_bytes for level in report.levels]
    assert point.ram_bytes == report.arena.resident_all_bytes
    assert point.flash_bytes == report.flash.container_bytes + report.flash.kernel_bytes
    assert point.objective == report.solver.objective
    assert point.sha256 == report.model.sha256


def test_points_are_kept_and_damaged_ones_computed_again(models: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    first, seen = told(models, out, jobs=2)
    assert [(point.model, point.ram_budget_bytes, point.selector) for point in first.points] == [
        (path.name, size, selector)
        for path in models
        for size in (4000, 20000)
        for selector in ("joint", "uniform")
    ]
    assert seen == [(done, 8) for done in range(9)]
    files = sorted((out / "points").iterdir())
    files[0].write_bytes(files[0].read_bytes()[:-9])
    files[1].unlink()
    again, seen = told(models, out, jobs=1)
    assert seen == [(6, 8), (7, 8), (8, 8)]
    assert again == first
    assert told(models, out) == (again, [(8, 8)])
    assert again.to_json() == first.to_json()


def test_what_does_not_fit_is_a_row_with_what_binds(models: list[Path], tmp_path: Path) -> None:
    small, large = run_sweep(models[:1], OPTIONS, grid(["1KB", "20KB"], ["joint"]), tmp_path / "out", jobs=1).points
    assert small.levels == ()
    assert small.error is not None
    assert (small.error.code, "budget is 1,000 B" in small.error.message) == ("R501", True)
    assert large.error is None
    assert [level.name for level in large.levels] == ["100", "50"]


def test_an_error_of_a_point_ends_the_sweep(models: list[Path], tmp_path: Path) -> None:
    ratios = tmp_path / "ratios.toml"
    ratios.write_text('"no such space" = 0.5\n')
    options = replace(OPTIONS, searching=Searching(ratios=ratios))
    with pytest.raises(UsageError, match="no such space"):
        run_sweep(models, options, grid(["20KB"], ["ratios"]), tmp_path / "out", jobs=2)


def test_a_folder_that_is_a_file_is_refused_at_once(models: list[Path]) -> None:
    with pytest.raises(OutputError):
        run_sweep(models, OPTIONS, POINTS, models[0])


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


def command(models: list[Path], out: Path, *flags: str) -> list[str]:
    arguments = ["--ram", "4KB..20KB/4", "--levels", "50,100", "--select", "joint,genetic", "--jobs", "1"]
    few = ["--population", "8", "--generations", "8"]
    return [sys.executable, "-m", "redsc", "sweep", *map(str, models), *arguments, *few, "-o", str(out), *flags]


def kept(out: Path) -> int:
    return len(list((out / "points").glob("*.redsc-entry")))


@contextmanager
def midway(models: list[Path], out: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a sweep, and give it as soon as its first point is there."""
    with subprocess.Popen(
        command(models, out),
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells let background jobs ignore it
    ) as running:
        while not kept(out):
            assert running.poll() is None
            time.sleep(0.01)
        yield running


def test_an_interrupted_sweep_goes_on_where_it_was(models: list[Path], tmp_path: Path) -> None:
    out, whole = tmp_path / "stopped", tmp_path / "whole"
    with midway(models, out) as running:
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "the same command goes on" in said
    assert 0 < kept(out) < 16
    assert not (out / "sweep.json").exists()
    for folder in (out, whole):
        arguments = command(models, folder, "--json", "-")
        done = subprocess.run(arguments, env=ENVIRONMENT, capture_output=True, text=True, check=True)
        assert done.stdout == (folder / "sweep.json").read_text()
    for name in ("sweep.json", "sweep.svg"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    assert len(json.loads((out / "sweep.json").read_text())["points"]) == 16


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux to list processes")
def test_a_killed_sweep_leaves_no_processes_behind(models: list[Path], tmp_path: Path) -> None:
    with midway(models, tmp_path / "out") as running:
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        running.kill()
    assert children
    patience = time.monotonic() + 60
    while any(_runs(child) for child in children):
        assert time.monotonic() < patience
        time.sleep(0.01)


def _runs(process: str) -> bool:
    """Whether a process is there, and more than an entry that nobody has collected."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() != b""
    except OSError:
        return False
