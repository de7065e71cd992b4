from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.budgets import Budgets
from redsc.choices import Resident, Sharing
from redsc.cost.latency import LatencyBound
from redsc.errors import BudgetError
from redsc.ir import DType
from redsc.passes.losses.loss import WORST_LOSS, Losses
from redsc.passes.select.problem import Problem, Selection
from redsc.passes.select.selectors.joint import select_joint
from redsc.passes.select.sums.costs import Costs
from redsc.passes.select.sums.terms import evaluate
from tests.helpers import NetBuilder, latency_table
from tests.passes.selecting import (
    EXACT,
    SMALL,
    chain,
    complaints,
    every_network,
    in_half_the_time,
    least_loss,
    posed,
    residuals,
    small_problem,
)


@pytest.mark.parametrize("net", SMALL)
@pytest.mark.parametrize("seed", range(3))
def test_no_nested_levels_lose_less(net: str, seed: int) -> None:
    problem = small_problem(net, seed=seed)
    selection = select_joint(problem)
    assert complaints(problem, selection) == []
    assert selection.solver.status == "optimal"
    assert selection.solver.objective == pytest.approx(least_loss(problem), abs=EXACT)
    assert selection.solver.bound == pytest.approx(selection.solver.objective, abs=EXACT)
    assert selection.solver.gap == 0


@pytest.mark.parametrize("net", SMALL)
@pytest.mark.parametrize(
    ("sharing", "short"), [(Sharing.COPIES, 1), (Sharing.COPIES, 60), (Sharing.STRIDED, 1), (Sharing.STRIDED, 32)]
)
def test_no_nested_levels_in_less_ram_lose_less(net: str, short: int, sharing: Sharing) -> None:
    free = small_problem(net, Budgets(sharing=sharing))
    needed = free.ram(free.networks(select_joint(free).plan.levels))
    problem = small_problem(net, Budgets(ram_bytes=needed - short, sharing=sharing))
    selection = select_joint(problem)
    assert check_between(problem, selection) < 1.005
    assert selection.solver.status == "optimal" or problem.blocks


@pytest.mark.parametrize("net", SMALL)
@pytest.mark.parametrize("short", [1, 200])
@pytest.mark.parametrize("sharing", Sharing)
def test_no_nested_levels_in_less_flash_lose_less(net: str, short: int, sharing: Sharing) -> None:
    free = small_problem(net, Budgets(sharing=sharing))
    needed = free.flash(free.networks(select_joint(free).plan.levels))
    problem = small_problem(net, Budgets(flash_bytes=needed - short, sharing=sharing))
    assert check_between(problem, select_joint(problem)) < 1.1


def check_between(problem: Problem, selection: Selection) -> float:
    """Return how many times the least loss was found; that is not less than what is proven."""
    assert complaints(problem, selection) == []
    assert [level.name for level in selection.plan.levels] == [request.name for request in problem.requests]
    solver, best = selection.solver, least_loss(problem)
    assert solver.bound is not None
    assert solver.objective is not None
    assert solver.bound - EXACT <= best <= solver.objective + EXACT
    if solver.status == "optimal":
        assert solver.objective == pytest.approx(best, abs=EXACT)
    return solver.objective / best


@pytest.mark.parametrize("resident", Resident)
@pytest.mark.parametrize("net", SMALL)
def test_a_first_level_in_less_ram_is_the_best_there_is(net: str, resident: Resident) -> None:
    free = small_problem(net)
    needed = free.ram([free.whole])
    problem = replace(
        small_problem(net, Budgets(ram_bytes=needed * 9 // 10, resident=resident)), requests=free.requests[:1]
    )
    selection = select_joint(problem)
    assert complaints(problem, selection) == []
    (level,) = problem.networks(selection.plan.levels)
    best = min(problem.loss(item) for item in every_network(problem) if problem.fits([item]))
    assert problem.loss(level) == pytest.approx(best, abs=EXACT)
    assert [note.code for note in selection.diagnostics] == ["L101"]
    assert float(selection.plan.levels[0].name) < 100


def test_without_the_whole_network_slot_0_is_chosen_with_the_others() -> None:
    problem = posed(chain(), ("60", "25"))
    selection = select_joint(problem)
    assert complaints(problem, selection) == []
    assert [level.name for level in selection.plan.levels] == ["60", "25"]
    below = least_loss(replace(problem, requests=(posed(chain()).requests[0], *problem.requests)))
    assert selection.solver.objective == pytest.approx(below, abs=EXACT)


def test_latency_binds_the_first_level() -> None:
    free = posed(chain())
    problem = in_half_the_time(free)
    selection = select_joint(problem)
    assert complaints(problem, selection) == []  # and the first level is in time
    assert "us on nucleo-l4r5zi (estimated, ±3.7 %)" in selection.diagnostics[0].evidence[0]
    with pytest.raises(BudgetError, match="R504"):
        select_joint(replace(free, latency=LatencyBound(1, latency_table())))


def test_two_runs_give_the_same_bytes() -> None:
    def once() -> tuple[str, object]:
        selection = select_joint(posed(residuals(), ("100", "75", "50", "25"), seed=5))
        return selection.plan.to_json(), selection.solver

    assert once() == once()


def test_many_widths_are_thinned_and_refined() -> None:
    problem = posed(chain((72, 64)), ("100", "50"), multiple=1)
    selection = select_joint(problem)
    assert complaints(problem, selection) == []
    assert selection.solver.grid == 16
    costs, ceiling = Costs.of(problem), problem.requests[1].ceiling_macs
    choices = product(*(problem.legal(name) for name in problem.full))
    every = (dict(zip(problem.full, widths, strict=True)) for widths in choices)
    light = (widths for widths in every if evaluate(costs.macs, widths, ()) <= ceiling)
    best = min(sum(problem.losses.of_width(*item) for item in widths.items()) for widths in light)
    assert selection.solver.objective == pytest.approx(best, rel=2e-4)


def test_a_level_that_has_no_place_is_left_out() -> None:
    free = posed(chain())
    alone = free.ram([free.whole])
    selection = select_joint(posed(chain(), budgets=Budgets(ram_bytes=alone)))
    assert [level.name for level in selection.plan.levels] == ["100"]
    assert [note.code for note in selection.diagnostics] == ["L102", "L102"]
    assert "--resident one keeps it" in (selection.diagnostics[0].hint or "")


def test_what_nothing_meets_is_an_error_that_counts_skipped_blocks() -> None:
    free = small_problem("residuals")
    least = free.ram([free.least])
    assert least < free.ram([free.candidate(free.narrowest)])
    with pytest.raises(BudgetError):
        select_joint(small_problem("residuals", Budgets(ram_bytes=least - 1)))
    selection = select_joint(small_problem("residuals", Budgets(ram_bytes=least)))
    assert selection.plan.levels[0].skipped


def test_losses_beyond_all_measure_do_not_hide_the_others() -> None:
    plain = posed(chain(), seed=1)
    widths = {name: {**points, 2: WORST_LOSS} for name, points in plain.losses.widths.items()}
    awful = replace(plain, losses=Losses(widths), requests=(*plain.requests[:2],))
    best = select_joint(replace(plain, requests=plain.requests[:2]))
    assert select_joint(awful).plan == best.plan
    assert all(width > 2 for level in best.plan.levels for width in level.widths.values())


def test_levels_are_full_also_where_nothing_is_lost() -> None:
    problem = posed(chain(), ("100", "75", "50", "25"))
    free = replace(problem, losses=Losses({name: {1: 0.0, size: 0.0} for name, size in problem.full.items()}))
    selection = select_joint(free)
    assert complaints(free, selection) == []
    assert selection.solver.objective == 0


def test_the_outer_block_alone_counts_where_an_inner_one_is_dear() -> None:
    problem = small_problem("residuals")
    first, inner, outer = (block.name for block in problem.blocks)
    dear = replace(problem, losses=replace(problem.losses, skips={first: 9.0, inner: 8.0, outer: 0.01}))
    selection = select_joint(dear)
    assert selection.solver.objective == pytest.approx(least_loss(dear), abs=EXACT)
    assert selection.plan.levels[1].skipped == (inner, outer)


@pytest.mark.parametrize("names", [("100",), ("100", "50")])
def test_a_network_without_free_spaces_is_one_level(names: tuple[str, ...]) -> None:
    net = NetBuilder(DType.INT8)
    problem = posed(net.outputs(net.dense(net.input(1, 4), 3)), names)
    selection = select_joint(problem)
    assert [level.name for level in selection.plan.levels] == ["100"]
    assert [note.code for note in selection.diagnostics] == ["L102"] * (len(names) - 1)
    assert selection.solver.status == "optimal"
    assert selection.solver.objective == 0


@given(st.integers(0, 10_000))
def test_more_ram_never_loses_more(more: int) -> None:
    free = small_problem("chain")
    least = free.ram([free.whole, free.least, free.least])

    def lost(ram: int) -> float:
        found = select_joint(small_problem("chain", Budgets(ram_bytes=ram))).solver.objective
        assert found is not None
        return found

    assert lost(least + more) <= lost(least) + EXACT
