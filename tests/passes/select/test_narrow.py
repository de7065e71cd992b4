"""What is left out of a query: never what levels have that lose no more."""

from __future__ import annotations

from itertools import product
from math import inf

import pytest

from redsc.budgets import Budgets
from redsc.passes.select.exact.cp_level import LevelDomain
from redsc.passes.select.exact.cp_sat import QUICK_EFFORT, Query, solve
from redsc.passes.select.exact.dynamic_program import DynamicProgram
from redsc.passes.select.exact.narrow import narrowed, solve_narrowing
from redsc.passes.select.problem import Problem
from redsc.passes.select.selectors.joint import select_joint
from redsc.passes.select.sums.costs import Costs
from redsc.passes.select.sums.terms import Term
from tests.passes import selecting
from tests.passes.selecting import SMALL, small_problem


def posed(net: str, seed: int) -> tuple[Problem, Query]:
    """Return the problem of the levels below the whole network in little RAM."""
    free = small_problem(net, seed=seed)
    needed = free.ram(free.networks(select_joint(free).plan.levels))
    problem = small_problem(net, Budgets(ram_bytes=needed - 32), seed=seed)
    first, names = problem.whole, frozenset(block.name for block in problem.blocks)
    legal = {name: problem.legal(name) for name in problem.full}
    domains = tuple(LevelDomain(request.ceiling_macs, legal, may_skip=names) for request in problem.requests[1:])
    return problem.beside(first), Query(domains, (first,), ram_bytes=problem.budgets.ram_bytes)


@pytest.mark.parametrize("net", SMALL)
@pytest.mark.parametrize("seed", range(4))
def test_levels_that_lose_least_stay(net: str, seed: int) -> None:
    problem, query = posed(net, seed)
    costs = Costs.of(problem)
    best = solve(costs, query, QUICK_EFFORT)
    assert best is not None
    assert best.is_optimal
    closer = narrowed(costs, query, best.objective)
    again = solve(costs, closer, QUICK_EFFORT)
    assert again is not None
    assert (again.objective, again.bound) == (best.objective, best.objective)
    assert sum(closer.least_losses) <= best.objective
    assert _choices(closer) <= _choices(query)
    staged = solve_narrowing(costs, query, (), is_known=False)
    assert staged is not None
    assert (staged.objective, staged.bound) == (best.objective, best.objective)


def test_what_cannot_be_better_is_left_out() -> None:
    problem = selecting.posed(selecting.chain((32, 24)), ("100", "75", "50"))
    legal = {name: problem.legal(name) for name in problem.full}
    query = Query(tuple(LevelDomain(request.ceiling_macs, legal) for request in problem.requests[1:]))
    costs = Costs.of(problem)
    best = solve(costs, query, QUICK_EFFORT)
    assert best is not None
    closer = narrowed(costs, query, best.objective)
    assert _choices(closer) < _choices(query) / 2
    again = solve(costs, closer, QUICK_EFFORT)
    assert again is not None
    assert again.objective == best.objective
    assert narrowed(costs, query, inf).domains == query.domains


def _choices(query: Query) -> int:
    return sum(len(widths) for domain in query.domains for widths in domain.options.values())


def test_a_dynamic_program_finds_what_every_choice_loses_at_least() -> None:
    choices = {("width", "a"): (1, 2, 3), ("skip", "x"): (0, 1), ("width", "b"): (1, 2, 4), ("width", "c"): (2, 5)}
    macs = (Term(lambda a, b: 10 * a * b, ("a", "b")), Term(lambda b, c: 10 * b * c, ("b", "c"), "x"))
    losses = (
        *(Term(lambda width: 100 // width, (name,)) for name in "abc"),
        Term(lambda: 35, (), None, frozenset({"x"})),
    )
    tail = (Term(lambda c: 3 * c, ("c",)),)
    ceiling, price = 120, 2.0
    program = DynamicProgram.of(choices, macs, tail, losses, ceiling)
    assert program is not None
    lost = {}
    for a, x, b, c in product(*choices.values()):
        if 10 * a * b + (0 if x else 10 * b * c) <= ceiling:
            lost[a, x, b, c] = 100 // a + 100 // b + 100 // c + 35 * x + price * 3 * c
    assert program.least(price) == min(lost.values())
    for variable, found in program.least_by_choice(price).items():
        place = list(choices).index(variable)
        for choice, least in found.items():
            assert least == min((loss for key, loss in lost.items() if key[place] == choice), default=inf)


def test_too_many_states_have_no_program() -> None:
    choices = {("width", str(number)): tuple(range(1, 40)) for number in range(3)}
    together = (Term(lambda a, b, c: a * b * c, ("0", "1", "2")),)
    assert DynamicProgram.of(choices, together, (), (), 100) is None
