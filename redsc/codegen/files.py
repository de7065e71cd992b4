"""Write results: a file is complete or not there, and stays untouched where it is equal."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from redsc.errors import OutputError

__all__ = ["FileState", "compare_files", "write_files"]


class FileState(Enum):
    """What writing a file would do to the disk."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "the same"


def compare_files(directory: Path, files: Mapping[str, bytes]) -> dict[str, FileState]:
    """Return what `write_files` would do, by name; nothing is written.

    Raises:
        OutputError: the system refuses to read what is there.
    """
    try:
        return {name: _state(directory / name, data) for name, data in files.items()}
    except OSError as error:
        raise OutputError(f"cannot read {error.filename or directory}: {error.strerror}") from error


def _state(path: Path, data: bytes) -> FileState:
    if not path.is_file():
        return FileState.NEW
    return FileState.SAME if path.read_bytes() == data else FileState.CHANGED


def write_files(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a directory, which is made where it is missing; names may be paths below it.

    Raises:
        OutputError: the system refuses; files written before stay, no file is left half written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, data)
    except OSError as error:
        raise OutputError(
            f"cannot write {error.filename or directory}: {error.strerror}", hint="choose another directory with -o"
        ) from error


def _write(path: Path, data: bytes) -> None:
    if _state(path, data) is FileState.SAME:
        return
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    """Return the process's umask; it can be read only by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
