"""Where a run of the comparisons finds things, and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .environments import ENVIRONMENTS

__all__ = ["Setting"]


@dataclass(frozen=True, slots=True)
class Setting:
    """Folders and tools; a tool gets `limit` seconds of a core for one input, `is_quick` leaves most inputs out."""

    zoo: Path
    environments: Path
    scratch: Path
    limit: int
    is_quick: bool
    minimalloc: Path | None
    tflite_tools: Path | None

    def programs(self, name: str) -> Path:
        """Return the folder of the programs of an environment.

        Raises:
            Failed: it cannot be made.
        """
        return ENVIRONMENTS[name].at(self.environments)
