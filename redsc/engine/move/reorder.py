"""Rows for ops that only change the order of elements, or repeat them: a numpy view each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np

from redsc.engine.call import Call, Emit
from redsc.engine.move.box import move
from redsc.ir import Array, Node, Shape
from redsc.ir.ops import constant_ints, different_axes

__all__ = ["REORDERS"]


def _reshape(node: Node) -> Iterator[Call]:
    """The same bytes under another shape."""
    shape = node.operand(0).type.shape
    return move(node.operand(0), node.outputs[0], put=lambda y: y.reshape(shape))


def _transpose(node: Node) -> Iterator[Call]:
    axes = constant_ints(node, 1, "permutation")
    return move(node.operand(0), node.outputs[0], take=lambda x: x.transpose(axes))


def _broadcast(node: Node) -> Iterator[Call]:
    shape = node.outputs[0].type.shape
    return move(node.operand(0), node.outputs[0], take=lambda x: np.broadcast_to(x, shape))


def _reverse(node: Node) -> Iterator[Call]:
    shape = node.operand(0).type.shape
    axes = tuple(different_axes(constant_ints(node, 1, "axes"), len(shape)))
    return move(node.operand(0), node.outputs[0], take=lambda x: np.flip(x, axes))


def _space_to_depth(node: Node) -> Iterator[Call]:
    side, (batch, height, width, channels) = node.attrs.block_size, node.operand(0).type.shape
    return _swap_middle(node, (batch, height // side, side, width // side, side, channels))


def _depth_to_space(node: Node) -> Iterator[Call]:
    side, (batch, height, width, channels) = node.attrs.block_size, node.operand(0).type.shape
    return _swap_middle(node, (batch, height, width, side, side, channels // (side * side)))


def _swap_middle(node: Node, grid: Shape) -> Iterator[Call]:
    """Swap axes 2 and 3 of six."""
    turned = [grid[axis] for axis in (0, 1, 3, 2, 4, 5)]
    return move(
        node.operand(0),
        node.outputs[0],
        take=lambda x: x.reshape(grid).swapaxes(2, 3),
        put=lambda y: y.reshape(turned),
    )


def _space_to_batch(node: Node) -> Iterator[Call]:
    """Element (i, j) of every block goes to image i * width of a block + j of the batches."""
    sides, (batch, *spatial, channels) = constant_ints(node, 1, "block shape"), node.operand(0).type.shape
    grid = [n for size, side in zip(spatial, sides, strict=True) for n in (size // side, side)]
    return move(
        node.operand(0),
        node.outputs[0],
        take=lambda x: _blocks_first(x.reshape(batch, *grid, channels)),
        put=lambda y: y.reshape(*sides, batch, *grid[::2], channels),
    )


def _batch_to_space(node: Node) -> Iterator[Call]:
    x, y, sides = node.operand(0), node.outputs[0], constant_ints(node, 1, "block shape")
    (_, *spatial, channels), batch = x.type.shape, y.type.shape[0]
    if any(constant_ints(node, 2, "crops")):
        yield from _cropped_batch_to_space(node, sides)
        return
    grid = [n for size, side in zip(spatial, sides, strict=True) for n in (size, side)]
    yield from move(
        x,
        y,
        take=lambda images: images.reshape(*sides, batch, *spatial, channels),
        put=lambda image: _blocks_first(image.reshape(batch, *grid, channels)),
    )


def _cropped_batch_to_space(node: Node, sides: list[int]) -> Iterator[Call]:
    """Each element of a block by itself: what its images have outside the crops begins and ends elsewhere."""
    x, y, tops = node.operand(0), node.outputs[0], constant_ints(node, 2, "crops")[::2]
    sizes = y.type.shape[1:-1]
    for place in product(*map(range, sides)):
        firsts = [(at - top) % side for at, top, side in zip(place, tops, sides, strict=True)]
        kept = tuple(slice(first, None, side) for first, side in zip(firsts, sides, strict=True))
        counts = [len(range(first, n, side)) for first, n, side in zip(firsts, sizes, sides, strict=True)]
        origins = [(first + top) // side for first, top, side in zip(firsts, tops, sides, strict=True)]
        read = tuple(slice(origin, origin + n) for origin, n in zip(origins, counts, strict=True))

        def take(images: Array, place: tuple[int, ...] = place, read: tuple[slice, ...] = read) -> Array:
            blocks: Array = images.reshape(*sides, y.type.shape[0], *x.type.shape[1:])
            kept: Array = blocks[place][(slice(None), *read)]
            return kept

        def put(image: Array, kept: tuple[slice, ...] = kept) -> Array:
            return image[(slice(None), *kept)]

        yield from move(x, y, take=take, put=put)


def _blocks_first(grid: Array) -> Array:
    """Move the axes inside blocks, every second one behind the batch, to the front."""
    inside = list(range(2, grid.ndim - 1, 2))
    return grid.transpose(*inside, *(axis for axis in range(grid.ndim) if axis not in inside))


REORDERS: Mapping[str, Emit] = {
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), _reshape),
    "TRANSPOSE": _transpose,
    "BROADCAST_TO": _broadcast,
    "REVERSE_V2": _reverse,
    "SPACE_TO_DEPTH": _space_to_depth,
    "DEPTH_TO_SPACE": _depth_to_space,
    "SPACE_TO_BATCH_ND": _space_to_batch,
    "BATCH_TO_SPACE_ND": _batch_to_space,
}
"""By op."""
