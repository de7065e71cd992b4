from __future__ import annotations

from itertools import combinations, product
from math import inf

import numpy as np
import pytest

from redsc.ir import Array
from redsc.runtime.evaluate.cascade_search import Step, find_steps

MACS = (100, 61, 37, 11)
Answers = tuple[Array, Array]


def answers(seed: int, levels: int, samples: int = 40, largest: int = 5) -> Answers:
    """Return margins and hits of levels that are the better and the surer the larger they are."""
    random = np.random.default_rng(seed)
    ease = random.normal(size=samples) + np.linspace(1.5, 0.2, levels)[:, None]
    hits = random.random((levels, samples)) < 1 / (1 + np.exp(-3 * ease))
    margins = np.clip(np.abs(ease) * 2 + random.normal(size=hits.shape), 0, largest)
    return margins.astype(np.int64), hits


def walk(steps: tuple[Step, ...], margins: Array, hits: Array) -> tuple[int, int]:
    """Return MACs and right answers, sample by sample."""
    cost = right = 0
    for sample in range(margins.shape[1]):
        for step in steps:
            cost += MACS[step.slot]
            if margins[step.slot, sample] >= step.threshold:
                right += int(hits[step.slot, sample])
                break
    return cost, right


def brute_force(margins: Array, hits: Array, least_hits: int, largest: int = 5) -> float:
    """Return the least MACs over all chains and all thresholds."""
    levels = range(len(margins) - 1, -1, -1)
    best = inf
    for length in range(1, len(margins) + 1):
        for chain in combinations(levels, length):
            for thresholds in product(range(largest + 2), repeat=length - 1):
                steps = tuple(Step(slot, at) for slot, at in zip(chain, (*thresholds, 0), strict=True))
                cost, right = walk(steps, margins, hits)
                if right >= least_hits:
                    best = min(best, cost)
    return best


@pytest.mark.parametrize("seed", range(12))
def test_no_other_cascade_of_three_levels_is_cheaper(seed: int) -> None:
    margins, hits = answers(seed, 3)
    for lost in (0, 1, 3):
        least = int(hits[0].sum()) - lost
        steps = find_steps(margins, hits, MACS[:3], least)
        cost, right = walk(steps, margins, hits)
        assert right >= least
        assert cost == brute_force(margins, hits, least)


@pytest.mark.parametrize("seed", range(3))
def test_no_other_cascade_of_four_levels_is_cheaper(seed: int) -> None:
    margins, hits = answers(seed, 4, samples=16, largest=3)
    least = int(hits[0].sum()) - 1
    steps = find_steps(margins, hits, MACS, least)
    assert walk(steps, margins, hits)[1] >= least
    assert walk(steps, margins, hits)[0] == brute_force(margins, hits, least, largest=3)


def test_four_levels_may_all_take_part() -> None:
    margins = np.array([[9] * 100, [9] * 98 + [0, 0], [9] * 90 + [0] * 10, [9] * 60 + [0] * 40])
    steps = find_steps(margins, margins > 0, MACS, 100)
    assert steps == (Step(3, 1), Step(2, 1), Step(1, 1), Step(0))


def test_more_may_be_lost_at_no_higher_cost() -> None:
    margins, hits = answers(5, 4, samples=300, largest=255)
    least = int(hits[0].sum())
    costs = [walk(find_steps(margins, hits, MACS, least - lost), margins, hits)[0] for lost in range(0, 60, 6)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[-1]


def test_the_largest_level_alone_is_left_where_no_other_helps() -> None:
    hits = np.array([[True] * 10, [False] * 10])
    assert find_steps(np.zeros((2, 10), np.int64), hits, MACS[:2], 10) == (Step(0),)
