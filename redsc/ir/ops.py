"""The op vocabulary: TFLite's builtin operators with TFLite semantics, NHWC. One `OpDef` entry per op.

Execution belongs to the real runtimes; `OPS` knows nothing of ONNX, TFLite files or C. To add an op: one entry in
one of the `ops_*.py` families, then one row in each table that `tests/test_ops.py` names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redsc.ir.graph import Node, Value
from redsc.ir.rules import Alias, ChannelRule, NoAlias, OwnScale, QuantRule, Signature
from redsc.ir.types import DType, Shape

__all__ = ["NO_ATTRS", "NoAttrs", "OpDef", "ShapeError", "no_macs", "same_shape", "signatures"]


class ShapeError(Exception):
    """The operands of a node do not fit together; the verifier turns it into an error with a place."""


@dataclass(frozen=True, slots=True)
class NoAttrs:
    """For ops without attributes."""


NO_ATTRS = NoAttrs()


def no_macs(_node: Node) -> int:
    """Return 0: the op multiplies and accumulates nothing."""
    return 0


def same_shape(node: Node) -> tuple[Shape, ...]:
    """Return the shape of input 0."""
    return (node.operand(0).type.shape,)


def signatures(*rows: tuple[tuple[DType, ...], DType]) -> tuple[Signature, ...]:
    """Return signatures from `((input dtypes), output dtype)` rows."""
    return tuple(Signature(inputs, output) for inputs, output in rows)


@dataclass(frozen=True, slots=True)
class OpDef:
    """Everything redsc knows about one op.

    `infer(node)` gives the output shapes from operands and attributes (it may be called before the outputs exist);
    `macs(node)` counts multiply-accumulates, borders included, as the field does. `data` are the operands that
    carry data, the first one first (None: all of them), in contrast to weights, axes and shapes.
    """

    name: str
    attrs: type[Any]
    infer: Callable[[Node], tuple[Shape, ...]]
    channels: ChannelRule
    signatures: tuple[Signature, ...]
    min_inputs: int = 1
    data: tuple[int, ...] | None = (0,)
    macs: Callable[[Node], int] = no_macs
    quant: QuantRule = OwnScale()
    alias: Alias = NoAlias()

    def data_inputs(self, node: Node) -> tuple[Value, ...]:
        """Return the operands of a node that carry data."""
        if self.data is None:
            return tuple(node.present_inputs())
        return tuple(node.operand(index) for index in self.data if index < len(node.inputs))
