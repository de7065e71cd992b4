"""Rows of the engine's table for what moves elements: copies, joins, cuts, paddings, resizing, state."""

from __future__ import annotations

from collections.abc import Mapping

from redsc.codegen.engine.call import Emit
from redsc.codegen.engine.join import JOINS
from redsc.codegen.engine.pad import PADS
from redsc.codegen.engine.reorder import REORDERS
from redsc.codegen.engine.resize import RESIZES
from redsc.codegen.engine.state import STATES
from redsc.formats.tables import Refusal

__all__ = ["MOVE"]

MOVE: Mapping[str, Emit | Refusal] = {
    **JOINS,
    **PADS,
    **REORDERS,
    **RESIZES,
    **STATES,
}
