"""Rows of the engine's table for what moves elements: copies, joins, cuts, paddings, resizing, state."""

from __future__ import annotations

from collections.abc import Mapping

from redsc.engine.call import Emit
from redsc.engine.move.join import JOINS
from redsc.engine.move.pad import PADS
from redsc.engine.move.reorder import REORDERS
from redsc.engine.move.resize import RESIZES
from redsc.engine.move.variables import VARIABLES

__all__ = ["MOVE"]

MOVE: Mapping[str, Emit] = {
    **JOINS,
    **PADS,
    **REORDERS,
    **RESIZES,
    **VARIABLES,
}
"""By op."""
