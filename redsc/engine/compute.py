"""Rows of the engine's table for what computes: arithmetic, functions, pools, recurrent layers, reductions."""

from __future__ import annotations

from collections.abc import Mapping

from redsc.engine.batch_matmul import BATCH_MATMUL
from redsc.engine.call import Emit
from redsc.engine.compare import COMPARISONS
from redsc.engine.elementwise import ELEMENTWISE
from redsc.engine.lookup import LOOKUPS
from redsc.engine.pool import POOLS
from redsc.engine.quantize import CONVERSIONS
from redsc.engine.recurrent import RECURRENT
from redsc.engine.reduce import REDUCTIONS
from redsc.engine.softmax import SOFTMAX
from redsc.formats.tables import Refusal

__all__ = ["COMPUTE"]

COMPUTE: Mapping[str, Emit | Refusal] = {
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
