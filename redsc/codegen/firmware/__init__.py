"""The C and C++ sources of redsc's kernels: what goes into a firmware as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files

__all__ = ["TFLM_SOURCES", "engine_files", "tflm_files"]

TFLM_SOURCES = ("redsc_arithmetic.c", "redsc_conv_2d.c", "redsc_fully_connected.c", "redsc_options.c")
_PARTS = {"redsc_conv_tiles.h": ("redsc_conv_panel.c", "redsc_conv_portable.c", "redsc_conv_tiles.c")}
"""What defines the functions of a header, where that is not one file of its name."""
_INCLUDE = re.compile(r'#include "(redsc_\w+\.h)"')


def tflm_files() -> dict[str, bytes]:
    """Return names and contents of the kernels that TFLM registers; one copy serves all models of a firmware."""
    return _read((*TFLM_SOURCES, "redsc_tflm.h"))


def engine_files(sources: Iterable[str]) -> dict[str, bytes]:
    """Return names and contents of these sources of the C engine, and of all that they need."""
    return _read(sources)


def _read(names: Iterable[str]) -> dict[str, bytes]:
    """Return files with the headers that they include, and with what defines the functions of these."""
    folder, found, waiting = files(__name__), dict[str, bytes](), list(names)
    while waiting:
        name = waiting.pop()
        if name not in found and folder.joinpath(name).is_file():
            found[name] = folder.joinpath(name).read_bytes()
            headers = _INCLUDE.findall(found[name].decode("ascii"))
            waiting += headers
            waiting += [part for header in headers for part in _PARTS.get(header, (header.replace(".h", ".c"),))]
    return dict(sorted(found.items()))
