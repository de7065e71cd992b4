"""Ops that pad images, and that exchange space with batch or depth."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import prod

from redsc.ir.graph import Node
from redsc.ir.ops.definition import KernelLimit, NoAttrs, ShapeError, constant_ints, copying, limit_rank
from redsc.ir.ops.windows import nhwc
from redsc.ir.rules import Pads, Passes, Regroups
from redsc.ir.signatures import F32, I8, I16, I32, same_type, signatures
from redsc.ir.types import Shape

__all__ = ["PAD_OPS", "Block", "MirrorMode", "MirrorPad"]


class MirrorMode(Enum):
    """What lies at the border: REFLECT leaves the outermost element out, SYMMETRIC repeats it."""

    REFLECT = "REFLECT"
    SYMMETRIC = "SYMMETRIC"


@dataclass(frozen=True, slots=True)
class MirrorPad:
    """Paddings in operand 1, filled with a mirror image."""

    mode: MirrorMode = MirrorMode.REFLECT


@dataclass(frozen=True, slots=True)
class Block:
    """The side of the square block that moves between space and depth."""

    block_size: int = 2


def _paddings(node: Node, index: int = 1) -> list[tuple[int, int]]:
    """Return the paddings of every axis."""
    rank = len(node.operand(0).type.shape)
    numbers = constant_ints(node, index, "paddings")
    if node.operand(index).type.shape != (rank, 2) or min(numbers, default=0) < 0:
        raise ShapeError(f"paddings {node.operand(index).data} do not fit rank {rank}")
    limit_rank(node.operand(0).type.shape, 5)
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _infer_pad(node: Node) -> tuple[Shape, ...]:
    shape = node.operand(0).type.shape
    if len(node.inputs) > 2 and node.operand(2).type.elements != 1:
        raise ShapeError(f"the padding value has {node.operand(2).type.elements} elements, needs 1")
    return (tuple(n + sum(pad) for n, pad in zip(shape, _paddings(node), strict=True)),)


def _infer_mirror_pad(node: Node) -> tuple[Shape, ...]:
    shape, paddings = node.operand(0).type.shape, _paddings(node)
    spare = 1 if node.attrs.mode is MirrorMode.REFLECT else 0
    if any(max(pad) > n - spare for n, pad in zip(shape, paddings, strict=True)):
        raise ShapeError(f"paddings {paddings} are longer than the image {list(shape)}")
    return (tuple(n + sum(pad) for n, pad in zip(shape, paddings, strict=True)),)


def _blocks(node: Node, what: str) -> tuple[Shape, list[int], list[tuple[int, int]]]:
    """Return shape, block sides, and the pads or crops per axis between batch and channels."""
    shape = node.operand(0).type.shape
    if len(shape) not in (3, 4):
        raise ShapeError(f"input has rank {len(shape)}, needs 3 or 4")
    sides, numbers = constant_ints(node, 1, "block shape"), constant_ints(node, 2, what)
    middle = len(shape) - 2
    if len(sides) != middle or min(sides) < 1 or len(numbers) != 2 * middle or min(numbers) < 0:
        raise ShapeError(f"blocks {sides} and {what} {numbers} do not fit rank {len(shape)}")
    return shape, sides, list(zip(numbers[::2], numbers[1::2], strict=True))


def _infer_space_to_batch(node: Node) -> tuple[Shape, ...]:
    """tflite-micro kernels/space_to_batch_nd.cc never sets the value to pad with: it is what lies in the arena."""
    shape, sides, pads = _blocks(node, "paddings")
    if any(pad != (0, 0) for pad in pads):
        raise KernelLimit("tflite-micro's kernel pads with an undefined value; pad with PAD before it")
    if any(n % side for n, side in zip(shape[1:-1], sides, strict=True)):
        raise ShapeError(f"blocks {sides} do not divide {list(shape[1:-1])}")
    return ((shape[0] * prod(sides), *(n // side for n, side in zip(shape[1:-1], sides, strict=True)), shape[-1]),)


def _infer_batch_to_space(node: Node) -> tuple[Shape, ...]:
    shape, sides, crops = _blocks(node, "crops")
    if shape[0] % prod(sides):
        raise ShapeError(f"blocks {sides} do not divide batch {shape[0]}")
    sizes = [n * side - sum(crop) for n, side, crop in zip(shape[1:-1], sides, crops, strict=True)]
    if min(sizes) < 1:
        raise ShapeError(f"crops {crops} leave nothing of {list(shape)}")
    return ((shape[0] // prod(sides), *sizes, shape[-1]),)


def _infer_space_to_depth(node: Node) -> tuple[Shape, ...]:
    batch, height, width, channels = nhwc(node)
    side = node.attrs.block_size
    if side < 1 or height % side or width % side:
        raise ShapeError(f"blocks of {side} do not divide {height}x{width}")
    return ((batch, height // side, width // side, channels * side * side),)


def _infer_depth_to_space(node: Node) -> tuple[Shape, ...]:
    batch, height, width, channels = nhwc(node)
    side = node.attrs.block_size
    if side < 1 or channels % (side * side):
        raise ShapeError(f"blocks of {side} do not divide {channels} channels")
    return ((batch, height * side, width * side, channels // (side * side)),)


PAD_OPS = (
    copying("PAD", NoAttrs, _infer_pad, Pads(), same_type((F32, I8, I16, I32), 1, I32)),
    copying(
        "PADV2",
        NoAttrs,
        _infer_pad,
        Pads(),
        signatures(*(((dtype, I32, dtype), dtype) for dtype in (F32, I8, I16, I32))),
        data=(0, 2),
    ),
    copying("MIRROR_PAD", MirrorPad, _infer_mirror_pad, Passes(), same_type((F32, I8), 1, I32)),
    copying("SPACE_TO_BATCH_ND", NoAttrs, _infer_space_to_batch, Passes(), same_type((F32, I8), 1, I32, I32)),
    copying("BATCH_TO_SPACE_ND", NoAttrs, _infer_batch_to_space, Passes(), same_type((F32, I8), 1, I32, I32)),
    copying("SPACE_TO_DEPTH", Block, _infer_space_to_depth, Regroups(), same_type((F32, I8))),
    copying("DEPTH_TO_SPACE", Block, _infer_depth_to_space, Regroups(), same_type((F32, I8))),
)
