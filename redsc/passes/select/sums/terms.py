"""What a level costs, as a sum of terms: what a solver can add up without cutting a graph.

A term depends on the widths of two spaces at most, and is there unless the block around it is skipped. Sums are
exact for MACs (`macs.py`) and cycles (`cycles.py`), never more than the real bytes for RAM (`ram.py`) and flash
(`flash.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from redsc.passes.select.problem import Problem, Widths

__all__ = ["MOST_SPACES", "Cost", "Term", "at_least", "evaluate"]

MOST_SPACES = 2  # of a term


@dataclass(frozen=True, slots=True)
class Term:
    """`of` the widths of these spaces, in their order; nothing where the block is skipped.

    `without` are blocks of which all must be skipped for the term to be there; the solver then knows no spaces.
    """

    of: Callable[..., int]
    spaces: tuple[str, ...] = ()
    block: str | None = None
    without: frozenset[str] = frozenset()


Cost = tuple[Term, ...]


def evaluate(cost: Iterable[Term], widths: Widths, skipped: Collection[str]) -> int:
    """Return the sum of the terms for one level; it skips with a block those inside."""
    gone = set(skipped)
    there = (term for term in cost if term.block not in gone and term.without <= gone)
    return sum(term.of(*(widths[s] for s in term.spaces)) for term in there)


def at_least(
    problem: Problem, block: str | None, spaces: Sequence[str], measure: Callable[[Widths], int], slack: int = 0
) -> Cost:
    """Return terms that add up to no more than what is measured, and to just that where one space matters.

    What each space adds to the narrowest form is counted alone: products of widths grow at least as much, and so do
    sums, but for `slack` bytes of alignment per further space.
    """
    narrowest, full = problem.narrowest, problem.full
    base = measure(narrowest)
    growing = [name for name in spaces if measure({**narrowest, name: full[name]}) != base]
    constant = base - slack * max(len(growing) - 1, 0)

    def growth(name: str) -> Term:
        return Term(lambda width: measure({**narrowest, name: width}) - base, (name,), block)

    return (Term(lambda: constant, (), block), *map(growth, growing))
