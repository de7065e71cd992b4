"""Windows over images without weights: pooling and resizing."""

from __future__ import annotations

from dataclasses import dataclass

from redsc.ir.activation import Activation
from redsc.ir.graph import Node
from redsc.ir.ops.definition import OpDef, ShapeError, constant_ints
from redsc.ir.ops.windows import Padding, nhwc, window_grid
from redsc.ir.rules import Passes, SameScale
from redsc.ir.signatures import F32, I8, I32, same_type
from redsc.ir.types import Shape

__all__ = ["POOL_OPS", "Pool2D", "Resize"]


@dataclass(frozen=True, slots=True)
class Pool2D:
    """A window over H and W."""

    padding: Padding = Padding.VALID
    stride_h: int = 1
    stride_w: int = 1
    filter_h: int = 1
    filter_w: int = 1
    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class Resize:
    """Operand 1 holds the new height and width; the two ways to align pixels exclude each other."""

    align_corners: bool = False
    half_pixel_centers: bool = False


def _infer_pool(node: Node) -> tuple[Shape, ...]:
    batch, height, width, channels = nhwc(node)
    grid = window_grid(node.attrs, (height, width), (node.attrs.filter_h, node.attrs.filter_w))
    return ((batch, *grid, channels),)


def _infer_resize(node: Node) -> tuple[Shape, ...]:
    batch, _, _, channels = nhwc(node)
    size = constant_ints(node, 1, "size")
    if len(size) != 2 or min(size) < 1:
        raise ShapeError(f"size {size} is no height and width")
    if node.attrs.align_corners and node.attrs.half_pixel_centers:
        raise ShapeError("align_corners and half_pixel_centers exclude each other")
    return ((batch, size[0], size[1], channels),)


POOL_OPS = (
    *(
        OpDef(
            name,
            Pool2D,
            infer=_infer_pool,
            channels=Passes(),
            signatures=same_type((F32, I8)),
            quant=SameScale(),
        )
        for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D")
    ),
    OpDef("L2_POOL_2D", Pool2D, infer=_infer_pool, channels=Passes(), signatures=same_type((F32,))),
    *(
        OpDef(
            name,
            Resize,
            infer=_infer_resize,
            channels=Passes(),
            signatures=same_type((F32, I8), 1, I32),
            min_inputs=2,
            quant=SameScale(),
        )
        for name in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
    ),
)
