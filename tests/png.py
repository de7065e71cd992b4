"""A reader of 8-bit RGB images in PNG, just enough for the zoo's (https://www.w3.org/TR/png/)."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from redsc.ir import Array


def read_png(path: Path) -> Array:
    """Return a picture as uint8 [height, width, 3]."""
    data, at, packed = path.read_bytes(), 8, b""
    width, height, depth, colour, *_ = struct.unpack(">IIBBBBB", data[16:29])
    assert (depth, colour, data[28]) == (8, 2, 0), "8-bit RGB, not interlaced"
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        packed += data[at + 8 : at + 8 + size] if data[at + 4 : at + 8] == b"IDAT" else b""
        at += size + 12
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + 3 * width)
    above, lines = np.zeros((width, 3), np.uint8), []
    for row in rows:
        above = _unfiltered(int(row[0]), row[1:].reshape(width, 3), above)
        lines.append(above)
    return np.stack(lines)


def shrunk(picture: Array, height: int, width: int) -> Array:
    """Return the mean colours of boxes."""
    rows, columns = (np.arange(n) * size // n for n, size in zip((height, width), picture.shape, strict=False))
    sums = np.add.reduceat(np.add.reduceat(picture.astype(np.int64), rows, 0), columns, 1)
    counts = np.add.reduceat(np.add.reduceat(np.ones_like(picture, np.int64), rows, 0), columns, 1)
    return np.asarray(sums // counts, np.uint8)


def _unfiltered(kind: int, line: Array, above: Array) -> Array:
    if kind in (0, 1, 2):
        return np.asarray([line, np.cumsum(line, 0, np.uint8), line + above][kind])
    made: Array = np.zeros_like(line)
    left = corner = np.zeros(3, np.int16)
    for x in range(len(line)):
        up = above[x].astype(np.int16)
        guess: Any = (left + up) // 2 if kind == 3 else _paeth(left, up, corner)
        made[x] = line[x] + guess.astype(np.uint8)
        left, corner = made[x].astype(np.int16), up
    return made


def _paeth(left: Array, up: Array, corner: Array) -> Array:
    a, b, c = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    return np.where((a <= b) & (a <= c), left, np.where(b <= c, up, corner))
