"""`OPS`: the one table of all ops of networks, and what redsc makes of them for kernels of its own."""

from __future__ import annotations

from redsc.errors import InternalError, did_you_mean
from redsc.ir.ops.arithmetic import ARITHMETIC_OPS
from redsc.ir.ops.cut import CUT_OPS
from redsc.ir.ops.definition import OpDef
from redsc.ir.ops.linear import LINEAR_OPS
from redsc.ir.ops.lookup import LOOKUP_OPS
from redsc.ir.ops.move import MOVE_OPS
from redsc.ir.ops.pad import PAD_OPS
from redsc.ir.ops.pool import POOL_OPS
from redsc.ir.ops.recurrent import RECURRENT_OPS
from redsc.ir.ops.reduce import REDUCE_OPS
from redsc.ir.ops.shape import SHAPE_OPS
from redsc.ir.ops.signal import SIGNAL_OPS
from redsc.ir.ops.state import STATE_OPS
from redsc.ir.ops.strided import STRIDED_OPS
from redsc.ir.ops.unary import UNARY_OPS

__all__ = ["ALL_OPS", "CUSTOM_OPS", "ENGINE_OPS", "FAMILIES", "FRONT_END_OPS", "OPS", "op_def"]

FAMILIES: dict[str, tuple[OpDef, ...]] = {
    "linear layers": LINEAR_OPS,
    "pools and resizing": POOL_OPS,
    "arithmetic and comparison": ARITHMETIC_OPS,
    "activations and functions": UNARY_OPS,
    "reductions": REDUCE_OPS,
    "shapes": SHAPE_OPS,
    "padding and blocks": PAD_OPS,
    "joining and gathering": MOVE_OPS,
    "cutting": CUT_OPS,
    "state between inferences": STATE_OPS,
    "recurrent layers": RECURRENT_OPS,
}

OPS: dict[str, OpDef] = {op.name: op for family in FAMILIES.values() for op in family}
CUSTOM_OPS: dict[str, OpDef] = {op.name: op for op in STRIDED_OPS}  # in containers only, for redsc's own kernels
FRONT_END_OPS: dict[str, OpDef] = {op.name: op for op in SIGNAL_OPS}  # custom ops that tflite-micro brings
ENGINE_OPS: dict[str, OpDef] = {op.name: op for op in LOOKUP_OPS}  # in graphs for the C engine only, in no file
ALL_OPS: dict[str, OpDef] = {**OPS, **CUSTOM_OPS, **FRONT_END_OPS, **ENGINE_OPS}


def op_def(name: str) -> OpDef:
    """Return the entry of an op that must exist.

    Raises:
        InternalError: there is no such op.
    """
    found = ALL_OPS.get(name)
    if found is None:
        raise InternalError(f"unknown op {name!r}", hint=did_you_mean(name, OPS))
    return found
