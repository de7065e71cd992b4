"""Read targets and cost tables from TOML or JSON: files of users too, in which nothing is taken for granted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from redsc.choices import FlashCache
from redsc.errors import UsageError, did_you_mean
from redsc.limits import DEFAULT_LIMITS
from redsc.settings_file import load_settings
from redsc.targets.grid import Channels, Grid
from redsc.targets.target import WORK_KINDS, CostTable, Evidence, Target
from redsc.units import parse_size

__all__ = ["read_table", "read_target"]

_MOST_TEXT = 1_000
_MOST_BYTES = 1 << 32
_MOST_MEGAHERTZ = 10_000
_MOST_PERCENT = 1_000
_MOST_RATE = 1e9  # units for one
_MOST_CYCLES = 1e12  # of a layer
_MOST_CHANNELS = 1 << 24
_THOUSANDTHS = 1_000

Content = Mapping[str, Any]


def read_target(path: Path) -> Target:
    """Return the target that a file describes, named as the file is.

    Raises:
        UsageError: the file cannot be read, or has keys or values that it should not; all of them are named.
    """
    found = _checked(load_settings(path, "U231", _PAGE), _TARGET, path)
    items = found.pop("tables", ())
    beside = [path.parent / item for item in items if isinstance(item, str)]
    tables = (
        read_table(path.parent / item) if isinstance(item, str) else _table({"core": found["core"], **item}, path)
        for item in items
    )
    return Target(name=path.stem, tables=tuple(tables), files=(path, *beside), **found)


def read_table(path: Path) -> CostTable:
    """Return the cost table that a file holds.

    Raises:
        UsageError: as for `read_target`.
    """
    return _table(load_settings(path, "U231", _PAGE), path)


def _table(content: Content, path: Path) -> CostTable:
    return CostTable(**_checked(content, _TABLE, path))


_PAGE = "docs/targets.md says what is in such a file"


@dataclass(frozen=True, slots=True)
class _Key:
    """What a key of a file is read into: `convert` raises ValueError, saying what the value must be."""

    field: str
    convert: Callable[[Any], Any]
    is_required: bool = False


def _checked(content: Content, keys: Mapping[str, _Key], path: Path) -> dict[str, Any]:
    """Return the fields that a file's content gives."""
    found, problems = dict[str, Any](), list(_wrong_keys(content, keys))
    for name in content.keys() & keys.keys():
        try:
            found[keys[name].field] = keys[name].convert(content[name])
        except (ValueError, UsageError) as error:
            reason = error.diagnostic.message if isinstance(error, UsageError) else error
            problems.append(f"{name} {reason}")
    if problems:
        raise UsageError(f"{path.name} is no target", code="U231", evidence=sorted(problems), hint=_PAGE)
    return found


def _wrong_keys(content: Content, keys: Mapping[str, _Key]) -> Iterator[str]:
    for name in content.keys() - keys.keys():
        hint = did_you_mean(name, keys)
        yield f"{name[:_MOST_TEXT]!r} is no key" + (f", {hint}" if hint else "")
    yield from (f"{name} is missing" for name, key in keys.items() if key.is_required and name not in content)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= _MOST_TEXT:
        raise ValueError(f"must be a line of text of at most {_MOST_TEXT} characters")
    return value


def _size(value: Any) -> int:
    if not isinstance(value, str) or not 0 < len(value) <= 20 or not 0 < parse_size(value) < _MOST_BYTES:
        raise ValueError('must be a size below 4 GiB like "256KiB"')
    return parse_size(value)


def _megahertz(value: Any) -> int:
    if type(value) is not int or not 0 < value <= _MOST_MEGAHERTZ:
        raise ValueError(f"must be a whole number from 1 to {_MOST_MEGAHERTZ:,}")
    return value


def _number(value: Any, most: float) -> float:
    if type(value) not in (int, float) or not 0 <= value <= most or not math.isfinite(value):
        raise ValueError(f"must be a number from 0 to {most:,.0f}")
    return float(value)


def _percent(value: Any) -> float:
    return _number(value, _MOST_PERCENT)


def _choice(kind: type[Enum]) -> Callable[[Any], Enum]:
    known = {item.value: item for item in kind}

    def convert(value: Any) -> Enum:
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return known[value]

    return convert


def _rates(value: Any) -> dict[str, dict[str, int]]:
    """Return rates in thousandths; an op that is not named is counted by the row `other`."""
    if not isinstance(value, dict) or not value:
        raise ValueError("must have a table for each op, or for `other`")
    return {_text(op): _row(op, row) for op, row in value.items()}


def _row(op: str, row: Any) -> dict[str, int]:
    if not isinstance(row, dict) or not row.keys() <= set(WORK_KINDS):
        raise ValueError(f"of {op} must be a table with some of the keys {', '.join(WORK_KINDS)}")
    return {kind: round(_THOUSANDTHS * _number(rate, _MOST_RATE)) for kind, rate in row.items()}


def _layers(value: Any) -> dict[str, Grid]:
    """Return measured layers: by form, points of both channels and cycles."""
    if not isinstance(value, dict) or not value:
        raise ValueError("must have a list of points for each form of a layer")
    return {_text(form): Grid(_points(form, points)) for form, points in value.items()}


def _points(form: str, points: Any) -> dict[Channels, int]:
    if not isinstance(points, list) or not points:
        raise ValueError(f"of {form} must be a list of points")
    found = dict(_point(form, point) for point in points)
    if len(found) < len(points):
        raise ValueError(f"of {form} has a point twice")
    return found


def _point(form: str, point: Any) -> tuple[Channels, int]:
    if not isinstance(point, list) or len(point) != 3:
        raise ValueError(f"of {form} must be points of two numbers of channels and cycles")
    first, second, cycles = point
    for channels in (first, second):
        if type(channels) is not int or not 0 < channels <= _MOST_CHANNELS:
            raise ValueError(f"of {form}: channels must be whole numbers from 1 to {_MOST_CHANNELS:,}")
    return (first, second), round(_THOUSANDTHS * _number(cycles, _MOST_CYCLES))


def _tables(value: Any) -> list[str | Content]:
    """Return tables: their content, or the names of files that lie beside the target's."""
    if not isinstance(value, list) or len(value) > DEFAULT_LIMITS.tables:
        raise ValueError(f"must be at most {DEFAULT_LIMITS.tables} tables or names of files")
    for item in value:
        is_name = isinstance(item, str) and _text(item) == Path(item).name and item not in (".", "..")
        if not is_name and not isinstance(item, dict):
            raise ValueError("must be tables, or names of files in the same folder")
    return value


_TARGET: Mapping[str, _Key] = {
    "board": _Key("board", _text, is_required=True),
    "core": _Key("core", _text, is_required=True),
    "megahertz": _Key("megahertz", _megahertz, is_required=True),
    "library": _Key("library", _text, is_required=True),
    "source": _Key("source", _text, is_required=True),
    "ram": _Key("ram_bytes", _size),
    "ram_is": _Key("ram_is", _text),
    "flash": _Key("flash_bytes", _size),
    "flash_is": _Key("flash_is", _text),
    "cache": _Key("cache", _choice(FlashCache)),
    "tables": _Key("tables", _tables),
}
_TABLE: Mapping[str, _Key] = {
    "core": _Key("core", _text, is_required=True),
    "library": _Key("library", _text, is_required=True),
    "evidence": _Key("evidence", _choice(Evidence), is_required=True),
    "source": _Key("source", _text, is_required=True),
    "board": _Key("board", _text),
    "error_percent": _Key("error_percent", _percent),
    "energy_error_percent": _Key("energy_error_percent", _percent),
    "cycles": _Key("millicycles", _rates, is_required=True),
    "picojoules": _Key("femtojoules", _rates),
    "layers": _Key("layers", _layers),
}
