"""Nodes that are in no graph, to ask an op's entry about."""

from __future__ import annotations

from typing import Any

import numpy as np

from redsc.ir import NO_ATTRS, Array, GraphBuilder, Shape
from redsc.ir.graph import Node

__all__ = ["node_of", "zeros"]


def node_of(op: str, *operands: Shape | Array, attrs: Any = NO_ATTRS) -> Node:
    """Return a node without outputs: a shape is an input, an array a constant."""
    builder = GraphBuilder()
    values = [
        builder.constant("c", item) if isinstance(item, np.ndarray) else builder.input("x", item)
        for item in operands
    ]
    return Node(op, tuple(values), (), attrs)


def zeros(*shape: int) -> Array:
    return np.zeros(shape, np.float32)
