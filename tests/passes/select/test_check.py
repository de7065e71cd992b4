"""The checker of plans: what it refuses, and the room that it sees."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from redsc.budgets import Budgets
from redsc.cost.latency import LatencyBound
from redsc.ir import DType
from redsc.passes.select.check import Rules, fullness_problems, plan_problems
from redsc.passes.select.problem import Problem
from redsc.passes.select.selectors.uniform import select_uniform
from redsc.passes.slice.plan import Level, LevelPlan
from tests.helpers import NetBuilder, latency_table, residual_net
from tests.passes.selecting import problem_of, rules_of, wide_net
from tests.passes.skipping import residual

BROKEN = {
    "names another space": lambda plan: _first(plan, widths={**plan.levels[0].widths, "ghost": 4}),
    "a width that is no multiple": lambda plan: _first(plan, widths={**plan.levels[0].widths, "conv_2d0": 7}),
    "no channel at all": lambda plan: _first(plan, widths={**plan.levels[0].widths, "conv_2d0": 0}),
    "too many channels": lambda plan: _first(plan, widths={**plan.levels[0].widths, "conv_2d0": 64}),
    "not nested": lambda plan: LevelPlan((plan.levels[1], plan.levels[0]), plan.order),
    "over its ceiling": lambda plan: _first(plan, name="99"),
    "two levels of one name": lambda plan: LevelPlan((plan.levels[0], plan.levels[0]), plan.order),
    "a name in a longer form": lambda plan: _first(plan, name="100.0"),
    "a skipped block": lambda plan: _first(plan, skipped=("block",)),
    "another resolution": lambda plan: _first(plan, resolution=(24, 24)),
    "an order with a gap": lambda plan: LevelPlan(plan.levels, {**plan.order, "conv_2d0": (0, 0, *range(22))}),
}


def _first(plan: LevelPlan, **changes: Any) -> LevelPlan:
    return LevelPlan((replace(plan.levels[0], **changes), *plan.levels[1:]), plan.order)


@pytest.mark.parametrize("name", BROKEN)
def test_the_checker_rejects_a_plan_that_is(name: str) -> None:
    problem = problem_of(wide_net())
    plan = BROKEN[name](select_uniform(problem).plan)
    assert list(plan_problems(problem.graph, problem.groups, plan, rules_of(problem)))


def test_the_checker_rejects_a_plan_that_misses_a_budget() -> None:
    problem = problem_of(wide_net())
    plan = select_uniform(problem).plan
    networks = problem.networks(plan.levels)
    needed, flash = problem.ram(networks), problem.flash(networks)
    for budgets in (Budgets(ram_bytes=needed - 1), Budgets(flash_bytes=flash - 1), Budgets(macs=1000)):
        (complaint,) = plan_problems(problem.graph, problem.groups, plan, Rules(budgets, 4))
        assert "exceed the budget" in complaint


def test_the_checker_sees_room_that_was_left() -> None:
    problem = problem_of(residual_net())
    narrow = LevelPlan((Level("100", problem.narrowest),), problem.order)
    assert list(fullness_problems(problem.graph, problem.groups, narrow, rules_of(problem)))


def skipping_plan(**skipped: tuple[str, ...]) -> tuple[Problem, LevelPlan]:
    """Return levels 100, 75 and 50 of two residuals, one inside the other, that skip what is given."""
    net = NetBuilder(DType.INT8)
    x = net.conv(net.input(1, 6, 6, 2), 16)
    inner = residual(net, net.conv(x, 16, 1), 16)
    problem = problem_of(net.outputs(net.dense(net.mean(net.add(x, net.conv(inner, 16, 1)), 1, 2), 4)))
    widths = {"100": 16, "75": 12, "50": 8}
    levels = [
        Level(name, dict.fromkeys(problem.full, width), skipped.get(f"level{name}", ()))
        for name, width in widths.items()
    ]
    return problem, LevelPlan(tuple(levels), problem.order)


SKIPPED: dict[str, tuple[dict[str, tuple[str, ...]], str]] = {
    "smaller levels skip more": ({"level75": ("add4",), "level50": ("add4", "add6")}, ""),
    "who skips the outer skips the inner": ({"level75": ("add4",), "level50": ("add6",)}, ""),
    "a smaller level keeps a block": (
        {"level75": ("add6",)},
        "has blocks that the level before it skips: add4, add6",
    ),
    "a smaller level keeps what was inside": (
        {"level75": ("add6",), "level50": ("add4",)},
        "has blocks that the level before it skips: add6",
    ),
    "there is no such block": ({"level50": ("add5",)}, "skips blocks that there are not: add5"),
}


@pytest.mark.parametrize("case", SKIPPED)
def test_blocks_are_known_and_nested(case: str) -> None:
    skipped, complaint = SKIPPED[case]
    problem, plan = skipping_plan(**skipped)
    assert [block.name for block in problem.blocks] == ["add4", "add6"]
    found = list(plan_problems(problem.graph, problem.groups, plan, rules_of(problem)))
    assert found == ([f"level 50 {complaint}"] if complaint else [])


def test_spaces_of_skipped_blocks_alone_need_not_be_full() -> None:
    problem, plan = skipping_plan(level75=("add6",), level50=("add6",))
    check = (problem.graph, problem.groups, plan, rules_of(problem))
    assert list(plan_problems(*check)) == []
    assert set(fullness_problems(*check)) == {
        "level 75 has room for 16 channels of conv_2d0",
        "level 50 has room for 12 channels of conv_2d0",
    }


def test_latency_is_checked_for_the_first_level() -> None:
    problem = problem_of(wide_net())
    plan = select_uniform(problem).plan
    bound = LatencyBound(1, latency_table())
    (complaint,) = plan_problems(problem.graph, problem.groups, plan, replace(rules_of(problem), latency=bound))
    assert complaint.endswith("us exceed the budget of 1 us")
