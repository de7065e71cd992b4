"""The container of levels as sums of terms: never more than what the writer writes.

A level stores nothing anew where its constants are prefixes of those of a larger one: where they are cut along the
first axis. What is cut along another is stored by each level that cuts it elsewhere (`--share copies`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from redsc.formats import shared_constants, write_models
from redsc.ir import Value
from redsc.passes.plan import Level
from redsc.passes.select.problem import Candidate, Problem
from redsc.passes.select.terms import (
    Cost,
    Nesting,
    Polynomial,
    Term,
    axis_size,
    evaluate,
    polynomial_cost,
    size_of,
)

__all__ = ["Copies", "FlashModel"]

_SCALE_BYTES = 4
_ALIGNMENT_BYTES = 16  # of each constant and of the whole file: one level may fill gaps that another leaves


@dataclass(frozen=True, slots=True)
class Copies:
    """The bytes of constants that a level stores anew where one of these spaces has another width than above it."""

    spaces: frozenset[str]
    cost: Cost


@dataclass(frozen=True, slots=True)
class FlashModel:
    """In bytes. The first level of a container stores all `copies`, one below it those that it cuts elsewhere.

    Structures that are no numbers take `first_tables` in the first level, and `more_tables` in each further one.
    """

    copies: tuple[Copies, ...]
    first_tables: int
    more_tables: int

    @staticmethod
    def of(problem: Problem, nesting: Nesting) -> FlashModel:
        """Derive the model from the constants of a problem's graph."""
        groups = defaultdict[tuple[frozenset[str], str | None], list[Term]](list)
        for spaces, size, home in _stored(problem, nesting):
            groups[spaces, home] += polynomial_cost(size, home)
        copies = tuple(Copies(spaces, tuple(terms)) for (spaces, _), terms in groups.items())
        least = problem.least
        slack = _ALIGNMENT_BYTES * (4 + len(least.graph.constants()))
        once, twice = _written([least]), _written([least, least])  # without arena plans
        first = once - FlashModel(copies, 0, 0).numbers(_as_level(least), None)
        return FlashModel(copies, first - slack, twice - once - slack)

    def bound(self, problem: Problem, above: Sequence[Candidate], levels: Sequence[Level], below: int = 0) -> int:
        """Return what a container needs at least: levels that are there, these, and so many smaller ones."""
        chain = [_as_level(above[-1]) if above else None, *levels]
        numbers = sum(self.numbers(level, larger) for level, larger in zip(levels, chain, strict=False))
        return self.fixed_bytes(problem, above, len(levels) + below) + numbers

    def fixed_bytes(self, problem: Problem, above: Sequence[Candidate], count: int) -> int:
        """Return what a container of some levels and `count` smaller ones needs besides the numbers of these."""
        if above:
            return problem.flash(above) + count * self.more_tables
        return self.first_tables + (count - 1) * self.more_tables

    def numbers(self, level: Level, above: Level | None) -> int:
        """Return the numbers that a level stores below another, or as the first."""
        new = (
            copies.cost
            for copies in self.copies
            if above is None or any(level.widths[name] != above.widths[name] for name in copies.spaces)
        )
        return sum(evaluate(cost, level.widths, level.skipped) for cost in new)


def _written(levels: Sequence[Candidate]) -> int:
    return len(write_models([level.graph for level in levels]))


def _as_level(candidate: Candidate) -> Level:
    return Level("", candidate.widths, candidate.skipped)


def _stored(problem: Problem, nesting: Nesting) -> Iterator[tuple[frozenset[str], Polynomial, str | None]]:
    """Yield what is stored once for the network: which cuts need a copy of it, its bytes, and its block."""
    data = set(shared_constants([problem.graph]))
    vectors: set[tuple[float, ...]] = set()
    for value in problem.graph.constants():
        assert value.data is not None
        home, quant = nesting.homes.get(value.name), value.type.quant
        if value.data.tobytes() in data:
            data.remove(value.data.tobytes())
            yield _copied_for(problem, value), size_of(problem, value, value.type.dtype.itemsize), home
        if quant is not None and quant.is_per_channel and quant.scales not in vectors:
            vectors.add(quant.scales)
            layout = problem.groups.axes.get(value.name, {}).get(quant.axis, ())
            scales = axis_size(problem, layout) if layout else {(): len(quant.scales)}
            sizes = {product: _SCALE_BYTES * factor for product, factor in scales.items()}
            yield frozenset(name for product in sizes for name in product), sizes, home


def _copied_for(problem: Problem, value: Value) -> frozenset[str]:
    """Return the spaces whose cut is no prefix of a constant: those along an axis after one of several elements."""
    layouts = problem.groups.axes.get(value.name, {})
    narrowest = problem.narrowest
    spaces, before = set[str](), 1
    for axis, size in enumerate(value.type.shape):
        form = axis_size(problem, layouts[axis]) if axis in layouts else {(): size}
        if before > 1:
            spaces |= {name for product in form for name in product}
        before *= sum(factor * prod(narrowest[name] for name in product) for product, factor in form.items())
    return frozenset(spaces)
