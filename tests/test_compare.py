"""Selectors side by side on the same problem."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from redsc.budgets import Budgets
from redsc.compile import compare_selectors, plan_levels
from redsc.errors import BudgetError
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
