"""The C and C++ sources of redsc's kernels: what goes into a firmware as it is."""

from __future__ import annotations

from redsc.engine.sources import needed_files

__all__ = ["TFLM_SOURCES", "tflm_files"]

TFLM_SOURCES = (
    "redsc_arithmetic.c",
    "redsc_conv_2d.c",
    "redsc_conv_panel.c",
    "redsc_conv_rows.c",
    "redsc_conv_rows_sizes.c",
    "redsc_conv_rows_tiles.c",
    "redsc_fully_connected.c",
    "redsc_options.c",
)


def tflm_files() -> dict[str, bytes]:
    """Return names and contents of the kernels that TFLM registers; one copy serves all models of a firmware."""
    return needed_files((*TFLM_SOURCES, "redsc_tflm.h"))
