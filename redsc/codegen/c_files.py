"""The C side of the artefact: header, array and TFLM glue, rendered from templates."""

from __future__ import annotations

import hashlib

from redsc.choices import ArrayForm
from redsc.codegen.describe import Firmware
from redsc.codegen.render import render_files
from redsc.formats import SLOT_BYTES

__all__ = ["render_c_files"]

_TEMPLATES = {"{}.h": "header.h.j2", "{}.c": "array.c.j2", "{}_tflm.h": "tflm.h.j2", "{}_manager.h": "manager.h.j2"}
_BYTES_PER_LINE = 16


def render_c_files(firmware: Firmware, form: ArrayForm = ArrayForm.HEX) -> dict[str, bytes]:
    """Return file names and contents: ASCII, LF, no date and no path.

    With `ArrayForm.INCBIN` the array is not in the C file: the assembler reads NAME.tflite.
    """
    return render_files(
        _TEMPLATES,
        firmware.symbol,
        firmware=firmware,
        slot_bytes=SLOT_BYTES,
        array=_hex_lines(firmware.model) if form is ArrayForm.HEX else None,
        array_sha256=hashlib.sha256(firmware.model).hexdigest(),
    )


def _hex_lines(data: bytes) -> str:
    codes = [f"0x{byte:02x}" for byte in range(256)]
    lines = (data[start : start + _BYTES_PER_LINE] for start in range(0, len(data), _BYTES_PER_LINE))
    return ",\n".join("    " + ", ".join(codes[byte] for byte in line) for line in lines)
