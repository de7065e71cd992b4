"""Write results: a file is complete or not there, and stays untouched where it is equal."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from redsc.errors import OutputError

__all__ = ["write_files"]


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
    if path.is_file() and path.read_bytes() == data:
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
