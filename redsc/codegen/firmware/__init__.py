"""The C and C++ sources of redsc's kernels: what goes into a firmware as it is."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["kernel_files"]

_ENDINGS = (".c", ".h")


def kernel_files() -> dict[str, bytes]:
    """Return the names and contents of the sources; one copy serves all models of a firmware."""
    found = (item for item in files(__name__).iterdir() if item.name.endswith(_ENDINGS))
    return {item.name: item.read_bytes() for item in sorted(found, key=lambda item: item.name)}
