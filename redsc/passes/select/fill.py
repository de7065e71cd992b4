"""Widen a network until it is full: no space could be one legal width wider with all bounds kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from redsc.passes.select.problem import Candidate, Problem, Widths, live_spaces

__all__ = ["Accept", "fill", "widenings"]

Accept = Callable[[Widths], Candidate | None]  # the network with these widths where it keeps all bounds
Urgency = Callable[[str, int, int], float]  # of a space, its next width and its width now; the least comes first


def widenings(problem: Problem, least: Widths, most: Widths) -> list[tuple[str, int]]:
    """Return the single-space widenings from `least` to `most`, in the order of the fraction they reach."""
    steps = [
        (width / problem.full[name], index, name, width)
        for index, name in enumerate(problem.full)
        for width in problem.legal(name)
        if least[name] < width <= most[name]
    ]
    return [(name, width) for _, _, name, width in sorted(steps)]


def fill(
    problem: Problem, level: Candidate, most: Widths, accept: Accept, urgency: Urgency | None = None
) -> Candidate:
    """Return a level widened space by space; without `urgency` those first that stay narrowest.

    Spaces of skipped blocks alone stay as they are.
    """
    spaces = live_spaces(level.graph, problem.groups)
    while True:
        nearest: dict[str, int] = {}
        for name, width in widenings(problem, level.widths, most):
            if name in spaces:
                nearest.setdefault(name, width)
        order = sorted(nearest.items(), key=partial(_rank, urgency, level.widths))
        wider = (accept({**level.widths, name: width}) for name, width in order)
        found = next((candidate for candidate in wider if candidate is not None), None)
        if found is None:
            return level
        level = found


def _rank(urgency: Urgency | None, widths: Widths, step: tuple[str, int]) -> float:
    return urgency(*step, widths[step[0]]) if urgency else 0.0
