"""The sources of CMSIS-NN that the package bakenn carries; nothing of them is part of this project."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from .machine import MissingTool

__all__ = ["PACKAGE", "Library", "find_cmsis_nn"]

PACKAGE = "bakenn==1.0.0"  # CMSIS-NN 4.0.0, Apache-2.0
_SHA256 = "ca2fabff9d016f31d60d4dc27610d429ebe4a5865427280b05084504f89417ea"
_VENDOR = "backend/cmsis_nn/vendor"
_SOURCES = ("ConvolutionFunctions", "FullyConnectedFunctions", "NNSupportFunctions")
_OWN = "bakenn_cmsis_memory.c"  # of the package, not of CMSIS-NN


@dataclass(frozen=True, slots=True)
class Library:
    """Files to compile, and flags to find their headers."""

    sources: tuple[Path, ...]
    flags: tuple[str, ...]


def find_cmsis_nn() -> Library:
    """Return CMSIS-NN's convolutions and dense layers.

    Raises:
        MissingTool: the package is not installed, or its sources are not those that the figures are of.
    """
    spec = importlib.util.find_spec("bakenn")
    if spec is None or spec.origin is None:
        raise MissingTool(f"{PACKAGE} is not installed: it carries the sources of CMSIS-NN")
    vendor = Path(spec.origin).parent / _VENDOR
    folders = [vendor / "cmsis_nn" / "Source" / name for name in _SOURCES]
    sources = tuple(path for folder in folders for path in sorted(folder.glob("*.c")) if path.name != _OWN)
    includes = [vendor / "cmsis_nn" / "Include", vendor / "cmsis_core" / "Include"]
    headers = [path for folder in includes for path in sorted(folder.glob("*.h"))]
    found = _sha256(vendor, [*sources, *headers])
    if found != _SHA256:
        raise MissingTool(f"the sources of CMSIS-NN are not those of {PACKAGE}: their SHA-256 is {found}")
    return Library(sources, tuple(f"-I{folder}" for folder in includes))


def _sha256(folder: Path, files: list[Path]) -> str:
    """Return the digest of a line per file, in the form that sha256sum prints."""
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}" for path in files
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
