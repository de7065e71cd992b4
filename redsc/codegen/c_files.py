"""The C side of the artefact: header, array and TFLM glue, rendered from templates."""

from __future__ import annotations

import jinja2

from redsc.codegen.describe import Firmware
from redsc.codegen.names import c_macro
from redsc.formats import SLOT_BYTES
from redsc.version import __version__

__all__ = ["render_c_files"]

_TEMPLATES = {"{}.h": "header.h.j2", "{}.c": "array.c.j2", "{}_tflm.h": "tflm.h.j2", "{}_manager.h": "manager.h.j2"}
_BYTES_PER_LINE = 16


def render_c_files(firmware: Firmware) -> dict[str, bytes]:
    """Return file names and contents: ASCII, LF, no date and no path."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("redsc.codegen"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    view = {
        "firmware": firmware,
        "symbol": firmware.symbol,
        "macro": c_macro(firmware.symbol),
        "version": __version__,
        "slot_bytes": SLOT_BYTES,
        "array": _hex_lines(firmware.model),
    }
    return {
        name.format(firmware.symbol): templates.get_template(template).render(view).encode("ascii")
        for name, template in _TEMPLATES.items()
    }


def _hex_lines(data: bytes) -> str:
    codes = [f"0x{byte:02x}" for byte in range(256)]
    lines = (data[start : start + _BYTES_PER_LINE] for start in range(0, len(data), _BYTES_PER_LINE))
    return ",\n".join("    " + ", ".join(codes[byte] for byte in line) for line in lines)
