"""Hill climbing over the order of first fit, for problems where no fixed order reaches the goal.

The moves are those of Arm's Vela (ethos-u-vela, hillclimb_allocation.py): the body that ends highest, or one of
those it meets, changes places in the order with another of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from redsc.cost.arena.bodies import Bodies
from redsc.cost.arena.first_fit import first_fit

__all__ = ["hill_climb"]

_STUCK = 50  # moves without gain, after which neighbours of neighbours may move too
_WIDER = 3


def hill_climb(bodies: Bodies, order: Sequence[int], goal: int, moves: int) -> tuple[int, ...]:
    """Return the positions of the lowest plan found in so many moves from an order, at once if one is at the goal.

    The moves are pseudo-random with a fixed seed: the same problem gives the same plan.
    """
    random, current = Random(0), list(order)
    best = first_fit(bodies, current)
    assert best is not None
    height, stuck = bodies.height(best), 0
    for _ in range(moves):
        if height <= goal:
            break
        tried = _swapped(current, _candidates(bodies, best, random, stuck > _STUCK), random)
        found = first_fit(bodies, tried, ceiling=height)
        stuck += 1
        if found is not None:
            stuck = 0 if bodies.height(found) < height else stuck
            best, height, current = found, bodies.height(found), tried
    return best


def _candidates(bodies: Bodies, positions: Sequence[int], random: Random, wide: bool) -> list[int]:
    """Return the highest body and those it meets; where the search is stuck, some of those that they meet."""
    top = max(range(len(positions)), key=lambda i: positions[i] + bodies.heights[i])
    near = [top, *bodies.forbidden[top]]
    if wide:
        for body in bodies.forbidden[top]:
            rivals = list(bodies.forbidden[body])
            near += random.sample(rivals, min(_WIDER, len(rivals)))
    return sorted(set(near))


def _swapped(order: Sequence[int], candidates: Sequence[int], random: Random) -> list[int]:
    a, b = (order.index(random.choice(candidates)) for _ in range(2))
    swapped = list(order)
    swapped[a], swapped[b] = swapped[b], swapped[a]
    return swapped
