"""Sizes of images as one more thing that selectors choose, or take for given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations_with_replacement

import pytest

from redsc.budgets import Budgets
from redsc.errors import BudgetError
from redsc.passes import SELECTORS
from redsc.passes.base import load
from redsc.passes.select.problem import Candidate, Problem, Selection
from redsc.passes.select.selectors.joint import select_joint
from redsc.passes.select.sizes import select_sized
from redsc.passes.select.sums.costs import Costs
from redsc.passes.select.sums.terms import evaluate
from redsc.passes.slice.plan import Level
from redsc.runtime.data.view import WHOLE, View
from tests.passes.selecting import EXACT, NO_BUDGETS, SEARCHES, complaints, every_network, is_inside, small_problem

LOSSES = (0.15, 0.6)
EVERY = pytest.mark.parametrize("name", SEARCHES)


def sized(net: str, seed: int = 0, budgets: Budgets = NO_BUDGETS, losses: Sequence[float] = LOSSES) -> Problem:
    """Return a problem whose levels may have an image with two rows and columns less, or with half of them."""
    problem = small_problem(net, budgets, seed)
    height, width = problem.image_size
    sizes = (height - 2, width - 2), (height // 2, width // 2)
    by_size = dict(zip(sizes, losses, strict=True))
    return replace(problem, losses=replace(problem.losses, sizes=by_size), sizes=sizes)


def views_of(problem: Problem) -> list[View]:
    return [WHOLE, *(View(size=size) for size in problem.sizes)]


def given(problem: Problem) -> Problem:
    """Return the problem with one of the sizes for each level."""
    requests = zip(problem.requests, views_of(problem), strict=True)
    return replace(problem, sizes=(), requests=tuple(replace(request, view=view) for request, view in requests))


def nested_pairs(problem: Problem) -> Iterator[tuple[Candidate, Candidate]]:
    """Yield all levels under the second and the third ceiling that nest, whatever they see."""
    _, larger, smaller = (request.ceiling_macs for request in problem.requests)
    rest = problem.beside(problem.whole)
    for first, second in combinations_with_replacement(views_of(problem), 2):
        outer = [item for item in every_network(rest, first) if item.macs <= larger]
        inner = [item for item in every_network(rest, second) if item.macs <= smaller]
        yield from ((a, b) for a in outer for b in inner if is_inside(b, a))


@pytest.mark.parametrize("net", ["chain", "joined"])
@pytest.mark.parametrize("seed", range(3))
def test_no_sizes_and_widths_lose_less(net: str, seed: int) -> None:
    problem = sized(net, seed)
    selection = select_sized(problem, select_joint)
    assert complaints(problem, selection) == []
    least = min(problem.loss(a) + problem.loss(b) for a, b in nested_pairs(problem))
    assert selection.solver.objective == pytest.approx(least, abs=EXACT)
    assert selection.solver.status == "optimal"
    assert selection.plan.levels[0].view == WHOLE


def test_a_size_that_costs_nothing_is_taken_and_one_that_costs_all_is_not() -> None:
    free, dear = (select_sized(sized("chain", losses=[loss] * 2), select_joint).plan for loss in (0.0, 100.0))
    assert free.levels[-1].view == views_of(sized("chain"))[-1]
    assert {level.view for level in dear.levels} == {WHOLE}


@EVERY
def test_every_selector_takes_images_for_given(name: str) -> None:
    free = sized("residuals")
    problem = given(free)
    selection: Selection = load(SELECTORS[name])(problem)
    assert [level.view for level in selection.plan.levels] == views_of(free)
    assert complaints(problem, selection) == []
    objective = sum(map(problem.loss, problem.networks(selection.plan.levels)))
    assert selection.solver.objective == pytest.approx(objective)
    assert objective >= sum(LOSSES)


@EVERY
def test_a_choice_of_sizes_never_loses_more(name: str) -> None:
    select, problem = load(SELECTORS[name]), sized("chain", 1)
    with_sizes = select_sized(problem, select)
    plain = select(replace(problem, sizes=()))
    assert with_sizes.solver.objective <= plain.solver.objective + EXACT
    assert complaints(problem, with_sizes) == []


def test_all_sums_know_the_size_of_the_image() -> None:
    free = sized("residuals", budgets=Budgets(ram_bytes=10**6, flash_bytes=10**6))
    costs, names = Costs.of(given(free)), [block.name for block in free.blocks]
    for view in views_of(free):
        for skipped in ([], names):
            network = free.candidate(free.narrowest, skipped, view)
            assert evaluate(costs.at(view).macs, network.widths, network.skipped) == network.macs
            level = Level("", network.widths, network.skipped, view.size)
            assert costs.least_ram([level], []) <= free.ram([network])


def test_levels_of_different_sizes_share_the_ram() -> None:
    free = given(sized("chain"))
    needed = free.ram(free.networks(select_joint(free).plan.levels))
    tight = replace(free, budgets=Budgets(ram_bytes=needed - 1))
    selection = select_joint(tight)
    assert len(selection.plan.levels) == 3
    assert complaints(tight, selection) == []


def test_slot_0_sees_less_where_that_loses_less_than_being_narrow() -> None:
    problem = sized("chain", losses=(0.001, 0.002))
    needed = problem.ram([problem.candidate(problem.full, view=views_of(problem)[1])])
    tight = replace(problem, budgets=Budgets(ram_bytes=needed))
    selection = select_sized(tight, select_joint)
    first = selection.plan.levels[0]
    assert (first.view, first.widths) == (views_of(problem)[1], problem.full)
    assert float(first.name) < 100
    assert complaints(tight, selection) == []


def test_a_budget_that_no_size_meets_is_an_error() -> None:
    with pytest.raises(BudgetError):
        select_sized(sized("chain", budgets=Budgets(ram_bytes=100)), select_joint)
