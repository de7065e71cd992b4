"""Ops that see the same elements in another shape or order: Reshape, Flatten, Squeeze, Unsqueeze, Transpose.

A reshape is a split of the axes into common factors and a regrouping of those. In the graph the factors may lie in
another order than in the file; what has to move is one TRANSPOSE over them, mostly none.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import prod
from operator import mul

import numpy as np

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import Kind, Layout, file_axes, natural_layout, source_layout
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.ops.dense import is_dense
from redsc.formats.onnx.ops.row import OnnxOp, Rows
from redsc.ir import Array, Shape

__all__ = ["RESHAPE_ROWS", "common_factors"]

Groups = tuple[tuple[int, ...], ...]


def common_factors(source: Shape, target: Shape) -> tuple[tuple[int, ...], Groups, Groups] | None:
    """Return factors whose products are the axes of both shapes, and the factors of each axis of either.

    (6, 4) and (2, 12) have the factors (2, 3, 4); (6, 4) and (4, 6) have none, and the result is None. Axes of
    size 1 have no factors.
    """
    ends = sorted({*accumulate(source, mul), *accumulate(target, mul), 1})
    if any(right % left for left, right in pairwise(ends)):
        return None
    sizes = tuple(right // left for left, right in pairwise(ends))
    return sizes, _grouped(source, sizes), _grouped(target, sizes)


def _grouped(shape: Shape, sizes: Sequence[int]) -> Groups:
    groups, start = [], 0
    for size in shape:
        end = start
        while prod(sizes[start:end]) < size:
            end += 1
        groups.append(tuple(range(start, end)))
        start = end
    return tuple(groups)


def _in_memory(layout: Layout, groups: Groups) -> list[int]:
    """Return the factors in the order in which a layout keeps them."""
    return [factor for axis in file_axes(layout) for factor in groups[axis]]


def _reshape(context: OnnxContext, node: OnnxNode) -> None:
    name, target = node.input(0), node.output
    factors = common_factors(context.shape(name), context.shape(target))
    if factors is None:
        _reshape_in_file_order(context, node)
        return
    sizes, before, after = factors
    source = _in_memory(context.layouts[name], before)
    wanted = _in_memory(context.layouts[target], after)
    if source != wanted and _only_dense_readers(context, node, source, after):
        wanted = source
        context.columns[target] = _columns([sizes[factor] for factor in after[-1]], after[-1], source)
    order = [source.index(factor) for factor in wanted]
    context.arrange(node, context.value(name), [sizes[factor] for factor in source], order)


def _columns(sizes: Sequence[int], group: Sequence[int], memory: Sequence[int]) -> Array:
    """Return the places in the file of the elements of an axis, in the order in which memory has its factors."""
    order = [group.index(factor) for factor in memory if factor in group]
    places: Array = np.arange(prod(sizes)).reshape(sizes).transpose(order).reshape(-1)
    return places


def _only_dense_readers(context: OnnxContext, node: OnnxNode, source: Sequence[int], after: Groups) -> bool:
    """Whether the last axis may stay in the graph's order: all readers have constant weights to reorder."""
    leading = [factor for group in after[:-1] for factor in group]
    readers = context.readers(node.output)
    return (
        list(source[: len(leading)]) == leading
        and node.output not in context.model.outputs
        and bool(readers)
        and all(is_dense(context, reader, node.output) for reader in readers)
    )


def _reshape_in_file_order(context: OnnxContext, node: OnnxNode) -> None:
    """Bring the elements into the order of the file, then into that of the output."""
    value = context.value_as(node.input(0), source_layout(context.rank(node.input(0))))
    context.arrange_from_file(node, value)


def _natural(context: OnnxContext, node: OnnxNode) -> Layout:
    """Return the output layout in which no element moves, if there is one."""
    name, target = node.input(0), node.output
    rank = context.rank(target)
    factors = common_factors(context.shape(name), context.shape(target))
    if factors is None or context.is_constant(name):
        return source_layout(rank)
    _, before, after = factors
    memory = _in_memory(context.layouts[name], before)
    axes: list[int] = []
    while memory:
        axis = next(i for i, group in enumerate(after) if memory[0] in group)
        if tuple(memory[: len(after[axis])]) != after[axis]:
            return source_layout(rank)
        axes.append(axis)
        memory = memory[len(after[axis]) :]
    return natural_layout(axes, rank)


def _transpose(context: OnnxContext, node: OnnxNode) -> None:
    name, perm = node.input(0), _perm(context, node)
    source = file_axes(context.layouts[name])
    order = [source.index(perm[axis]) for axis in file_axes(context.layouts[node.output])]
    context.arrange(node, context.value(name), [context.shape(name)[axis] for axis in source], order)


def _natural_transpose(context: OnnxContext, node: OnnxNode) -> Layout:
    perm = _perm(context, node)
    return tuple(None if axis is None else perm.index(axis) for axis in context.layouts[node.input(0)])


def _perm(context: OnnxContext, node: OnnxNode) -> list[int]:
    rank = context.rank(node.input(0))
    perm: list[int] = node.get("perm") or list(range(rank))[::-1]
    return [axis % rank for axis in perm]


RESHAPE_ROWS: Rows = {
    **{op: OnnxOp(_reshape, Kind.RELAYOUT, _natural) for op in ("Reshape", "Flatten", "Squeeze", "Unsqueeze")},
    "Transpose": OnnxOp(_transpose, Kind.RELAYOUT, _natural_transpose),
}
