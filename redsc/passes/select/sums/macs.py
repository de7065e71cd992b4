"""The MACs of a level as a sum of terms, exact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from redsc.ir import Node, op_def
from redsc.ir.rules import Contracts, Grouped, Multiplies
from redsc.passes.select.problem import Problem
from redsc.passes.select.sums.nesting import Nesting
from redsc.passes.select.sums.polynomials import product_term, size_of
from redsc.passes.select.sums.terms import Cost
from redsc.passes.spaces.space import contracted_by

__all__ = ["macs_cost"]


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
    return tuple(product_term(factor, product, block) for (product, block), factor in sums.items() if factor)


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
