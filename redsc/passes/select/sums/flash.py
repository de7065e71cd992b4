"""The container of levels as sums of terms: never more than what the writer writes.

A level stores nothing anew where its constants are prefixes of those of a larger one: where they are cut along the
first axis. What is cut along another is stored by each level that cuts it elsewhere, or read where slot 0 has it by
an op that needs parameters of its own (`redsc.passes.slice.strided`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from redsc.cost.flash import KERNEL_BYTES
from redsc.engine.linear.rows import LINEAR
from redsc.engine.size import engine_size
from redsc.formats import shared_constants, write_models
from redsc.ir import CUSTOM_OPS, Node, Value
from redsc.passes.select.problem import Candidate, Problem
from redsc.passes.select.sums.nesting import Nesting
from redsc.passes.select.sums.nodes import touched_spaces
from redsc.passes.select.sums.polynomials import (
    Polynomial,
    axis_size,
    axis_sizes,
    polynomial_at,
    polynomial_cost,
    size_of,
)
from redsc.passes.select.sums.terms import Cost, Term, evaluate
from redsc.passes.slice.plan import Level
from redsc.passes.slice.slice import slice_channels
from redsc.passes.slice.strided import has_strided

__all__ = ["Column", "Copies", "FlashModel"]

_SCALE_BYTES = 4
_PARAMETER_BYTES = 8  # of each row of a layer that reads a shared weight; with its bias, which slot 0 may have, 12
_TENSOR_BYTES = 16  # of the table of a tensor, at least
_ALIGNMENT_BYTES = 16  # of each constant and of the whole file: the gaps before them may be smaller elsewhere
_OTHER_GAPS = 4  # besides those before constants; two were too few for random networks


@dataclass(frozen=True, slots=True)
class Copies:
    """The bytes of constants that a level stores anew where one of these spaces has another width than above it."""

    spaces: frozenset[str]
    cost: Cost


@dataclass(frozen=True, slots=True)
class Column:
    """The space of the columns of a weight that is read in place, its width in slot 0, and the layer's block."""

    space: str
    whole: int
    block: str | None

    def is_cut(self, level: Level) -> bool:
        """Whether a level has the layer and fewer columns."""
        return level.widths[self.space] < self.whole and self.block not in level.skipped


@dataclass(frozen=True, slots=True)
class FlashModel:
    """In bytes. The first level of a container stores all `copies`, one below it those that it cuts elsewhere.

    Structures that are no numbers take `first_tables` in the first level, and `more_tables` in each further one. A
    level that cuts a column of `in_place` needs redsc's kernels, which are stored once.
    """

    copies: tuple[Copies, ...]
    first_tables: int
    more_tables: int
    in_place: tuple[Column, ...] = ()

    def needs_kernels(self, above: Sequence[Candidate]) -> bool:
        """Whether levels that read a weight in place bring redsc's kernels with them: no larger level has."""
        return bool(self.in_place) and not any(has_strided(level.shipped) for level in above)

    @staticmethod
    def of(problem: Problem, nesting: Nesting) -> FlashModel:
        """Derive the model from the constants of a problem's graph."""
        if problem.budgets.kernels.are_ours:
            return _engine_model(problem, nesting)
        groups = defaultdict[tuple[frozenset[str], str | None], list[Term]](list)
        in_place = _read_in_place(problem)
        for spaces, size, home in _stored(problem, nesting, in_place):
            groups[spaces, home] += polynomial_cost(size, home)
        for spaces, term in (*_parameters(problem, nesting, in_place), *_tables(problem, nesting)):
            groups[spaces, term.block].append(term)
        copies = tuple(Copies(spaces, tuple(terms)) for (spaces, _), terms in groups.items())
        least = problem.least
        gaps = _ALIGNMENT_BYTES * (_OTHER_GAPS + len(least.graph.constants()))
        once, twice = _written([least]), _written([least, least])  # without arena plans
        first = once - FlashModel(copies, 0, 0).numbers(least.level(), None)
        columns = tuple(_columns(problem, nesting, in_place))
        return FlashModel(copies, first - gaps, twice - once - 2 * _ALIGNMENT_BYTES, columns)

    def bound(self, problem: Problem, above: Sequence[Candidate], levels: Sequence[Level], below: int = 0) -> int:
        """Return what a container needs at least: levels that are there, these, and so many smaller ones."""
        chain = [above[-1].level() if above else None, *levels]
        numbers = sum(self.numbers(level, larger) for level, larger in zip(levels, chain, strict=False))
        is_cut = any(column.is_cut(level) for level in levels for column in self.in_place)
        kernels = KERNEL_BYTES if is_cut and self.needs_kernels(above) else 0
        return self.fixed_bytes(problem, above, len(levels) + below) + numbers + kernels

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


def _engine_model(problem: Problem, nesting: Nesting) -> FlashModel:
    """Return the model of the C engine: weights are stored once, whatever levels read of them; calls per level."""
    weights = {node.operand(1).name: node.operand(1) for node in problem.graph.nodes if node.op in LINEAR}
    stored = set(shared_constants([problem.graph]))
    terms: list[Term] = []
    for value in weights.values():
        if value.data is not None and value.data.tobytes() in stored:
            stored.remove(value.data.tobytes())
            size = size_of(problem, value, value.type.dtype.itemsize)
            terms += polynomial_cost(size, nesting.homes.get(value.name))
    least = problem.least.graph
    once, twice = (engine_size([least] * count, problem.budgets.kernels) for count in (1, 2))
    more = twice.code - once.code
    return FlashModel((Copies(frozenset(), tuple(terms)),), more, more)


def _written(levels: Sequence[Candidate]) -> int:
    return len(write_models([level.shipped for level in levels]))


def _stored(
    problem: Problem, nesting: Nesting, in_place: Mapping[str, Node]
) -> Iterator[tuple[frozenset[str], Polynomial, str | None]]:
    """Yield what is stored once for the network: which cuts need a copy of it, its bytes, and its block."""
    data, vectors = set(shared_constants([problem.graph])), set[tuple[float, ...]]()
    for value in problem.graph.constants():
        assert value.data is not None
        home, quant = nesting.homes.get(value.name), value.type.quant
        if value.data.tobytes() in data:
            data.remove(value.data.tobytes())
            copied_for = frozenset[str]() if value.name in in_place else _copied_for(problem, value)
            yield copied_for, size_of(problem, value, value.type.dtype.itemsize), home
        if quant is not None and quant.is_per_channel and quant.scales not in vectors:
            vectors.add(quant.scales)
            layout = problem.groups.axes.get(value.name, {}).get(quant.axis, ())
            scales = axis_size(problem, layout) if layout else {(): len(quant.scales)}
            sizes = {product: _SCALE_BYTES * factor for product, factor in scales.items()}
            yield frozenset(name for product in sizes for name in product), sizes, home


def _read_in_place(problem: Problem) -> dict[str, Node]:
    """Return the weights that levels may read in slot 0 with columns left out, by name, and the layers that do."""
    if problem.first is None:
        return {}
    below = {s: [w for w in problem.legal(s) if w < whole] for s, whole in problem.first.widths.items()}
    cut = {space: max(widths, default=problem.legal(space)[0]) for space, widths in below.items()}
    graph = problem.shipped(slice_channels(problem.graph, problem.groups, cut))
    return {node.operand(1).name: node for node in graph.nodes if node.op in CUSTOM_OPS}


def _columns(problem: Problem, nesting: Nesting, in_place: Mapping[str, Node]) -> Iterator[Column]:
    """Yield the columns of weights, where they are of one space."""
    for name, node in in_place.items():
        layout = problem.groups.axes.get(name, {}).get(len(node.operand(1).type.shape) - 1, ())
        columns = axis_size(problem, layout)
        if problem.first is not None and len(columns) == 1 and () not in columns:
            ((space,),) = columns
            yield Column(space, problem.first.widths[space], nesting.block_of(node))


def _parameters(
    problem: Problem, nesting: Nesting, in_place: Mapping[str, Node]
) -> Iterator[tuple[frozenset[str], Term]]:
    """Yield what layers with shared weights need besides, where one space has their columns and one their rows."""
    for name, node in in_place.items():
        layouts = problem.groups.axes.get(name, {})
        rows, columns = (
            axis_size(problem, layouts.get(axis, ())) for axis in (0, len(node.operand(1).type.shape) - 1)
        )
        if len(rows) == len(columns) == 1 and () not in rows and () not in columns:
            ((row,), copies), ((column,), _) = *rows.items(), *columns.items()
            assert problem.first is not None
            whole, block = problem.first.widths[column], nesting.block_of(node)
            spaces = tuple(sorted({row, column}))  # in the order of those of the weight's MACs
            heights, widths = spaces.index(row), spaces.index(column)

            def nbytes(*sizes: int, h: int = heights, w: int = widths, n: int = copies, most: int = whole) -> int:
                return _PARAMETER_BYTES * n * sizes[h] if sizes[w] < most else 0

            yield frozenset({row}), Term(nbytes, spaces, block)


def _tables(problem: Problem, nesting: Nesting) -> Iterator[tuple[frozenset[str], Term]]:
    """Yield the tables of tensors, which levels share where all of a tensor's widths are the same."""
    for value in problem.graph.values():
        if spaces := frozenset(touched_spaces(problem, value)):
            yield spaces, Term(lambda: _TENSOR_BYTES, (), nesting.homes.get(value.name))


def _copied_for(problem: Problem, value: Value) -> frozenset[str]:
    """Return the spaces whose cut is no prefix of a constant: those along an axis after one of several elements."""
    spaces, before = set[str](), 1
    for size in axis_sizes(problem, value):
        if before > 1:
            spaces |= {name for product in size for name in product}
        before *= polynomial_at(size, problem.narrowest)
    return frozenset(spaces)
