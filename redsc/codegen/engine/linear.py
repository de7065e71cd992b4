"""Rows of the engine's table for linear layers, whose weights levels share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from redsc.codegen.engine.call import Call
from redsc.codegen.engine.shared import Shared
from redsc.ir import Node
from redsc.options import Kernels

__all__ = ["LINEAR"]

LINEAR: Mapping[str, Callable[[Node, Shared, Kernels], Iterable[Call]]] = {}
