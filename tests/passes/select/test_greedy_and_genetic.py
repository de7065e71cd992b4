"""What is particular about `netadapt` and `genetic`; what they share with others is in test_select_all.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from redsc.options import Searching
from redsc.passes.losses.loss import Losses
from redsc.passes.select.problem import Problem
from redsc.passes.select.selectors.genetic import select_genetic
from redsc.passes.select.selectors.netadapt import select_netadapt
from tests.passes.selecting import bodies, complaints, networks, posed, residuals, small_problem


def costly(problem: Problem, cheap: str) -> Problem:
    """Return a problem where cutting one space costs next to nothing."""
    spaces = {n: {p[0]: 1e-6 if n == cheap else 1.0, p[-1]: 0.0} for n in problem.full if (p := problem.legal(n))}
    return replace(problem, losses=Losses(spaces, {block.name: 9.0 for block in problem.blocks}))


@pytest.mark.parametrize("cheap", range(3))
def test_netadapt_cuts_first_what_loses_the_least_per_saving(cheap: int) -> None:
    problem = small_problem("chain")
    space = list(problem.full)[cheap]
    widths = {**problem.full, space: problem.narrowest[space]}
    request = replace(problem.requests[1], ceiling_macs=problem.candidate(widths).macs)
    problem = replace(costly(problem, space), requests=(problem.requests[0], request))
    level = networks(problem, select_netadapt(problem).plan)[1]
    assert level.widths == widths


def test_netadapt_skips_whole_blocks_that_lose_nothing() -> None:
    problem = posed(bodies(), ("100", "60"), multiple=4)
    problem = replace(problem, losses=replace(problem.losses, skips=dict.fromkeys(problem.losses.skips, 0.0)))
    assert select_netadapt(problem).plan.levels[1].skipped


def test_a_larger_step_of_netadapt_asks_less() -> None:
    problem = small_problem("chain")
    plans = {step: select_netadapt(replace(problem, searching=Searching(step=step))) for step in (0.01, 1.0)}
    assert all(complaints(problem, selection) == [] for selection in plans.values())
    assert plans[0.01].plan != plans[1.0].plan


def test_genetic_is_legal_without_any_generation() -> None:
    problem = replace(posed(residuals(), seed=1), searching=Searching(population=2, generations=0))
    assert complaints(problem, select_genetic(problem)) == []


def test_generations_improve_and_the_seed_decides() -> None:
    problem = posed(residuals(), seed=1)
    few, many, other = (
        select_genetic(replace(problem, searching=Searching(population=8, generations=count, seed=seed)))
        for count, seed in ((0, 0), (60, 0), (60, 1))
    )
    losses = [selection.solver.objective or 0.0 for selection in (few, many, other)]
    assert losses[1] < losses[0]
    assert losses[2] < losses[0]


def test_genetic_tells_its_generations() -> None:
    told: list[tuple[str, int, int]] = []

    def progress(stage: str, done: int = 0, total: int = 0) -> None:
        told.append((stage, done, total))

    problem = replace(posed(residuals()), progress=progress, searching=Searching(population=2, generations=3))
    select_genetic(problem)
    assert told[:3] == [("breeding level 60", done, 3) for done in range(3)]
