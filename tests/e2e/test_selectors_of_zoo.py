"""Every selector on every network of the zoo: all budgets are kept, or the error names the one that is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from redsc.budgets import Budgets
from redsc.compile import read_model
from redsc.errors import BudgetError, UnsupportedError
from redsc.options import Options, Searching
from redsc.passes import SELECTORS
from redsc.passes.base import Log, load
from redsc.passes.quantize.int8 import without_annotations
from redsc.passes.schedule import Schedule
from redsc.passes.select.check import Rules, plan_problems
from redsc.passes.select.make_problem import make_problem
from redsc.passes.select.problem import Problem
from tests.conftest import Zoo
from tests.e2e.test_zoo import MODELS, SHAPES, needs_zoo

LEVELS = ("100", "50")
MOST_NODES = 32  # of networks that are cut hundreds of times here
BINDING = {"R501": "B of RAM", "R502": "B of flash", "R503": "MACs"}
QUICK = Searching(step=0.1, population=12, generations=8, ratio=0.5)
SHARES = (0.6, 0.6, 0.7)  # of the RAM, flash and MACs of the whole network: for some too little


def problem_of(zoo: Zoo, name: str) -> Problem | None:
    """Return the problem of a network's levels; None where nothing can be cut, or cutting it takes long."""
    try:
        graph = read_model(zoo(name), shapes=SHAPES.get(name, [])).graph
    except UnsupportedError:
        return None
    if len(graph.nodes) > MOST_NODES:
        return None
    Schedule().run(graph, Log())
    found = make_problem(without_annotations(graph), Options(searching=QUICK), LEVELS)
    return found if found.full else None


@needs_zoo
@pytest.mark.parametrize("name", MODELS, ids=lambda name: Path(name).name)
def test_budgets_are_kept_or_the_binding_one_is_named(zoo: Zoo, name: str) -> None:
    problem = problem_of(zoo, name)
    if problem is None:
        return
    whole = problem.whole
    most = (problem.ram([whole]), problem.flash([whole]), whole.macs)
    ram, flash, macs = (round(share * whole) for share, whole in zip(SHARES, most, strict=True))
    bounded = replace(problem, budgets=Budgets(ram, flash, macs))
    for selector in SELECTORS:
        assert complaints(bounded, selector) == [], selector


def complaints(problem: Problem, selector: str) -> list[str]:
    """Return what is wrong with a selector's plan; where it finds none, with how it says which budget binds."""
    try:
        plan = load(SELECTORS[selector])(problem).plan
    except BudgetError as error:
        binding = BINDING.get(error.diagnostic.code)
        return [] if binding and binding in error.diagnostic.message else [str(error)]
    rules = Rules(problem.budgets, problem.width_multiple, problem.blocks)
    return list(plan_problems(problem.graph, problem.groups, plan, rules))
