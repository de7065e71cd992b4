"""PyTorch functions of the ops that move elements: shapes, joins, parts, borders.

Activations carry a batch axis before those of the graph, so axis numbers are one higher than in the node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from redsc.ir import MirrorMode, Node
from redsc.ir.ops import constant_ints
from redsc.ir.ops.cut import sliced_axes
from redsc.runtime.torch.image import places_like

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "aligned",
    "axis_in",
    "broadcast_to",
    "concatenation",
    "cumsum",
    "dtype_of",
    "fill",
    "gather",
    "gather_nd",
    "mirror_pad",
    "pack",
    "pad",
    "reshape",
    "reverse",
    "shape_of",
    "sliced",
    "split",
    "transpose",
    "unpack",
]


_MIRRORS: Mapping[MirrorMode, Literal["reflect", "symmetric"]] = {  # numpy's names
    MirrorMode.REFLECT: "reflect",
    MirrorMode.SYMMETRIC: "symmetric",
}


def aligned(node: Node, operands: tuple[Tensor, ...]) -> list[Tensor]:
    """Return operands with as many axes as the result: numpy's broadcasting, behind the batch axis."""
    rank = len(node.outputs[0].type.shape)
    return [x.reshape(x.shape[0], *(1,) * (rank + 1 - x.ndim), *x.shape[1:]) for x in operands]


def axis_in(node: Node, index: int, x: Tensor) -> int:
    """Return the axis of a tensor that a constant operand names."""
    (axis,) = constant_ints(node, index, "axis")
    rank = len(x.shape) - 1
    return axis % rank + 1


def dtype_of(node: Node) -> Any:
    """Return the PyTorch type of a result."""
    import torch

    return getattr(torch, node.outputs[0].type.dtype.numpy.name)


def reshape(node: Node, x: Tensor, *_rest: Tensor) -> Tensor:
    """RESHAPE, SQUEEZE, EXPAND_DIMS."""
    return x.reshape(x.shape[0], *node.outputs[0].type.shape)


def transpose(node: Node, x: Tensor, _perm: Tensor) -> Tensor:
    """TRANSPOSE."""
    return x.permute(0, *(axis + 1 for axis in constant_ints(node, 1, "permutation")))


def broadcast_to(node: Node, x: Tensor, _shape: Tensor) -> Tensor:
    """BROADCAST_TO."""
    return aligned(node, (x,))[0].expand(-1, *node.outputs[0].type.shape)


def fill(node: Node, _shape: Tensor, x: Tensor) -> Tensor:
    """FILL."""
    return broadcast_to(node, x, _shape)


def shape_of(node: Node, x: Tensor) -> Tensor:
    """SHAPE: static, so every sample has the same."""
    return x.new_tensor([node.operand(0).type.shape], dtype=dtype_of(node))


def concatenation(node: Node, *operands: Tensor) -> Tensor:
    """CONCATENATION."""
    import torch

    return torch.cat(_same_batch(operands), node.attrs.axis % (operands[0].ndim - 1) + 1)


def pack(node: Node, *operands: Tensor) -> Tensor:
    """PACK."""
    import torch

    return torch.stack(_same_batch(operands), node.attrs.axis % operands[0].ndim + 1)


def _same_batch(operands: tuple[Tensor, ...]) -> list[Tensor]:
    batch = max(x.shape[0] for x in operands)
    return [x.expand(batch, *x.shape[1:]) for x in operands]


def unpack(node: Node, x: Tensor) -> tuple[Tensor, ...]:
    """UNPACK."""
    return tuple(x.unbind(node.attrs.axis % (x.ndim - 1) + 1))


def split(node: Node, x: Tensor, axis: int) -> tuple[Tensor, ...]:
    """SPLIT and SPLIT_V, along an axis of the tensor."""
    return tuple(x.split([value.type.shape[axis - 1] for value in node.outputs], axis))


def sliced(node: Node, x: Tensor, *_rest: Tensor) -> Tensor:
    """SLICE and STRIDED_SLICE; PyTorch has no negative steps, so their axes are gathered first."""
    taken = list(sliced_axes(node))
    for axis, part in enumerate(taken):
        if isinstance(part, slice) and (part.step or 1) < 0:
            places = list(range(*part.indices(x.shape[axis + 1])))
            x, taken[axis] = x.index_select(axis + 1, places_like(x, places)), slice(None)
    return x[(slice(None), *taken)]


def gather(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    """GATHER with constant indices: the axis goes behind the batch axes, and what it becomes goes back."""
    import torch

    axis, batch = node.attrs.axis % (x.ndim - 1), node.attrs.batch_dims
    places = indices.long()
    rows = [
        torch.arange(n, device=x.device).reshape(-1, *(1,) * (places.ndim - 1 - i))
        for i, n in enumerate(places.shape[:batch])
    ]
    found = x.movedim(axis + 1, batch + 1)[(slice(None), *rows, places)]
    new = places.ndim - batch
    return found.movedim(tuple(range(batch + 1, batch + 1 + new)), tuple(range(axis + 1, axis + 1 + new)))


def gather_nd(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    """GATHER_ND with constant indices."""
    found = x[(slice(None), *indices.long().unbind(-1))]
    return found.reshape(x.shape[0], *node.outputs[0].type.shape)


def reverse(node: Node, x: Tensor, _axes: Tensor) -> Tensor:
    """REVERSE_V2."""
    return x.flip([axis % (x.ndim - 1) + 1 for axis in constant_ints(node, 1, "axes")])


def cumsum(node: Node, x: Tensor, _axis: Tensor) -> Tensor:
    """CUMSUM."""
    import torch

    axis = axis_in(node, 1, x)
    turned = x.flip(axis) if node.attrs.reverse else x
    found = turned.cumsum(axis)
    if node.attrs.exclusive:
        found = torch.cat([turned.narrow(axis, 0, 1) * 0, found.narrow(axis, 0, x.shape[axis] - 1)], axis)
    return found.flip(axis) if node.attrs.reverse else found


def pad(node: Node, x: Tensor, _paddings: Tensor, value: Tensor | None = None) -> Tensor:
    """PAD and PADV2; PyTorch counts axes from the last one."""
    from torch.nn import functional

    pairs = np.array(constant_ints(node, 1, "paddings")).reshape(-1, 2)[::-1].reshape(-1).tolist()
    return functional.pad(x, pairs, value=0.0 if value is None else float(value))


def mirror_pad(node: Node, x: Tensor, _paddings: Tensor) -> Tensor:
    """MIRROR_PAD."""
    pairs = np.array(constant_ints(node, 1, "paddings")).reshape(-1, 2).tolist()
    for axis, (before, after) in enumerate(pairs, 1):
        places = np.pad(np.arange(x.shape[axis]), (before, after), _MIRRORS[node.attrs.mode])
        x = x.index_select(axis, places_like(x, places)) if before or after else x
    return x
