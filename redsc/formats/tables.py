"""What a translation table holds besides handlers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CannotTranslate", "Refusal", "refuse"]


class CannotTranslate(Exception):
    """Why a handler stops at a node; readers gather the reasons of all nodes and raise one error."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a table has no handler for an op; shown to the user as it stands."""

    reason: str


def refuse(groups: Mapping[str, str]) -> dict[str, Refusal]:
    """Return one row per op from `{reason: "OP OP OP"}`."""
    return {op: Refusal(reason) for reason, ops in groups.items() for op in ops.split()}
