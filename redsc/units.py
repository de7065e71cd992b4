"""Sizes and times for people: the only module that knows 1000 and 1024.

`KB` is 1000 bytes; `K`, `Ki` and `KiB` are 1024. A promise kept under KB holds under both readings.
"""

from __future__ import annotations

import re

from redsc.errors import UsageError

__all__ = ["kibibytes", "other_reading", "parse_count", "parse_size", "parse_time", "size_with_unit"]

_DECIMAL = {"": 1, "B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3}
_BINARY = {"K": 1024, "Ki": 1024, "KiB": 1024, "M": 1024**2, "Mi": 1024**2, "MiB": 1024**2}
_UNITS = _DECIMAL | _BINARY
_COUNTS = {"": 1, "k": 1000, "K": 1000, "M": 1000**2, "G": 1000**3}
_TIMES = {"us": 1, "ms": 1000, "s": 1000**2}
_NUMBER = re.compile(r"\s*([0-9][0-9_]*(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


def parse_size(text: str) -> int:
    """Return the bytes that a size like `200KB`, `64KiB`, `64K` or `65_536` stands for.

    Raises:
        UsageError: the text is no size; the hint names the nearest unit.
    """
    return _parse(text, _UNITS, "size", "200KB")


def parse_count(text: str) -> int:
    """Return the number that a count like `2.5M` (2,500,000) stands for."""
    return _parse(text, _COUNTS, "count", "2.5M")


def parse_time(text: str) -> int:
    """Return the microseconds that a time like `50ms` stands for."""
    return _parse(text, _TIMES, "time", "50ms")


def other_reading(text: str) -> tuple[str, int] | None:
    """Return the size that one may have meant, and its bytes: `38KiB` for `38KB`, `20KB` for `20`; else None."""
    match = _NUMBER.fullmatch(text)
    if not match:
        return None
    number, unit = float(match[1].replace("_", "")), match[2]
    if unit in ("kB", "KB", "MB"):
        binary = f"{unit[0].upper()}iB"
        return f"{match[1]}{binary}", int(number * _BINARY[binary])
    return (f"{match[1]}KB", int(number * _DECIMAL["KB"])) if not unit and number < _BINARY["K"] else None


def kibibytes(size_bytes: int) -> str:
    """Return whole KiB for a column of them: `1,024` for a megabyte."""
    return f"{size_bytes // _BINARY['Ki']:,}"


def size_with_unit(size_bytes: int) -> str:
    """Return the size as exact bytes, with KiB where that helps: `54,272 B (53.0 KiB)`."""
    exact = f"{size_bytes:,} B"
    return exact if size_bytes < 1024 else f"{exact} ({size_bytes / 1024:.1f} KiB)"


def _parse(text: str, units: dict[str, int], kind: str, example: str) -> int:
    match = _NUMBER.fullmatch(text)
    if not match or match[2] not in units:
        raise UsageError(f"{text!r} is not a {kind}", code="U201", hint=_hint(text, units, example))
    value = float(match[1].replace("_", "")) * units[match[2]]
    if not value.is_integer():
        raise UsageError(f"{text!r} is not a whole number", code="U201", hint=f"write it like {example}")
    return int(value)


def _hint(text: str, units: dict[str, int], example: str) -> str:
    match = _NUMBER.fullmatch(text)
    same = [unit for unit in units if match and unit.lower() == match[2].lower()]
    return f"did you mean {match[1]}{same[0]}?" if match and same else f"write it like {example}"
