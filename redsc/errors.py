"""Everything that can go wrong, with a code, a place and a next step.

The first digit of a code is the exit code of its class; I7xx, a bug of ours, is 70. Only `cli.main` exits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BudgetError",
    "Diagnostic",
    "ExecutorError",
    "InternalError",
    "LimitExceeded",
    "MalformedModel",
    "ModelError",
    "OutputError",
    "RedscError",
    "UnsupportedError",
    "UsageError",
    "VerificationError",
    "did_you_mean",
    "printable",
]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing the user should know that is not an error."""

    code: str
    message: str
    evidence: tuple[str, ...] = ()
    hint: str | None = None

    def render(self, severity: str = "warning") -> str:
        """Return the text form: fact, evidence, next action."""
        lines = [f"{severity}[{self.code}]: {self.message}"]
        lines += [f"  {line}" for line in self.evidence]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(printable(line) for line in lines)


class RedscError(Exception):
    """The only exception that leaves the public API on bad input."""

    exit_code: ClassVar[int] = 70
    default_code: ClassVar[str] = "I700"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        evidence: Iterable[str] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(code or self.default_code, message, tuple(evidence), hint)

    def __str__(self) -> str:
        return self.diagnostic.render("error")


class UsageError(RedscError):
    """A flag, a unit or a combination of options that makes no sense."""

    exit_code = 2
    default_code = "U200"


class ModelError(RedscError):
    """The model file cannot be used."""

    exit_code = 3
    default_code = "M300"


class MalformedModel(ModelError):
    """The model file is damaged or lies about itself."""

    default_code = "M301"


class LimitExceeded(ModelError):
    """The model file asks for more than `Limits` allows."""

    default_code = "M302"


class ExecutorError(ModelError):
    """A runtime refused or crashed on a model."""

    default_code = "M303"


class UnsupportedError(RedscError):
    """The model is sound, but redsc does not know some of its parts."""

    exit_code = 4
    default_code = "N401"


class BudgetError(RedscError):
    """No legal network meets the budgets."""

    exit_code = 5
    default_code = "R501"


class VerificationError(RedscError):
    """An oracle disagrees with what redsc made."""

    exit_code = 6
    default_code = "V601"


class OutputError(RedscError):
    """A result could not be written."""

    exit_code = 7
    default_code = "O701"


class InternalError(RedscError):
    """A bug in redsc."""


def printable(text: str) -> str:
    """Return a text in one line: names come from foreign files and must not steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def did_you_mean(word: str, known: Iterable[str], least: float = 0.6) -> str | None:
    """Return a hint that names the nearest known word, None where none has the `least` likeness, of 0 to 1."""
    from difflib import get_close_matches  # slow to import

    matches = get_close_matches(word, list(known), 1, least)
    return f"did you mean {matches[0]}?" if matches else None
