"""Random graphs of one node that moves elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from redsc.ir import (
    NO_ATTRS,
    OPS,
    Array,
    Block,
    Concatenation,
    DType,
    Gather,
    Graph,
    GraphBuilder,
    MirrorMode,
    MirrorPad,
    Pack,
    Quant,
    Resize,
    Shape,
    Split,
    StridedSlice,
    Unpack,
    Value,
)

__all__ = [
    "CASES",
    "Draw",
    "random_graphs",
]

Operand = Shape | Array | Value


class Draw:
    """Random numbers, shapes and graphs."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def number(self, low: int, high: int) -> int:
        """Return one of low ... high."""
        return int(self.random.integers(low, high + 1))

    def is_so(self) -> bool:
        """Return one of two answers."""
        return bool(self.random.integers(2))

    def stride(self) -> int:
        """Return a stride in one of both directions."""
        return int(self.random.choice([-3, -2, -1, 1, 1, 2, 3]))

    def shape(self, rank: int, most: int = 5) -> Shape:
        """Return a shape; a few axes are longer."""
        return tuple(self.number(1, most) * (1 if self.random.random() < 0.8 else 3) for _ in range(rank))

    def dtype(self, op: str) -> DType:
        """Return an element type that the op has."""
        kinds = sorted({row.output.value for row in OPS[op].signatures})
        return DType(self.random.choice(kinds))

    def node(
        self,
        op: str,
        dtype: DType,
        operands: Sequence[Operand],
        attrs: Any = NO_ATTRS,
        pieces: int = 1,
    ) -> Graph:
        """Return a graph of one node; shapes are inputs, arrays constants."""
        builder = GraphBuilder()
        quant = Quant.per_tensor(0.04, -5) if dtype in (DType.INT8, DType.INT16) else None
        quant = Quant.per_tensor(0.04) if dtype is DType.INT16 else quant
        values = [
            builder.constant("c", item)
            if isinstance(item, np.ndarray)
            else item
            if isinstance(item, Value)
            else builder.input("x", item, dtype, quant)
            for item in operands
        ]
        names = [f"y{index}" for index in range(pieces)]
        outputs = builder.split_op(op, *values, attrs=attrs, names=names, dtype=dtype, quant=quant)
        return builder.output(*outputs)


def ints(*numbers: Any) -> Array:
    """Return numbers as the constant of an op."""
    return np.array(numbers, np.int32)


def concatenation(draw: Draw) -> Graph:
    shape, dtype = draw.shape(draw.number(1, 4)), draw.dtype("CONCATENATION")
    axis = draw.number(-len(shape), len(shape) - 1)
    place = axis % len(shape)
    parts = [(*shape[:place], draw.number(1, 20), *shape[place + 1 :]) for _ in range(draw.number(1, 5))]
    return draw.node("CONCATENATION", dtype, parts, Concatenation(axis))


def pack(draw: Draw) -> Graph:
    shape, count = draw.shape(draw.number(1, 3)), draw.number(1, 4)
    axis = draw.number(-len(shape) - 1, len(shape))
    return draw.node("PACK", draw.dtype("PACK"), [shape] * count, Pack(count, axis))


def unpack(draw: Draw) -> Graph:
    shape = draw.shape(draw.number(1, 4))
    axis = draw.number(-len(shape), len(shape) - 1)
    return draw.node("UNPACK", draw.dtype("UNPACK"), [shape], Unpack(shape[axis], axis), shape[axis])


def split(draw: Draw) -> Graph:
    shape, count = list(draw.shape(draw.number(1, 4))), draw.number(1, 4)
    axis = draw.number(-len(shape), len(shape) - 1)
    shape[axis] *= count
    axis_operand = np.array(axis, np.int32)
    return draw.node("SPLIT", draw.dtype("SPLIT"), [axis_operand, tuple(shape)], Split(count), count)


def split_v(draw: Draw) -> Graph:
    shape, sizes = list(draw.shape(draw.number(1, 4))), [draw.number(1, 20) for _ in range(draw.number(1, 4))]
    axis = draw.number(-len(shape), len(shape) - 1)
    shape[axis] = sum(sizes)
    operands: list[Operand] = [tuple(shape), ints(*sizes), np.array(axis, np.int32)]
    return draw.node("SPLIT_V", draw.dtype("SPLIT_V"), operands, Split(len(sizes)), len(sizes))


def slice_(draw: Draw) -> Graph:
    shape = draw.shape(draw.number(1, 4))
    begins = [draw.number(0, n - 1) for n in shape]
    sizes = [
        -1 if draw.number(0, 4) == 0 else draw.number(1, n - begin) for n, begin in zip(shape, begins, strict=True)
    ]
    return draw.node("SLICE", draw.dtype("SLICE"), [shape, ints(*begins), ints(*sizes)])


def strided_slice(draw: Draw) -> Graph:
    while True:
        shape = draw.shape(draw.number(1, 4))
        rows = [(draw.number(-n, n - 1), draw.number(-n - 3, n + 3), draw.stride()) for n in shape]
        shrinks = sum((draw.number(0, 3) == 0 and stride > 0) << axis for axis, (*_, stride) in enumerate(rows))
        masks = (draw.number(0, 15) & ~shrinks, draw.number(0, 15), shrinks)
        operands: list[Operand] = [shape, *(ints(*column) for column in zip(*rows, strict=True))]
        graph = draw.node("STRIDED_SLICE", draw.dtype("STRIDED_SLICE"), operands, StridedSlice(*masks))
        if graph.outputs[0].type.elements:
            return graph


def transpose(draw: Draw) -> Graph:
    shape = draw.shape(draw.number(1, 5))
    perm = draw.random.permutation(len(shape)).astype(np.int32)
    return draw.node("TRANSPOSE", draw.dtype("TRANSPOSE"), [shape, perm])


def pads(draw: Draw, shape: Shape, most: int = 3) -> Array:
    rows = [(draw.number(0, most), draw.number(0, most)) if draw.is_so() else (0, 0) for _ in shape]
    return ints(*rows)


def pad(draw: Draw) -> Graph:
    shape = draw.shape(draw.number(1, 4))
    return draw.node("PAD", draw.dtype("PAD"), [shape, pads(draw, shape)])


def pad_with(draw: Draw) -> Graph:
    shape, dtype = draw.shape(draw.number(1, 4)), draw.dtype("PADV2")
    quant = Quant.per_tensor(0.04, -5) if dtype is DType.INT8 else None
    quant = Quant.per_tensor(0.04) if dtype is DType.INT16 else quant
    fill = Value.constant("fill", np.array([draw.number(-100, 100)], dtype.numpy), quant)
    return draw.node("PADV2", dtype, [shape, pads(draw, shape), fill])


def mirror_pad(draw: Draw) -> Graph:
    mode = MirrorMode.REFLECT if draw.is_so() else MirrorMode.SYMMETRIC
    shape = draw.shape(draw.number(1, 4))
    most = [n - (mode is MirrorMode.REFLECT) for n in shape]
    rows = ints(*((draw.number(0, n), draw.number(0, n)) for n in most))
    return draw.node("MIRROR_PAD", draw.dtype("MIRROR_PAD"), [shape, rows], MirrorPad(mode))


def space_to_batch(draw: Draw) -> Graph:
    sides = [draw.number(1, 3) for _ in range(draw.number(1, 2))]
    shape = (draw.number(1, 2), *(side * draw.number(1, 4) for side in sides), draw.number(1, 5))
    zeros = np.zeros((len(sides), 2), np.int32)
    return draw.node("SPACE_TO_BATCH_ND", draw.dtype("SPACE_TO_BATCH_ND"), [shape, ints(*sides), zeros])


def batch_to_space(draw: Draw) -> Graph:
    sides = [draw.number(1, 3) for _ in range(draw.number(1, 2))]
    spatial = [draw.number(2, 4) for _ in sides]
    shape = (draw.number(1, 2) * int(np.prod(sides)), *spatial, draw.number(1, 5))
    crops = ints(*((draw.number(0, side), draw.number(0, side - 1)) for side in sides))
    crops *= draw.number(0, 3) > 0
    return draw.node("BATCH_TO_SPACE_ND", draw.dtype("BATCH_TO_SPACE_ND"), [shape, ints(*sides), crops])


def space_to_depth(draw: Draw) -> Graph:
    side, (batch, height, width, channels) = draw.number(1, 3), draw.shape(4)
    shape = (batch, height * side, width * side, channels)
    return draw.node("SPACE_TO_DEPTH", draw.dtype("SPACE_TO_DEPTH"), [shape], Block(side))


def depth_to_space(draw: Draw) -> Graph:
    side, (*image, channels) = draw.number(1, 3), draw.shape(4)
    shape = (*image, channels * side * side)
    return draw.node("DEPTH_TO_SPACE", draw.dtype("DEPTH_TO_SPACE"), [shape], Block(side))


def gather(draw: Draw) -> Graph:
    shape = draw.shape(draw.number(1, 4))
    axis = draw.number(0, len(shape) - 1)
    batch = draw.number(0, axis)
    indices = draw.random.integers(0, shape[axis], (*shape[:batch], draw.number(1, 6)), np.int32)
    return draw.node("GATHER", draw.dtype("GATHER"), [shape, indices], Gather(axis, batch))


def broadcast_to(draw: Draw) -> Graph:
    target = draw.shape(draw.number(1, 4))
    shape = tuple(n if draw.is_so() else 1 for n in target[draw.number(0, len(target) - 1) :])
    return draw.node("BROADCAST_TO", draw.dtype("BROADCAST_TO"), [shape, ints(*target)])


def reverse(draw: Draw) -> Graph:
    shape = draw.shape(draw.number(1, 4))
    first = draw.number(0, len(shape) - 1)
    axes = list(range(first, draw.number(first, len(shape) - 1) + 1))
    return draw.node("REVERSE_V2", draw.dtype("REVERSE_V2"), [shape, ints(*axes)])


def resize(op: str) -> Callable[[Draw], Graph]:
    def drawn(draw: Draw) -> Graph:
        shape, size = draw.shape(4, 7), (draw.number(1, 20), draw.number(1, 20))
        if draw.number(0, 3) == 0:
            size = (shape[1] * draw.number(1, 3), shape[2] * draw.number(1, 3))
        attrs = [Resize(), Resize(align_corners=True), Resize(half_pixel_centers=True)][draw.number(0, 2)]
        return draw.node(op, draw.dtype(op), [shape, ints(*size)], attrs)

    return drawn


CASES: dict[str, Callable[[Draw], Graph]] = {
    "CONCATENATION": concatenation,
    "PACK": pack,
    "UNPACK": unpack,
    "SPLIT": split,
    "SPLIT_V": split_v,
    "SLICE": slice_,
    "STRIDED_SLICE": strided_slice,
    "TRANSPOSE": transpose,
    "PAD": pad,
    "PADV2": pad_with,
    "MIRROR_PAD": mirror_pad,
    "SPACE_TO_BATCH_ND": space_to_batch,
    "BATCH_TO_SPACE_ND": batch_to_space,
    "SPACE_TO_DEPTH": space_to_depth,
    "DEPTH_TO_SPACE": depth_to_space,
    "GATHER": gather,
    "BROADCAST_TO": broadcast_to,
    "REVERSE_V2": reverse,
    "RESIZE_NEAREST_NEIGHBOR": resize("RESIZE_NEAREST_NEIGHBOR"),
    "RESIZE_BILINEAR": resize("RESIZE_BILINEAR"),
}


def random_graphs(op: str, seed: int, count: int) -> list[Graph]:
    """Return random graphs of one op."""
    draw = Draw(seed)
    return [CASES[op](draw) for _ in range(count)]
