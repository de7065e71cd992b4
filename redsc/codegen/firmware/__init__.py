"""The C and C++ sources of redsc's kernels: what goes into a firmware as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files

__all__ = ["TFLM_SOURCES", "engine_files", "tflm_files"]

TFLM_SOURCES = ("redsc_arithmetic.c", "redsc_conv_2d.c", "redsc_fully_connected.c", "redsc_options.c")
_TFLM_HEADERS = ("redsc_arithmetic.h", "redsc_kernels.h", "redsc_multiply.h", "redsc_tflm.h")
_INCLUDE = re.compile(r'#include "(redsc_\w+\.h)"')


def tflm_files() -> dict[str, bytes]:
    """Return names and contents of the kernels that TFLM registers; one copy serves all models of a firmware."""
    return _read((*TFLM_SOURCES, *_TFLM_HEADERS))


def engine_files(sources: Iterable[str]) -> dict[str, bytes]:
    """Return names and contents of sources of the C engine, of what they include, and of what that declares."""
    return _read(_closure(sources))


def _read(names: Iterable[str]) -> dict[str, bytes]:
    folder = files(__name__)
    return {name: folder.joinpath(name).read_bytes() for name in sorted(names)}


def _closure(names: Iterable[str]) -> set[str]:
    folder, found, waiting = files(__name__), set[str](), list(names)
    while waiting:
        name = waiting.pop()
        if name not in found and folder.joinpath(name).is_file():
            found.add(name)
            headers = _INCLUDE.findall(folder.joinpath(name).read_text("ascii"))
            waiting += [*headers, *(header.replace(".h", ".c") for header in headers)]
    return found
