"""The Arduino library: where each file goes, the properties of the library, and a complete sketch.

The folder is that of the Arduino library specification, revision 2.2
(arduino.github.io/arduino-cli/latest/library-specification).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from redsc.choices import Emit
from redsc.codegen.describe import Firmware
from redsc.codegen.render import render_files
from redsc.ir import DType

__all__ = ["arduino_files", "arranged"]

_FOLDERS: Mapping[Emit, Mapping[str, str]] = {  # by the end of a file's name, below the output folder
    Emit.FILES: {},
    Emit.ARDUINO: {
        ".properties": "{0}",
        ".ino": "{0}/examples/{0}",
        ".h": "{0}/src",
        ".c": "{0}/src",
        ".tflite": "{0}/src",  # the assembler looks for it there
        ".json": "{0}/extras",
    },
}
_SKETCHES = {False: "arduino.ino.j2", True: "arduino_engine.ino.j2"}  # by whether the C engine runs the levels
_RANGES = {DType.INT8: (-128, 127), DType.UINT8: (0, 255), DType.INT16: (-32768, 32767)}


def arranged(files: Mapping[str, bytes], symbol: str, emit: Emit) -> dict[str, bytes]:
    """Return files by the paths at which they are written, below the output folder."""
    folders = _FOLDERS[emit]
    return {
        _placed(name, folders.get(PurePosixPath(name).suffix, ""), symbol): data for name, data in files.items()
    }


def _placed(name: str, folder: str, symbol: str) -> str:
    return str(PurePosixPath(folder.format(symbol)) / name)


def arduino_files(firmware: Firmware) -> dict[str, bytes]:
    """Return what an Arduino library has besides the files of every compile: its properties and the sketch."""
    templates = {
        "library.properties": "arduino.properties.j2",
        "{}.ino": _SKETCHES[firmware.budgets.kernels.are_ours],
    }
    ranges = {
        port.prefix: _RANGES[port.value.type.dtype]
        for port in firmware.ports
        if port.scale and port.value.type.dtype in _RANGES
    }
    return render_files(templates, firmware.symbol, firmware=firmware, ranges=ranges)
