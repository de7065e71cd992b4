"""What translation tables hold besides handlers, and the error for what has no translation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redsc.errors import UnsupportedError

__all__ = ["CannotTranslate", "Refusal", "raise_problems", "refuse"]


class CannotTranslate(Exception):
    """Why a handler stops at a node; readers gather the reasons of all nodes and raise one error."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a table has no handler for an op; shown to the user as it stands."""

    reason: str


def refuse(groups: Mapping[str, str]) -> dict[str, Refusal]:
    """Return one row per op from `{reason: "OP OP OP"}`."""
    return {op: Refusal(reason) for reason, ops in groups.items() for op in ops.split()}


def raise_problems(problems: Sequence[str]) -> None:
    """Raise one error for all parts of a model that have no translation.

    Raises:
        UnsupportedError: there is such a part.
    """
    if problems:
        raise UnsupportedError(
            f"redsc cannot translate {len(problems)} part(s) of this model",
            evidence=problems,
            hint="`redsc ops` lists what is translated",
        )
