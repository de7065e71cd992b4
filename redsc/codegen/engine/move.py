"""Rows of the engine's table for what moves elements: copies, joins, cuts, paddings, resizing, state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from redsc.codegen.engine.call import Call, Emit, Params
from redsc.formats.tables import Refusal
from redsc.ir import Node

__all__ = ["MOVE"]


def _copy(node: Node) -> Iterator[Call]:
    """The same bytes under another shape."""
    nbytes = node.outputs[0].type.nbytes
    params = Params("redsc_copy_params", {"rows": 1, "bytes": nbytes, "x_stride": 0, "y_stride": 0})
    yield Call("redsc_copy", "redsc_move.c", params, (node.operand(0), node.outputs[0]), is_copy=True)


MOVE: Mapping[str, Emit | Refusal] = dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), _copy)
