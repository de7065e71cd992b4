"""What an entry of the op vocabulary is made of: `OpDef`, and the pieces of type rules that families share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from redsc.ir.graph import Node, Value
from redsc.ir.rules import NO_ALIAS, OWN_SCALE, Alias, ChannelRule, QuantRule, SameScale
from redsc.ir.signatures import Signature
from redsc.ir.types import Shape, TensorType

__all__ = [
    "NO_ATTRS",
    "KernelLimit",
    "NoAttrs",
    "OpDef",
    "ShapeError",
    "axis_of",
    "broadcast",
    "constant_axis",
    "constant_ints",
    "copying",
    "different_axes",
    "keeps_nothing",
    "limit_rank",
    "no_macs",
    "same_shape",
]


class ShapeError(Exception):
    """The operands of a node do not fit together; the verifier turns it into an error with a place."""


class KernelLimit(ShapeError):
    """The operands fit together, but tflite-micro's kernel does not take them, or takes them wrongly."""


@dataclass(frozen=True, slots=True)
class NoAttrs:
    """For ops without attributes."""


NO_ATTRS = NoAttrs()


def no_macs(_node: Node) -> int:
    """Return 0: the op multiplies and accumulates nothing."""
    return 0


def keeps_nothing(_node: Node) -> tuple[TensorType, ...]:
    """Return no types: an inference of the op does not depend on those before it."""
    return ()


def same_shape(node: Node) -> tuple[Shape, ...]:
    """Return the shape of input 0."""
    return (node.operand(0).type.shape,)


def broadcast(node: Node) -> tuple[Shape, ...]:
    """Return the shape to which all operands broadcast as numpy does.

    Raises:
        ShapeError: they do not.
    """
    shapes = [value.type.shape for value in node.present_inputs()]
    try:
        return (tuple(int(n) for n in np.broadcast_shapes(*shapes)),)
    except ValueError as error:
        raise ShapeError(f"shapes {shapes} do not broadcast") from error


def constant_ints(node: Node, index: int, what: str) -> list[int]:
    """Return the numbers of a constant operand: axes, sizes, paddings.

    Raises:
        ShapeError: it is computed.
    """
    data = node.operand(index).data
    if data is None:
        raise ShapeError(f"the {what} must be a constant")
    return [int(number) for number in data.reshape(-1)]


def constant_axis(node: Node, index: int, rank: int) -> int:
    """Return the one axis that a constant operand names, counted from the front.

    Raises:
        ShapeError: it is computed, or names several, or none that there is.
    """
    axes = constant_ints(node, index, "axis")
    if len(axes) != 1:
        raise ShapeError(f"axes {axes} must be one")
    return axis_of(axes[0], rank)


def axis_of(axis: int, rank: int) -> int:
    """Return an axis counted from the front; TFLite counts negative ones from the back.

    Raises:
        ShapeError: there is no such axis.
    """
    if not -rank <= axis < rank:
        raise ShapeError(f"axis {axis} is none of rank {rank}")
    return axis % rank


def different_axes(axes: list[int], rank: int) -> set[int]:
    """Return axes counted from the front, each of which must be named once.

    Raises:
        ShapeError: one is named twice, or there is no such axis.
    """
    found = {axis % rank for axis in axes if -rank <= axis < rank}
    if len(found) != len(axes):
        raise ShapeError(f"axes {axes} are not {len(axes)} different axes of rank {rank}")
    return found


def limit_rank(shape: Shape, most: int) -> None:
    """Refuse more axes than the kernel takes.

    Raises:
        KernelLimit: there are more than `most`.
    """
    if len(shape) > most:
        raise KernelLimit(f"rank {len(shape)} is more than the {most} axes of tflite-micro's kernel")


@dataclass(frozen=True, slots=True)
class OpDef:
    """Everything redsc knows about one op.

    `infer(node)` gives the output shapes from operands and attributes (it may be called before the outputs exist);
    `macs(node)` counts multiply-accumulates, borders included, as the field does. `data` are the operands that
    carry data, the first one first (None: all of them), in contrast to weights, axes and shapes. `shape_operand` is
    a constant operand that repeats the output's shape: who changes the one changes the other. `signatures` are the
    element types that LiteRT and tflite-micro both run; of an op without outputs only their inputs count. A node of
    an op that `is_stateful` does more than make its outputs: it is never dead, and never a constant. `keeps(node)`
    are the types of what a node keeps for itself from one inference to the next, starting with what stands for 0.
    """

    name: str
    attrs: type[Any]
    infer: Callable[[Node], tuple[Shape, ...]]
    channels: ChannelRule
    signatures: tuple[Signature, ...]
    min_inputs: int = 1
    data: tuple[int, ...] | None = (0,)
    macs: Callable[[Node], int] = no_macs
    quant: QuantRule = OWN_SCALE
    alias: Alias = NO_ALIAS
    shape_operand: int | None = None
    is_stateful: bool = False
    keeps: Callable[[Node], tuple[TensorType, ...]] = keeps_nothing

    def data_inputs(self, node: Node) -> tuple[Value, ...]:
        """Return the operands of a node that carry data."""
        if self.data is None:
            return tuple(node.present_inputs())
        return tuple(node.operand(index) for index in self.data if index < len(node.inputs))

    def source(self, node: Node) -> Value:
        """Return the first operand that carries data: the one whose channels come in."""
        return self.data_inputs(node)[0]


def copying(
    name: str,
    attrs: type[Any],
    infer: Callable[[Node], tuple[Shape, ...]],
    channels: ChannelRule,
    rows: tuple[Signature, ...],
    *,
    data: tuple[int, ...] | None = (0,),
    alias: Alias = NO_ALIAS,
    shape_operand: int | None = None,
) -> OpDef:
    """Return the entry of an op that copies raw elements; it needs all operands of its signatures."""
    return OpDef(
        name,
        attrs,
        infer=infer,
        channels=channels,
        signatures=rows,
        min_inputs=1 if data is None else len(rows[0].inputs),
        data=data,
        quant=SameScale(),
        alias=alias,
        shape_operand=shape_operand,
    )
