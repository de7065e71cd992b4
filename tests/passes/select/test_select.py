from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.budgets import Budgets, Resident
from redsc.cost.latency import LatencyBound
from redsc.errors import BudgetError
from redsc.ir import DType, Graph
from redsc.options import Options
from redsc.passes.select.check import Rules, fullness_problems, plan_problems
from redsc.passes.select.make_problem import make_problem
from redsc.passes.select.problem import Problem, Selection, legal_widths
from redsc.passes.select.selectors.uniform import select_uniform
from redsc.passes.slice.plan import Level, LevelPlan
from tests.conftest import Golden
from tests.helpers import NetBuilder, latency_table, residual_net, small_net
from tests.passes.skipping import residual
from tests.strategies import graphs

NAMES = ("100", "75", "50", "25")


def wide_net() -> Graph:
    net = NetBuilder(DType.INT8)
    x = net.conv(net.input(1, 12, 12, 3), 24)
    x = net.conv(net.depthwise(x), 40, 1)
    return net.outputs(net.dense(net.pool(x, "AVERAGE_POOL_2D", 8), 6))


NO_BUDGETS = Budgets()


def problem_of(graph: Graph, budgets: Budgets = NO_BUDGETS, names: tuple[str, ...] = NAMES) -> Problem:
    return make_problem(graph, Options(budgets=budgets), names)


def rules_of(problem: Problem) -> Rules:
    return Rules(problem.budgets, problem.width_multiple, problem.blocks, problem.latency)


def complaints(problem: Problem, selection: Selection) -> list[str]:
    check = (problem.graph, problem.groups, selection.plan, rules_of(problem))
    return [*plan_problems(*check), *fullness_problems(*check)]


def ram_of(problem: Problem, plan: LevelPlan) -> int:
    return problem.ram(problem.networks(plan.levels))


def test_levels_are_nested_full_and_under_their_ceilings() -> None:
    problem = problem_of(wide_net())
    selection = select_uniform(problem)
    assert [level.name for level in selection.plan.levels] == list(NAMES)
    assert selection.plan.levels[0].widths == problem.full
    assert complaints(problem, selection) == []
    assert not selection.diagnostics


def test_a_budget_that_slot_0_misses_gives_the_best_narrower_network() -> None:
    graph = wide_net()
    whole = problem_of(graph, names=("100",))
    needed = ram_of(whole, select_uniform(whole).plan)
    problem = problem_of(graph, Budgets(ram_bytes=needed - 1), ("100", "25"))
    selection = select_uniform(problem)
    assert complaints(problem, selection) == []
    first = selection.plan.levels[0]
    assert 25 < float(first.name) < 100
    note = selection.diagnostics[0]
    assert note.code == "L101"
    assert note.message == (
        f"level 100 is left out: slot 0 is level {first.name}, what the selector found inside the budgets"
    )
    assert f"{needed:,} B of RAM" in note.evidence[0]


def test_levels_that_do_not_fit_beside_slot_0_are_left_out_with_a_way_to_keep_them() -> None:
    graph = wide_net()
    alone = problem_of(graph, names=("100",))
    needed = ram_of(alone, select_uniform(alone).plan)
    problem = problem_of(graph, Budgets(ram_bytes=needed))
    selection = select_uniform(problem)
    assert [level.name for level in selection.plan.levels] == ["100"]
    assert {note.code for note in selection.diagnostics} == {"L102"}
    assert "--resident one keeps it" in (selection.diagnostics[0].hint or "")
    one = problem_of(graph, Budgets(ram_bytes=needed, resident=Resident.ONE))
    assert [level.name for level in select_uniform(one).plan.levels] == list(NAMES)


def test_budgets_for_macs_and_flash_bind_as_well() -> None:
    graph = wide_net()
    full = problem_of(graph).candidate(problem_of(graph).full)
    for budgets in (Budgets(macs=full.macs - 1), Budgets(flash_bytes=problem_of(graph).flash([full]) - 1)):
        problem = problem_of(graph, budgets, ("100",))
        selection = select_uniform(problem)
        assert complaints(problem, selection) == []
        assert selection.plan.levels[0].widths != problem.full


def test_what_nothing_meets_names_the_peak_and_the_least_ram(golden: Golden) -> None:
    problem = problem_of(wide_net(), Budgets(ram_bytes=1000, ram_text="1KB"))
    with pytest.raises(BudgetError) as caught:
        select_uniform(problem)
    assert caught.value.exit_code == 5
    golden(f"{caught.value}\n")


def test_the_least_ram_that_is_named_would_do() -> None:
    problem = problem_of(wide_net(), Budgets(ram_bytes=1000, ram_text="1KB"))
    least = problem.ram([problem.candidate(problem.narrowest)])
    with pytest.raises(BudgetError):
        select_uniform(problem_of(wide_net(), Budgets(ram_bytes=least - 1)))
    assert select_uniform(problem_of(wide_net(), Budgets(ram_bytes=least))).plan.levels


def test_an_answer_between_the_two_readings_of_a_unit_says_so() -> None:
    graph = wide_net()
    least = problem_of(graph).ram([problem_of(graph).candidate(problem_of(graph).narrowest)])
    text = f"{(least - 1) / 1000:.3f}KB"
    with pytest.raises(BudgetError, match=f"write {(least - 1) / 1000:.3f}KiB"):
        select_uniform(problem_of(graph, Budgets.parse(ram=text)))


@given(graphs(), st.integers(1, 6))
def test_every_random_network_gives_a_plan_that_the_checker_accepts(graph: Graph, multiple: int) -> None:
    problem = replace(problem_of(graph), width_multiple=multiple, _cache={})
    try:
        selection = select_uniform(problem)
    except BudgetError:
        assert problem.candidate(problem.narrowest).macs > problem.requests[0].ceiling_macs
        return
    assert complaints(problem, selection) == []
    told = " ".join(note.message for note in selection.diagnostics)
    assert all(name in told for name in set(NAMES) - {level.name for level in selection.plan.levels})


@given(st.integers(3_000, 40_000), st.integers(0, 20_000))
def test_more_ram_never_lowers_the_smallest_fraction(ram_bytes: int, more_bytes: int) -> None:
    def narrowest_fraction(ram: int) -> float:
        problem = problem_of(wide_net(), Budgets(ram_bytes=ram), ("100",))
        try:
            widths = select_uniform(problem).plan.levels[0].widths
        except BudgetError:
            return 0.0
        return min(width / problem.full[name] for name, width in widths.items())

    assert narrowest_fraction(ram_bytes + more_bytes) >= narrowest_fraction(ram_bytes)


def test_legal_widths_are_multiples_and_the_full_size() -> None:
    (space, *_) = problem_of(wide_net()).groups.free
    assert legal_widths(replace(space, size=10), 4) == (4, 8, 10)
    assert legal_widths(replace(space, size=3), 4) == (3,)
    assert legal_widths(replace(space, size=8), 4) == (4, 8)


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
    needed = ram_of(problem, plan)
    flash = problem.flash(problem.networks(plan.levels))
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


def test_a_network_without_free_spaces_is_one_level() -> None:
    net = NetBuilder()
    selection = select_uniform(problem_of(net.outputs(net.dense(net.input(1, 4), 3))))
    assert [level.name for level in selection.plan.levels] == ["100"]
    assert len(selection.diagnostics) == 3


def test_float_networks_work_alike() -> None:
    problem = problem_of(small_net(DType.FLOAT32))
    assert complaints(problem, select_uniform(problem)) == []
