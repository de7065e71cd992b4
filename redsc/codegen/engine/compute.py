"""Rows of the engine's table for what computes: arithmetic, functions, pools, reductions."""

from __future__ import annotations

from collections.abc import Mapping

from redsc.codegen.engine.call import Emit
from redsc.codegen.engine.elementwise import ELEMENTWISE
from redsc.codegen.engine.lookup import LOOKUPS
from redsc.codegen.engine.pool import POOLS
from redsc.codegen.engine.reduce import REDUCTIONS
from redsc.codegen.engine.softmax import SOFTMAX
from redsc.formats.tables import Refusal

__all__ = ["COMPUTE"]

COMPUTE: Mapping[str, Emit | Refusal] = {
    **ELEMENTWISE,
    **LOOKUPS,
    **POOLS,
    **REDUCTIONS,
    **SOFTMAX,
}
