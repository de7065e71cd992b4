"""What a level costs, as a sum of terms: what a solver can add up without cutting a graph.

A term depends on the widths of two spaces at most, and is there unless the block around it is skipped. Sums are
exact for MACs and cycles (`cycles.py`), never more than the real bytes for RAM (`ram.py`) and flash (`flash.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from redsc.ir import Node, Value, op_def
from redsc.ir.rules import Contracts, Grouped, Multiplies
from redsc.passes.select.problem import Problem
from redsc.passes.spaces.blocks import SkipBlock
from redsc.passes.spaces.space import Layout, contracted_by

__all__ = [
    "Cost",
    "Nesting",
    "Polynomial",
    "Term",
    "Widths",
    "at_least",
    "axis_size",
    "evaluate",
    "macs_cost",
    "polynomial_cost",
    "size_of",
    "touched_spaces",
]

Widths = Mapping[str, int]
Polynomial = Mapping[tuple[str, ...], int]  # the factor of each product of widths, a name for each width in it


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


@dataclass(frozen=True, slots=True)
class Nesting:
    """Which block is around what: `parents` by block, `homes` by value, `spaces` by space.

    Blocks lie apart or one inside the other, so one that is skipped is so with all inside: what exists depends on
    the innermost block around it. A space exists as long as one of its blocks is not skipped; None is no block.
    """

    blocks: Mapping[str, SkipBlock]
    parents: Mapping[str, str | None]
    homes: Mapping[str, str]
    spaces: Mapping[str, frozenset[str | None]]

    @staticmethod
    def of(problem: Problem) -> Nesting:
        """Find the blocks around the values and spaces of a problem."""
        homes: dict[str, str] = {}
        for block in sorted(problem.blocks, key=lambda block: len(_around(problem.blocks, block))):
            homes |= dict.fromkeys((*block.inside, block.result), block.name)  # the inner ones last
        parents = {block.name: _parent(problem.blocks, block) for block in problem.blocks}
        spaces = defaultdict[str, set[str | None]](set)
        for node in problem.graph.nodes:
            for value in (*node.present_inputs(), *node.outputs):
                for space in touched_spaces(problem, value):
                    spaces[space].add(homes.get(node.outputs[0].name) if node.outputs else None)
        blocks = {block.name: block for block in problem.blocks}
        return Nesting(blocks, parents, homes, {name: _outermost(found, parents) for name, found in spaces.items()})

    def block_of(self, node: Node) -> str | None:
        """Return the innermost block that a node belongs to."""
        return self.homes.get(node.outputs[0].name) if node.outputs else None

    def is_around(self, outer: str | None, block: str | None) -> bool:
        """Whether a block is another one or around it."""
        while block is not None and block != outer:
            block = self.parents[block]
        return block == outer


def touched_spaces(problem: Problem, value: Value) -> list[str]:
    """Return the free spaces that the axes of a value follow, each once."""
    layouts = problem.groups.axes.get(value.name, {}).values()
    spaces = dict.fromkeys(problem.groups.space(segment.space) for layout in layouts for segment in layout)
    return [space.name for space in spaces if space.frozen is None]


def macs_cost(problem: Problem, nesting: Nesting) -> Cost:
    """Return the MACs of a level, exact.

    A layer's MACs are proportional to the elements of its weight, whose axes are sums of widths: with the parts of
    concatenations, a polynomial of degree 2. Those of a recurrent layer depend in part on widths, those of a
    product of two activations on how many matrices there are. Another node without constant weight has frozen
    channels.
    """
    sums: dict[tuple[tuple[str, ...], str | None], int] = defaultdict(int)
    for node in problem.graph.nodes:
        for product, factor in _node_macs(problem, node):
            sums[product, nesting.block_of(node)] += factor
    return tuple(_product_term(factor, product, block) for (product, block), factor in sums.items() if factor)


def _node_macs(problem: Problem, node: Node) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield products of widths with their factors."""
    op, weights = op_def(node.op), [weight for weight, _ in contracted_by(node)]
    if isinstance(op.channels, Grouped):
        weights = [node.operand(op.channels.weight)]
    counted, elements = op.macs(node), sum(weight.type.elements for weight in weights)
    if isinstance(op.channels, Multiplies):
        yield from size_of(problem, node.outputs[0], counted // node.outputs[0].type.elements).items()
        return
    if not counted or not weights or not all(weight.is_constant for weight in weights):
        yield (), counted
        return
    source = op.source(node).type
    is_recurrent = isinstance(op.channels, Contracts)
    factor = source.elements // source.shape[-1] if is_recurrent else counted // elements
    yield (), counted - factor * elements
    for weight in weights:
        yield from size_of(problem, weight, factor).items()


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


def size_of(problem: Problem, value: Value, factor: int) -> Polynomial:
    """Return the elements of a value, times a factor."""
    polynomial: dict[tuple[str, ...], int] = {(): factor}
    layouts = problem.groups.axes.get(value.name, {})
    for axis, size in enumerate(value.type.shape):
        sizes = axis_size(problem, layouts[axis]) if axis in layouts else {(): size}
        product: dict[tuple[str, ...], int] = defaultdict(int)
        for left, a in polynomial.items():
            for right, b in sizes.items():
                product[tuple(sorted((*left, *right)))] += a * b
        polynomial = product
    return polynomial


def polynomial_cost(polynomial: Polynomial, block: str | None) -> Cost:
    """Return the terms of a polynomial."""
    return tuple(_product_term(factor, product, block) for product, factor in polynomial.items() if factor)


def _product_term(factor: int, product: tuple[str, ...], block: str | None) -> Term:
    spaces = tuple(dict.fromkeys(product))
    powers = [product.count(space) for space in spaces]
    return Term(
        lambda *widths: factor * prod(w**power for w, power in zip(widths, powers, strict=True)), spaces, block
    )


def axis_size(problem: Problem, layout: Layout) -> Polynomial:
    """Return the size of an axis as a linear form in widths."""
    found: dict[tuple[str, ...], int] = defaultdict(int)
    for segment in layout:
        space, copies = problem.groups.space(segment.space), segment.outer * segment.inner
        if space.frozen is None:
            found[space.name,] += copies
        else:
            found[()] += copies * space.size
    return found


def _around(blocks: Iterable[SkipBlock], block: SkipBlock) -> list[SkipBlock]:
    return [other for other in blocks if block.result in other.inside]


def _parent(blocks: Sequence[SkipBlock], block: SkipBlock) -> str | None:
    """Return the innermost of the blocks around one."""
    around = _around(blocks, block)
    return max(around, key=lambda other: len(_around(blocks, other))).name if around else None


def _outermost(found: set[str | None], parents: Mapping[str, str | None]) -> frozenset[str | None]:
    """Return those of some blocks that are inside none of the others; None is around all."""

    def is_inside(block: str | None) -> bool:
        while block is not None:
            block = parents[block]
            if block in found:
                return True
        return False

    return frozenset(block for block in found if not is_inside(block))
