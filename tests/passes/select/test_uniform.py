from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.budgets import Budgets
from redsc.choices import Resident
from redsc.errors import BudgetError
from redsc.ir import DType, Graph
from redsc.passes.select.selectors.uniform import select_uniform
from tests.conftest import Golden
from tests.helpers import NetBuilder, small_net
from tests.passes.selecting import NAMES, complaints, problem_of, wide_net
from tests.strategies import graphs


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
    needed = whole.ram(whole.networks(select_uniform(whole).plan.levels))
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
    needed = alone.ram(alone.networks(select_uniform(alone).plan.levels))
    problem = problem_of(graph, Budgets(ram_bytes=needed))
    selection = select_uniform(problem)
    assert [level.name for level in selection.plan.levels] == ["100"]
    assert {note.code for note in selection.diagnostics} == {"L102"}
    assert "--resident one keeps it" in (selection.diagnostics[0].hint or "")
    one = problem_of(graph, Budgets(ram_bytes=needed, resident=Resident.ONE))
    assert [level.name for level in select_uniform(one).plan.levels] == list(NAMES)


def test_budgets_for_macs_and_flash_bind_as_well() -> None:
    graph = wide_net()
    full = problem_of(graph).whole
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


def test_a_network_without_free_spaces_is_one_level() -> None:
    net = NetBuilder()
    selection = select_uniform(problem_of(net.outputs(net.dense(net.input(1, 4), 3))))
    assert [level.name for level in selection.plan.levels] == ["100"]
    assert len(selection.diagnostics) == 3


def test_float_networks_work_alike() -> None:
    problem = problem_of(small_net(DType.FLOAT32))
    assert complaints(problem, select_uniform(problem)) == []
