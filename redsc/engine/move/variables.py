"""Rows for variables: copies between a tensor and what lives on between inferences (`redsc.engine.state`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from redsc.engine.call import Call, Emit, State
from redsc.engine.move.box import copy
from redsc.ir import Node

__all__ = ["VARIABLES"]


def _read(node: Node) -> Iterator[Call]:
    result = node.outputs[0]
    yield copy(State(node.attrs.variable, result.type), result, result.type.nbytes)


def _assign(node: Node) -> Iterator[Call]:
    value = node.operand(0)
    yield copy(value, State(node.attrs.variable, value.type), value.type.nbytes)


VARIABLES: Mapping[str, Emit] = {"READ_VARIABLE": _read, "ASSIGN_VARIABLE": _assign}
"""By op."""
