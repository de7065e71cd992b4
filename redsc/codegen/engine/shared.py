"""Which weights of a level lie inside those of a larger one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redsc.ir import Graph

__all__ = ["Shared", "find_shared"]


@dataclass(frozen=True, slots=True)
class Shared:
    """The weights of all levels."""


def find_shared(graphs: Sequence[Graph]) -> Shared:
    """Return what levels share, the largest level first."""
    return Shared()
