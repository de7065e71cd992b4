"""The C files of the kernels: which ones a program needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

__all__ = ["needed_files"]

_INCLUDE = re.compile(r'#include "(redsc_\w+\.h)"')
_PARTS: Mapping[str, tuple[str, ...]] = {
    "redsc_conv.h": (),  # whoever calls a function of it names the file
    "redsc_conv_rows.h": ("redsc_conv_rows.c", "redsc_conv_rows_sizes.c", "redsc_conv_rows_tiles.c"),
    "redsc_conv_tiles.h": ("redsc_conv.c", "redsc_conv_portable.c"),
}
"""What defines the functions of a header, where that is not one file of its name."""


def needed_files(names: Iterable[str]) -> dict[str, bytes]:
    """Return files by name with the headers that they include, and with what defines the functions of these."""
    found, waiting = dict[str, bytes](), list(names)
    while waiting:
        name = waiting.pop()
        if name not in found and (data := _read(name)) is not None:
            found[name] = data
            headers = _INCLUDE.findall(data.decode("ascii"))
            waiting += headers
            waiting += [part for header in headers for part in _PARTS.get(header, (header.replace(".h", ".c"),))]
    return dict(sorted(found.items()))


@cache
def _read(name: str) -> bytes | None:
    file = files("redsc").joinpath("codegen", "firmware", name)
    return file.read_bytes() if file.is_file() else None
