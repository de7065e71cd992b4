"""`OPS`: the one table of all ops."""

from __future__ import annotations

from redsc.errors import InternalError, did_you_mean
from redsc.ir.ops import OpDef
from redsc.ir.ops_conv import CONV_OPS
from redsc.ir.ops_math import MATH_OPS
from redsc.ir.ops_shape import SHAPE_OPS

__all__ = ["OPS", "op_def"]

OPS: dict[str, OpDef] = {op.name: op for op in (*CONV_OPS, *MATH_OPS, *SHAPE_OPS)}


def op_def(name: str) -> OpDef:
    """Return the entry of an op that must exist."""
    if name not in OPS:
        raise InternalError(f"unknown op {name!r}", hint=did_you_mean(name, OPS))
    return OPS[name]
