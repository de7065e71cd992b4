"""What holds for every selector of the table."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.budgets import Budgets
from redsc.choices import Kernels, Resident
from redsc.errors import BudgetError
from redsc.ir import Graph
from redsc.passes import SELECTORS
from redsc.passes.base import load
from redsc.passes.select.problem import Problem, Selection
from tests.passes.selecting import (
    NAMES,
    SEARCHES,
    SMALL,
    complaints,
    in_half_the_time,
    posed,
    residuals,
    small_problem,
)
from tests.passes.skipping import residual_graphs
from tests.strategies import graphs

GRAPHS = st.one_of(graphs(), residual_graphs())
EVERY = pytest.mark.parametrize("name", SEARCHES)


def select(name: str, problem: Problem) -> Selection:
    found: Selection = load(SELECTORS[name])(problem)
    return found


@EVERY
@given(GRAPHS, st.integers(1, 4))
def test_every_random_network_gives_a_plan_that_the_checker_accepts(name: str, graph: Graph, multiple: int) -> None:
    problem = posed(graph, NAMES, multiple=multiple)
    selection = select(name, problem)
    assert complaints(problem, selection) == []
    assert selection.plan.levels[0].widths == problem.full
    told = " ".join(note.message for note in selection.diagnostics)
    assert all(level in told for level in set(NAMES) - {level.name for level in selection.plan.levels})
    solver = selection.solver
    assert solver.objective == pytest.approx(sum(map(problem.loss, problem.networks(selection.plan.levels))))


@EVERY
@given(residual_graphs(), st.sampled_from(Resident), st.sampled_from(Kernels), st.floats(0.3, 3), st.floats(0.3, 3))
def test_every_budget_is_kept_or_refused(
    name: str, graph: Graph, resident: Resident, kernels: Kernels, ram: float, flash: float
) -> None:
    free = posed(graph, NAMES, Budgets(kernels=kernels))
    whole = [free.whole]
    bounds = Budgets(int(free.ram(whole) * ram), int(free.flash(whole) * flash), None, resident, kernels=kernels)
    problem = replace(free, budgets=bounds)
    try:
        selection = select(name, problem)
    except BudgetError:
        assert not problem.fits([problem.least]) or name == "uniform"
        return
    assert complaints(problem, selection) == []


@EVERY
def test_spaces_of_skipped_blocks_are_as_narrow_as_can_be(name: str) -> None:
    problem = posed(residuals(), NAMES, seed=3, multiple=4)
    levels = select(name, problem).plan.levels
    for level, network in zip(levels, problem.networks(levels), strict=True):
        gone = set(level.widths) - {value.name for value in network.graph.values()}
        inside = {space for space in gone if any(space in block.inside for block in problem.blocks)}
        assert {space: level.widths[space] for space in inside} == {s: problem.narrowest[s] for s in inside}


@EVERY
def test_two_runs_agree(name: str) -> None:
    plans = {select(name, posed(residuals(), NAMES, seed=7)).plan.to_json() for _ in range(2)}
    assert len(plans) == 1


@pytest.mark.parametrize("net", SMALL)
@EVERY
def test_none_loses_less_than_joint_proves(name: str, net: str) -> None:
    problem = small_problem(net)
    joint, other = select("joint", problem), select(name, problem)
    assert len(other.plan.levels) <= len(joint.plan.levels)
    if len(other.plan.levels) == len(joint.plan.levels):
        assert (other.solver.objective or 0.0) >= (joint.solver.bound or 0.0) * (1 - 1e-6)


@EVERY
def test_a_bound_on_latency_is_kept(name: str) -> None:
    problem = in_half_the_time(posed(residuals(), NAMES, seed=2))
    assert complaints(problem, select(name, problem)) == []
