"""Find a target: by the name of a built-in one, or by the path of a user's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

from redsc.errors import UsageError, did_you_mean
from redsc.targets.read import read_table, read_target
from redsc.targets.target import CostTable, Target

__all__ = ["builtin_tables", "builtin_targets", "find_target", "tables_of", "with_table"]

_HERE = Path(__file__).parent
_SUFFIXES = (".toml", ".json")


def find_target(text: str) -> Target:
    """Return the target that a name like `nano33ble`, or a path like `boards/mine.toml`, stands for.

    With `/x-cube-ai` behind the name, the firmware's kernels are of that library.

    Raises:
        UsageError: there is no such target, or its file is wrong.
    """
    if text.endswith(_SUFFIXES):
        return read_target(Path(text))
    name, _, library = text.partition("/")
    found = builtin_targets().get(name)
    if found is None:
        hint = did_you_mean(name, builtin_targets()) or "redsc targets lists them; a file's name ends with .toml"
        raise UsageError(f"there is no target {name!r}", code="U230", hint=hint)
    if not library:
        return found
    known = [table.library for table in tables_of(found)]
    if library not in known:
        hint = did_you_mean(library, known) or f"there are {', '.join(known)}"
        raise UsageError(f"nothing is known of {library!r} on {found.core}", code="U230", hint=hint)
    return replace(found, library=library)


def tables_of(target: Target) -> tuple[CostTable, ...]:
    """Return the tables for a target, its own before those for its core."""
    return (*target.tables, *(table for table in builtin_tables() if table.core == target.core))


def with_table(target: Target, path: Path) -> Target:
    """Return a target with one more cost table, which is asked before its others.

    Raises:
        UsageError: the file is wrong, or is for another core.
    """
    table = read_table(path)
    if table.core != target.core:
        message = f"{path.name} is for {table.core}, {target.name} has {target.core}"
        raise UsageError(message, code="U231", hint="a table is for one core and one kernel library")
    return replace(target, tables=(table, *target.tables), files=(*target.files, path))


@cache
def builtin_targets() -> Mapping[str, Target]:
    """Return the targets that come with redsc, by name."""
    found = (read_target(path) for path in sorted((_HERE / "boards").glob("*.toml")))
    return MappingProxyType({target.name: replace(target, files=()) for target in found})


@cache
def builtin_tables() -> tuple[CostTable, ...]:
    """Return the cost tables that come with redsc."""
    return tuple(read_table(path) for path in sorted((_HERE / "tables").glob("*.toml")))
