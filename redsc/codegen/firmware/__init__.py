"""The C and C++ sources of redsc's kernels: what goes into a firmware as it is."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["KERNEL_BYTES", "kernel_files"]

KERNEL_BYTES = 2_722  # of code on a Cortex-M4, by arm-none-eabi-gcc 12.2 -Os; tests/firmware holds it to that
_ENDINGS = (".c", ".h")


def kernel_files() -> dict[str, bytes]:
    """Return the names and contents of the sources; one copy serves all models of a firmware."""
    found = (item for item in files(__name__).iterdir() if item.name.endswith(_ENDINGS))
    return {item.name: item.read_bytes() for item in sorted(found, key=lambda item: item.name)}
