"""Names that nothing else has."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Names"]


class Names:
    """The names that are taken; the second of a kind gets `#2` behind it."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._counts = dict.fromkeys(taken, 1)

    def take(self, name: str) -> str:
        """Return this name, or one like it that is not taken; from now on it is."""
        found = name
        while found in self._counts:
            self._counts[name] += 1
            found = f"{name}#{self._counts[name]}"
        self._counts[found] = 1
        return found
