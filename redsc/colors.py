"""Whether a stream shows colours: by https://no-color.org, FORCE_COLOR and what the stream is."""

from __future__ import annotations

import os
from typing import TextIO

__all__ = ["choose_color", "uses_color"]

_OFF, _ON = "NO_COLOR", "FORCE_COLOR"
_WISHES = {"always": (_ON, _OFF), "never": (_OFF, _ON)}


def choose_color(wish: str) -> None:
    """Make all of this process show colours `always` or `never`; `auto` changes nothing."""
    if wish in _WISHES:
        wanted, other = _WISHES[wish]
        os.environ[wanted] = "1"
        os.environ.pop(other, None)


def uses_color(stream: TextIO) -> bool:
    """Return whether what is written there may have colours."""
    if os.environ.get(_OFF):
        return False
    return bool(os.environ.get(_ON)) or (stream.isatty() and os.environ.get("TERM") != "dumb")
