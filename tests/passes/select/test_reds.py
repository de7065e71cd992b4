"""REDS' iterative knapsack: its bounds on plain items, and what it promises on networks."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from redsc.ir import DType
from redsc.passes.losses.loss import Losses
from redsc.passes.select.problem import Candidate, LevelRequest, Problem, Selection
from redsc.passes.select.selectors.joint import select_joint
from redsc.passes.select.selectors.reds import select_bottom_up, select_top_down
from tests.helpers import NetBuilder
from tests.passes.selecting import (
    SMALL,
    complaints,
    every_network,
    is_inside,
    posed,
    small_problem,
)

Items = Sequence[tuple[int, int]]  # weight and profit of each


def as_network(items: Items, capacity: int) -> Problem:
    """Return a network whose spaces are plain items: the second channel of each weighs and is worth just that.

    A convolution over `weight - 1` pixels and a dense layer for the mean of each channel. The levels are half the
    capacity and the whole of it, on top of the channels that cannot be left out.
    """
    net = NetBuilder(DType.INT8)
    images = [net.input(1, 1, weight - 1, 1, name=f"x{place}") for place, (weight, _) in enumerate(items)]
    outputs = [net.dense(net.mean(net.conv(image, 2, 1), 1, 2), 1) for image in images]
    problem = posed(net.outputs(*outputs), multiple=1)
    base = problem.candidate(problem.narrowest).macs
    ceilings = {"100": 2 * base, "50": base + capacity, "25": base + capacity // 2}
    profits = dict(zip(problem.full, (profit for _, profit in items), strict=True))
    losses = Losses({name: {1: profit, 2: 0.0} for name, profit in profits.items()})
    requests = tuple(LevelRequest(name, macs) for name, macs in ceilings.items())
    return replace(problem, losses=losses, requests=requests)


def value(items: Items, level: Candidate) -> int:
    return sum(profit for (_, profit), width in zip(items, level.widths.values(), strict=True) if width == 2)


def best_value(items: Items, capacity: int) -> int:
    """Return the most that fits, by dynamic programming over the capacity."""
    best = [0] * (capacity + 1)
    for weight, profit in items:
        best = [max(old, best[used - weight] + profit if used >= weight else 0) for used, old in enumerate(best)]
    return best[capacity]


def bottom_up(items: Items, capacity: int) -> list[int]:
    """Return the values of the levels, the largest first."""
    problem = as_network(items, capacity)
    _, *levels = problem.networks(select_bottom_up(problem).plan.levels)
    return [value(items, level) for level in levels]


@pytest.mark.parametrize("seed", range(200))
def test_bottom_up_reaches_two_thirds_where_no_item_weighs_more_than_half(seed: int) -> None:
    chance = random.Random(seed)
    capacity = 2 * chance.randint(10, 40)
    items = [(chance.randint(2, capacity // 2), chance.randint(1, 50)) for _ in range(chance.randint(4, 8))]
    while sum(weight for weight, _ in items) <= capacity:
        items.append((chance.randint(2, capacity // 2), chance.randint(1, 50)))
    larger, smaller = bottom_up(items, capacity)
    assert smaller == best_value(items, capacity // 2)
    assert 3 * larger >= 2 * best_value(items, capacity)


@pytest.mark.parametrize("third", [10, 20, 40])
def test_two_thirds_are_all_that_can_be_promised(third: int) -> None:
    items = [(third + 1, 1001), *[(third, 1000)] * 3]
    assert bottom_up(items, 3 * third) == [2001, 1001]
    assert best_value(items, 3 * third) == 3000


@pytest.mark.parametrize("net", SMALL)
@pytest.mark.parametrize("seed", range(2))
def test_from_the_smallest_up_each_level_is_the_best_around_the_one_before_it(net: str, seed: int) -> None:
    problem = small_problem(net, seed=seed)
    larger, smaller = accepted_levels(problem, select_bottom_up)
    assert problem.loss(smaller) == pytest.approx(least_loss_of(problem, 2, lambda _: True))
    assert problem.loss(larger) == pytest.approx(least_loss_of(problem, 1, lambda item: is_inside(smaller, item)))


@pytest.mark.parametrize("net", SMALL)
@pytest.mark.parametrize("seed", range(2))
def test_from_the_largest_down_each_level_is_the_best_inside_the_one_before_it(net: str, seed: int) -> None:
    problem = small_problem(net, seed=seed)
    larger, smaller = accepted_levels(problem, select_top_down)
    assert problem.loss(larger) == pytest.approx(least_loss_of(problem, 1, lambda _: True))
    assert problem.loss(smaller) == pytest.approx(least_loss_of(problem, 2, lambda item: is_inside(item, larger)))


def accepted_levels(problem: Problem, select: Callable[[Problem], Selection]) -> list[Candidate]:
    """Return the levels below the whole network, of a plan that the checker accepts."""
    selection = select(problem)
    assert complaints(problem, selection) == []
    return problem.networks(selection.plan.levels)[1:]


def least_loss_of(problem: Problem, index: int, is_nested: Callable[[Candidate], bool]) -> float:
    """Return the least loss of all nested networks under the ceiling of a request."""
    ceiling = problem.requests[index].ceiling_macs
    return min(problem.loss(item) for item in every_network(problem) if item.macs <= ceiling and is_nested(item))


@pytest.mark.parametrize("net", SMALL)
def test_levels_one_by_one_lose_no_less_than_together(net: str) -> None:
    problem = small_problem(net, seed=4)
    together = select_joint(problem).solver.objective
    assert together is not None
    for select in (select_bottom_up, select_top_down):
        solver = select(problem).solver
        assert solver.status == "heuristic"
        assert solver.objective is not None
        assert solver.objective >= together - 1e-5
