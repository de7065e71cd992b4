"""What is particular about `netadapt`; what it shares with others is in test_selectors.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from redsc.options import Searching
from redsc.passes.losses.loss import Losses
from redsc.passes.select.problem import Problem
from redsc.passes.select.selectors.netadapt import select_netadapt
from tests.passes.selecting import bodies, complaints, posed, small_problem


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
    level = problem.networks(select_netadapt(problem).plan.levels)[1]
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
