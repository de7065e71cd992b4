"""First fit under several orders: quick, and on most networks already as low as can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from redsc.cost.arena.bodies import Bodies

__all__ = ["first_fit", "orders"]


def first_fit(bodies: Bodies, order: Sequence[int], ceiling: int | None = None) -> tuple[int, ...] | None:
    """Place bodies in the given order, each at the lowest position that those before it allow.

    Returns:
        The position of every body, None as soon as one ends above the ceiling.
    """
    positions: dict[int, int] = {}
    for body in order:
        rivals = [
            (positions[other] + low, positions[other] + high)
            for other, intervals in bodies.forbidden[body].items()
            if other in positions
            for low, high in intervals
        ]
        position = 0
        for low, high in sorted(rivals):
            if low < position < high:
                position = high
        if ceiling is not None and position + bodies.heights[body] > ceiling:
            return None
        positions[body] = position
    return tuple(positions[body] for body in range(len(bodies.members)))


_Key = Callable[[Bodies, int], tuple[int, ...]]


def orders(bodies: Bodies) -> Iterator[list[int]]:
    """Yield orders that are worth trying, the best known first; ties go to the earlier buffer."""
    for key in _KEYS:
        yield sorted(range(len(bodies.members)), key=lambda body: (*key(bodies, body), body))


def _length(bodies: Bodies, body: int) -> int:
    live = bodies.live(body)
    return live.end - live.start


_KEYS: tuple[_Key, ...] = (
    lambda bodies, i: (-bodies.heights[i],),
    lambda bodies, i: (-bodies.heights[i], -i),  # TFLM's own tie order
    lambda bodies, i: (-bodies.heights[i] * _length(bodies, i),),
    lambda bodies, i: (bodies.live(i).start, -bodies.heights[i]),
    lambda bodies, i: (-bodies.live(i).end, -bodies.heights[i]),
    lambda bodies, i: (-_length(bodies, i), -bodies.heights[i]),
    lambda bodies, i: (-len(bodies.forbidden[i]), -bodies.heights[i]),
)
