"""What a long computation tells those who wait for it."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "silent"]


class Progress(Protocol):
    """Is told which stage runs, and of a stage that counts what it does, how much of it is done."""

    def __call__(self, stage: str, done: int = 0, total: int = 0) -> None:
        """Take note; `total` is 0 where nothing is counted. What it raises ends the computation."""


def silent(stage: str, done: int = 0, total: int = 0) -> None:
    """Tell nobody."""
