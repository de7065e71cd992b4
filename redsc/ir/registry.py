"""`OPS`: the one table of all ops."""

from __future__ import annotations

from redsc.errors import InternalError, did_you_mean
from redsc.ir.ops import OpDef
from redsc.ir.ops_arithmetic import ARITHMETIC_OPS
from redsc.ir.ops_conv import CONV_OPS
from redsc.ir.ops_move import MOVE_OPS
from redsc.ir.ops_pad import PAD_OPS
from redsc.ir.ops_pool import POOL_OPS
from redsc.ir.ops_reduce import REDUCE_OPS
from redsc.ir.ops_shape import SHAPE_OPS
from redsc.ir.ops_unary import UNARY_OPS

__all__ = ["OPS", "op_def"]

_FAMILIES = (CONV_OPS, POOL_OPS, ARITHMETIC_OPS, UNARY_OPS, REDUCE_OPS, SHAPE_OPS, PAD_OPS, MOVE_OPS)

OPS: dict[str, OpDef] = {op.name: op for family in _FAMILIES for op in family}


def op_def(name: str) -> OpDef:
    """Return the entry of an op that must exist."""
    if name not in OPS:
        raise InternalError(f"unknown op {name!r}", hint=did_you_mean(name, OPS))
    return OPS[name]
