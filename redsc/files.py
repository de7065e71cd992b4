"""Read files that users name: plain ones, no larger than they may be, whatever they become while they are read."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

__all__ = ["open_file", "read_file"]


def open_file(path: Path) -> BinaryIO:
    """Return a plain file, opened to be read.

    Its kind is asked of what was opened, not of a name that may stand for something else by then.

    Raises:
        OSError: it cannot be opened, or is no plain file; `strerror` says which.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe without a writer would block
    except ValueError as error:  # a null character in the name
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    raise OSError(errno.EINVAL, "it is not a file", str(path))


def read_file(path: Path, most_bytes: int) -> bytes:
    """Return the bytes of a plain file.

    Raises:
        OSError: it cannot be opened, or is larger than `most_bytes`; `strerror` says which.
    """
    with open_file(path) as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes:,} B", str(path))
    return data
