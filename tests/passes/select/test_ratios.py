from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from redsc.budgets import Budgets
from redsc.errors import BudgetError, UsageError
from redsc.options import Searching
from redsc.passes.select.check import Rules, plan_problems
from redsc.passes.select.problem import Problem
from redsc.passes.select.selectors.ratios import select_ratios
from redsc.passes.slice.plan import ceiling_name
from tests.passes.selecting import small_problem


@pytest.fixture
def problem() -> Problem:
    return small_problem("chain")  # 12, 16 and 8 channels, widths in steps of 2


def asking(problem: Problem, ratio: float | None = None, ratios: Path | None = None) -> Problem:
    return replace(problem, searching=Searching(ratio=ratio, ratios=ratios))


@pytest.mark.parametrize(
    ("ratio", "widths"),
    [(0, [12, 16, 8]), (0.5, [6, 8, 4]), (0.3, [8, 10, 4]), (0.75, [2, 4, 2]), (0.99, [2, 2, 2])],
)
def test_a_ratio_cuts_every_space_by_as_much(problem: Problem, ratio: float, widths: list[int]) -> None:
    plan = select_ratios(asking(problem, ratio)).plan
    assert list(plan.levels[0].widths.values()) == widths
    assert list(plan_problems(problem.graph, problem.groups, plan, Rules(problem.budgets, 2))) == []


def test_the_level_has_its_real_percentage(problem: Problem) -> None:
    (level,) = select_ratios(asking(problem, 0.5)).plan.levels
    assert level.name == ceiling_name(problem.candidate(level.widths).macs, problem.whole.macs)


def test_a_file_has_a_ratio_per_space_and_one_for_the_rest(problem: Problem, tmp_path: Path) -> None:
    first, second, third = problem.full
    path = tmp_path / "ratios.toml"
    path.write_text(f'"{first}" = 0.5\n"{second}" = 0  # not this one\n')
    assert list(select_ratios(asking(problem, ratios=path)).plan.levels[0].widths.values()) == [6, 16, 8]
    path.write_text(f'"*" = 0.5\n"{third}" = 0.25\n')
    assert list(select_ratios(asking(problem, ratios=path)).plan.levels[0].widths.values()) == [6, 8, 6]


def test_a_network_that_does_not_fit_is_refused(problem: Problem) -> None:
    budgets = Budgets(ram_bytes=1000)
    with pytest.raises(BudgetError, match=r"the network with these ratios needs .* B of RAM, budget is 1,000 B"):
        select_ratios(replace(asking(problem, 0.5), budgets=budgets))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"conv" = 0.5', "there is no such channel space"),
        ('"*" = 1', "1 of [*] is no ratio"),
        ('"*" = "half"', "half of [*] is no ratio"),
        ('"*" = true', "True of [*] is no ratio"),
        ("half", "cannot read the ratios"),
    ],
)
def test_a_wrong_file_is_refused(problem: Problem, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "ratios.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        select_ratios(asking(problem, ratios=path))
    assert caught.value.diagnostic.code == "U226"


def test_a_frozen_space_says_so(problem: Problem, tmp_path: Path) -> None:
    frozen = next(space.name for space in problem.groups.spaces if space.frozen)
    path = tmp_path / "ratios.toml"
    path.write_text(f'"{frozen}" = 0.5')
    with pytest.raises(UsageError, match="its width is frozen"):
        select_ratios(asking(problem, ratios=path))


@pytest.mark.parametrize("ratio", [None, 1.0, -0.1])
def test_a_ratio_is_needed_and_leaves_something(problem: Problem, ratio: float | None) -> None:
    with pytest.raises(UsageError, match="ratio"):
        select_ratios(asking(problem, ratio))
