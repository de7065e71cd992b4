"""Ops that keep numbers from one inference to the next: the state of streaming networks.

A variable is read once and assigned once in an inference, in this order. The operand of the node that reads it is
the variable's value before the first inference: a constant of the graph like any other.
"""

from __future__ import annotations

from dataclasses import dataclass

from redsc.ir.graph import Node
from redsc.ir.ops.definition import OpDef, same_shape
from redsc.ir.rules import Remembers, SameScale
from redsc.ir.signatures import BOOL, F32, I8, I16, I32, I64, same_type
from redsc.ir.types import Shape

__all__ = ["STATE_OPS", "Variable"]

_KEPT = same_type((F32, I8, I16, I32, I64, BOOL))


@dataclass(frozen=True, slots=True)
class Variable:
    """The name of the variable that is read or assigned."""

    variable: str = ""


def _infer_nothing(_node: Node) -> tuple[Shape, ...]:
    return ()


STATE_OPS = (
    OpDef(
        "READ_VARIABLE",
        Variable,
        infer=same_shape,
        channels=Remembers(),
        signatures=_KEPT,
        quant=SameScale(),
        is_stateful=True,
    ),
    OpDef(
        "ASSIGN_VARIABLE",
        Variable,
        infer=_infer_nothing,
        channels=Remembers(),
        signatures=_KEPT,
        is_stateful=True,
    ),
)
