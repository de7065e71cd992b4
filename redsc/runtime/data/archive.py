"""Read an `.npz`: no pickles, and nothing is allocated on the word of a header alone."""

from __future__ import annotations

import errno
import zipfile
from math import prod
from pathlib import Path

from numpy.lib import format as npy

from redsc.errors import UsageError
from redsc.files import open_file
from redsc.ir import Array
from redsc.limits import Limits

__all__ = ["read_arrays"]

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_arrays(path: Path, limits: Limits) -> dict[str, Array]:
    """Return the arrays of an archive by name.

    Raises:
        UsageError: the file cannot be read, is no archive of plain arrays, or unpacks to more than `limits` allow.
    """
    hint = "numpy.savez(path, x=samples, y=labels) writes one"
    try:
        with open_file(path) as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_size(members, limits)
            arrays = {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}
    except Exception as error:  # numpy, zipfile and zlib raise families of their own on damaged files
        reason = getattr(error, "strerror", None) or "it is no .npz of plain arrays"
        raise UsageError(f"cannot read the data file {path}: {reason}", code="U207", hint=hint) from error
    if not arrays:
        raise UsageError(f"{path} is no archive of named arrays", code="U207", hint=hint)
    return arrays


def _check_size(members: list[zipfile.ZipInfo], limits: Limits) -> None:
    """Check what members say that they unpack to; zipfile reads no further."""
    if sum(member.file_size for member in members) > limits.data_bytes:
        raise OSError(errno.EFBIG, f"its arrays are larger than {limits.data_bytes:,} B")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    """Return a member whose header promises what the archive says of its size, and numbers."""
    with archive.open(member) as file:
        shape, _, dtype = _HEADERS[npy.read_magic(file)](file)
        nbytes = prod(shape) * dtype.itemsize
        if dtype.hasobject or min(shape, default=0) < 0 or nbytes != member.file_size - file.tell():
            raise ValueError(f"{member.filename!r} is no array, or not as large as its header says")
    with archive.open(member) as file:
        array: Array = npy.read_array(file, allow_pickle=False)
    return array
