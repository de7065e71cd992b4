"""One line of a comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .process import Failed, Taken

__all__ = ["Row", "attempt"]


@dataclass(frozen=True, slots=True)
class Row:
    """What one tool made of one input; `taken` is None where it did not do it, and `result` says why."""

    subject: str
    tool: str
    taken: Taken | None
    result: str

    def __str__(self) -> str:
        cost = f"{self.taken.seconds:>8.1f} {self.taken.megabytes:>7.0f}" if self.taken else f"{'':>16}"
        return f"{self.subject:<30} {self.tool:<26} {cost}  {self.result}"


def attempt(subject: str, tool: str, do: Callable[[], Taken], judge: Callable[[Path], str], made: Path) -> Row:
    """Return the row of a tool that is to make a file, which is judged if it is there."""
    try:
        taken = do()
        return Row(subject, tool, taken, judge(made) if made.exists() else "makes no file")
    except Failed as failed:
        return Row(subject, tool, None, str(failed))
