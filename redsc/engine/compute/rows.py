"""Rows of the engine's table for what computes: arithmetic, functions, pools, recurrent layers, reductions."""

from __future__ import annotations

from collections.abc import Mapping

from redsc.engine.call import Emit
from redsc.engine.compute.batch_matmul import BATCH_MATMUL
from redsc.engine.compute.compare import COMPARISONS
from redsc.engine.compute.elementwise import ELEMENTWISE
from redsc.engine.compute.lookup import LOOKUPS
from redsc.engine.compute.pool import POOLS
from redsc.engine.compute.quantize import CONVERSIONS
from redsc.engine.compute.recurrent import RECURRENT
from redsc.engine.compute.reduce import REDUCTIONS
from redsc.engine.compute.softmax import SOFTMAX

__all__ = ["COMPUTE"]

COMPUTE: Mapping[str, Emit] = {
    **BATCH_MATMUL,
    **COMPARISONS,
    **CONVERSIONS,
    **ELEMENTWISE,
    **LOOKUPS,
    **POOLS,
    **RECURRENT,
    **REDUCTIONS,
    **SOFTMAX,
}
"""By op."""
