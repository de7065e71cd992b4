"""`redsc compare`: selectors side by side on the same problem."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from redsc import cli
from redsc.budgets import Budgets
from redsc.compile import compare_selectors, plan_levels
from redsc.errors import BudgetError, UsageError
from redsc.formats import write_tflite
from redsc.options import Options, Searching
from tests.helpers import samples_of, small_net

LEVELS = ("100", "75", "50")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.tflite"
    path.write_bytes(write_tflite(small_net()))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.npz"
    np.savez(path, x=samples_of(small_net(), 24))
    return path


@pytest.mark.parametrize("name", ["joint", "genetic", "netadapt", "reds-bu", "uniform"])
def test_a_selector_makes_the_same_levels_alone(model: Path, data: Path, name: str) -> None:
    options = Options(levels=LEVELS, data=data, width_multiple=2)
    alone = plan_levels(model, Options(levels=LEVELS, data=data, width_multiple=2, selector=name)).levels
    (side,) = compare_selectors(model, options, [name]).sides
    assert [level.name for level in side.levels] == alone.names
    assert [level.macs for level in side.levels] == [network.macs for network in alone.networks]
    assert (side.objective, side.status) == (alone.solver.objective, alone.solver.status)


def test_what_selectors_have_in_common_is_done_once(model: Path, data: Path) -> None:
    told: list[str] = []

    def progress(stage: str, done: int = 0, total: int = 0) -> None:
        if done == 0:
            told.append(stage)

    found = compare_selectors(model, Options(data=data, uses_cache=False), ["uniform", "netadapt"], progress)
    assert [side.selector for side in found.sides] == ["uniform", "netadapt"]
    assert told.count("reading the model") == 1
    assert told.count("measuring what each cut costs") == 1
    assert told.count("choosing levels") >= 2
    assert all(level.quality is not None for side in found.sides for level in side.levels)


def test_one_that_finds_nothing_does_not_end_the_others(model: Path) -> None:
    least = compare_selectors(model, Options(levels=("50",)), ["uniform"]).sides[0]
    budgets = Budgets(ram_bytes=least.ram_bytes)
    options = Options(levels=("50",), budgets=budgets, searching=Searching(ratio=0.0))
    whole, cut = compare_selectors(model, options, ["ratios", "uniform"]).sides
    assert whole.error is not None
    assert (whole.error.code, whole.levels) == ("R501", ())
    assert cut.error is None
    assert cut.levels


def test_where_none_finds_anything_the_error_is_that_of_a_compile(model: Path) -> None:
    with pytest.raises(BudgetError, match="budget is 100 B"):
        compare_selectors(model, Options(levels=LEVELS, budgets=Budgets(ram_bytes=100)), ["joint", "genetic"])


def run(monkeypatch: pytest.MonkeyPatch, *args: object) -> int:
    monkeypatch.setattr(sys, "argv", ["redsc", *map(str, args)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return int(stopped.value.code or 0)


def test_the_command_prints_both_tables(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "compare", model, "--select", "joint,ratios", "--ratio", "0.5") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["selector", "status", "levels", "loss", "MACs", "RAM", "flash", "CPU", "s"]
    assert [line.split()[:2] for line in lines[1:3]] == [["joint", "optimal"], ["ratios", "given"]]
    assert lines[4].split() == ["MACs", "%", "joint", "ratios"]
    assert lines[5].split() == ["100", "100.0", "-"]


def test_the_command_prints_json(
    model: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--levels", "50,100", "--data", data, "--select", "uniform,netadapt", "--step", "10%", "--json", "-")
    assert run(monkeypatch, "compare", model, *flags) == 0
    found = json.loads(capsys.readouterr().out)
    assert [side["selector"] for side in found["sides"]] == ["uniform", "netadapt"]
    assert {level["quality"]["metric"] for side in found["sides"] for level in side["levels"]} == {"agreement"}


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (("compare", "--select", "joint,unifrom"), "U209"),
        (("levels", "--levels", "50", "--ratio", "0.5"), "U226"),
        (("levels", "--levels", "50", "--select", "ratios"), "U226"),
        (("levels", "--levels", "50", "--select", "netadapt", "--step", "0%"), "U217"),
    ],
)
def test_flags_that_do_not_go_together(
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: tuple[str, ...],
    code: str,
) -> None:
    assert run(monkeypatch, flags[0], model, *flags[1:]) == UsageError.exit_code
    assert f"error[{code}]" in capsys.readouterr().err
