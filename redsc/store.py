"""A cache on disk for what takes long to compute, addressed by the content of everything that it depends on.

A result never depends on whether it was cached: an entry that is missing, damaged or cannot be read is computed
anew, and where nothing can be written there is no cache. Many processes may use one folder at the same time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from redsc.version import __version__

__all__ = ["Store", "default_folder"]

_LIMIT_BYTES = 200_000_000
_ENTRY = ".redsc-entry"
_UNFINISHED = ".redsc-unfinished"
_KEY = re.compile(r"[0-9a-f]{64}")
_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of entries of at most `limit_bytes` together; `None` as the folder is a store that keeps nothing."""

    folder: Path | None
    limit_bytes: int = _LIMIT_BYTES

    @staticmethod
    def default() -> Store:
        """Return the user's store: `default_folder()`."""
        return Store(default_folder())

    @staticmethod
    def key(kind: str, *parts: bytes | str | float | None) -> str:
        """Return the address of a result: a SHA-256 over redsc's version, the kind of result and all parts.

        Every part goes in with its type and its length, so that no two lists of parts look the same.
        """
        digest = hashlib.sha256()
        for part in (__version__, kind, *parts):
            data = part if isinstance(part, bytes) else repr(part).encode()
            digest.update(f"{type(part).__name__} {len(data)}\n".encode())
            digest.update(data)
        return digest.hexdigest()

    def get(self, key: str) -> bytes | None:
        """Return an entry, None where there is none or it is damaged; an entry that is asked for counts as new."""
        path = self._path(key)
        if path is None:
            return None
        try:
            found = path.read_bytes()
        except OSError:
            return None
        digest, data = found[:_DIGEST_BYTES], found[_DIGEST_BYTES:]
        if hashlib.sha256(data).digest() != digest:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return data

    def put(self, key: str, data: bytes) -> None:
        """Write an entry, whole or not at all; those that nobody asked for the longest make room.

        Nothing happens where the folder cannot be written, or the entry alone is larger than the limit.
        """
        path = self._path(key)
        if path is None or len(data) + _DIGEST_BYTES > self.limit_bytes:
            return
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, hashlib.sha256(data).digest() + data)
            self._make_room()

    def get_floats(self, key: str) -> dict[str, float] | None:
        """Return the numbers of `put_floats`, bit for bit (there is one NaN), None where there are none."""
        found = self.get(key)
        try:
            table = None if found is None else json.loads(found)
        except (ValueError, RecursionError):
            return None
        if not isinstance(table, dict) or not all(isinstance(number, float) for number in table.values()):
            return None
        return table

    def put_floats(self, key: str, numbers: Mapping[str, float]) -> None:
        """Write named numbers as JSON; Python writes the shortest text that reads back as the same double."""
        self.put(key, json.dumps({name: float(number) for name, number in numbers.items()}).encode())

    def _path(self, key: str) -> Path | None:
        if self.folder is None or not _KEY.fullmatch(key):
            return None
        return self.folder / f"{key}{_ENTRY}"

    def _make_room(self) -> None:
        assert self.folder is not None
        files = sorted(_files(self.folder))
        excess = sum(size for _, _, size in files) - self.limit_bytes
        for _, path, size in files:
            if excess <= 0:
                return
            with contextlib.suppress(OSError):  # another process was faster
                os.unlink(path)
            excess -= size


def default_folder() -> Path | None:
    """Return $REDSC_CACHE, else `redsc` in $XDG_CACHE_HOME or ~/.cache; None where it is empty or there is no home.

    A relative $XDG_CACHE_HOME is ignored (XDG Base Directory Specification 0.8).
    """
    wanted = os.environ.get("REDSC_CACHE")
    if wanted is not None:
        return Path(wanted) if wanted else None
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if shared.is_absolute():
        return shared / "redsc"
    try:
        return Path.home() / ".cache" / "redsc"
    except RuntimeError:
        return None


def _write(path: Path, data: bytes) -> None:
    """Write a file under another name, then give it its own: a reader sees all of it or nothing."""
    handle, name = tempfile.mkstemp(suffix=_UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _files(folder: Path) -> Iterator[tuple[int, str, int]]:
    """Yield (time in ns, path, bytes) of the files that a store wrote here, and of no others."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((_ENTRY, _UNFINISHED)):
                with contextlib.suppress(OSError):
                    facts = entry.stat(follow_symlinks=False)
                    yield facts.st_mtime_ns, entry.path, facts.st_size
