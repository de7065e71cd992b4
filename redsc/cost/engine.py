"""What the kernels of the C engine take of the arena beside their operands: one row per op that takes something."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from redsc.ir import Node

__all__ = ["scratch_bytes"]

_SCRATCH: Mapping[str, Callable[[Node], int]] = {}


def scratch_bytes(node: Node) -> int:
    """Return the bytes of a node's working buffer, 0 where its kernel has none."""
    rule = _SCRATCH.get(node.op)
    return 0 if rule is None else rule(node)
