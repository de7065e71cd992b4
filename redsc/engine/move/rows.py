"""Rows of the engine's table for what moves elements: copies, joins, cuts, paddings, resizing, state."""

from __future__ import annotations

from collections.abc import Mapping

from redsc.engine.call import Emit
from redsc.engine.move.join import JOINS
from redsc.engine.move.pad import PADS
from redsc.engine.move.reorder import REORDERS
from redsc.engine.move.resize import RESIZES
from redsc.engine.state import STATES
from redsc.formats.tables import Refusal

__all__ = ["MOVE"]

MOVE: Mapping[str, Emit | Refusal] = {
    **JOINS,
    **PADS,
    **REORDERS,
    **RESIZES,
    **STATES,
}
