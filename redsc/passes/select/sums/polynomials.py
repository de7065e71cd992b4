"""Sizes of tensors as polynomials in widths: an axis is a sum of widths, a tensor the product of its axes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from math import prod

from redsc.ir import Value
from redsc.passes.select.problem import Problem, Widths
from redsc.passes.select.sums.terms import Cost, Term
from redsc.passes.spaces.space import Layout

__all__ = ["Polynomial", "axis_size", "axis_sizes", "polynomial_at", "polynomial_cost", "product_term", "size_of"]

Polynomial = Mapping[tuple[str, ...], int]  # the factor of each product of widths, a name for each width in it


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


def axis_sizes(problem: Problem, value: Value) -> list[Polynomial]:
    """Return the size of every axis of a value."""
    layouts = problem.groups.axes.get(value.name, {})
    return [
        axis_size(problem, layouts[axis]) if axis in layouts else {(): size}
        for axis, size in enumerate(value.type.shape)
    ]


def size_of(problem: Problem, value: Value, factor: int) -> Polynomial:
    """Return the elements of a value, times a factor."""
    polynomial: Polynomial = {(): factor}
    for sizes in axis_sizes(problem, value):
        product: dict[tuple[str, ...], int] = defaultdict(int)
        for left, a in polynomial.items():
            for right, b in sizes.items():
                product[tuple(sorted((*left, *right)))] += a * b
        polynomial = product
    return polynomial


def polynomial_at(polynomial: Polynomial, widths: Widths) -> int:
    """Return what a polynomial is for these widths."""
    return sum(factor * prod(widths[space] for space in product) for product, factor in polynomial.items())


def product_term(factor: int, product: tuple[str, ...], block: str | None) -> Term:
    """Return the term of one product of widths, times a factor."""
    spaces = tuple(dict.fromkeys(product))
    powers = [product.count(space) for space in spaces]
    return Term(
        lambda *widths: factor * prod(w**power for w, power in zip(widths, powers, strict=True)), spaces, block
    )


def polynomial_cost(polynomial: Polynomial, block: str | None) -> Cost:
    """Return the terms of a polynomial."""
    return tuple(product_term(factor, product, block) for product, factor in polynomial.items() if factor)
