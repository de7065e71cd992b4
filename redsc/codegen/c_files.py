"""The C side of the artefact: header, array and TFLM glue, rendered from templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import numpy as np

from redsc.codegen.names import c_macro
from redsc.cost.memory import NetworkMemory
from redsc.formats import SLOT_BYTES
from redsc.formats.model import Port
from redsc.ir import DType, Shape, Value
from redsc.runtime.quality import Quality

__all__ = ["Firmware", "FirmwareLevel", "FirmwarePort", "firmware_port", "render_c_files"]

_C_TYPES = {DType.FLOAT32: "float", DType.INT8: "int8_t", DType.INT32: "int32_t", DType.INT16: "int16_t"}
_BYTES_PER_LINE = 16


@dataclass(frozen=True, slots=True)
class FirmwareLevel:
    """A row of the level table."""

    name: str
    slot: int
    macs: int
    memory: NetworkMemory
    measured: Quality | None

    @property
    def suffix(self) -> str:
        """The name as part of a macro."""
        return self.name.replace(".", "_")

    @property
    def slot_offset(self) -> int:
        """Where the level's model starts in the array."""
        return SLOT_BYTES * self.slot

    @property
    def arena_bytes(self) -> int:
        """The arena of this level alone."""
        return self.memory.total_bytes + self.memory.temporary_bytes

    @property
    def quality(self) -> str:
        """The measured fraction as a C literal, negative where nothing was measured."""
        return _float_literal(-1.0 if self.measured is None else self.measured.value)

    @property
    def quality_text(self) -> str:
        """The measured fraction in words."""
        if self.measured is None:
            return "unmeasured"
        return f"{self.measured.metric} {self.measured.value:.4f} on {self.measured.samples} samples"


@dataclass(frozen=True, slots=True)
class FirmwarePort:
    """A graph input or output as the header shows it."""

    role: str
    index: int
    prefix: str
    label: str
    comment: str
    c_type: str
    shape: Shape
    nbytes: int
    elements: int
    scale: str | None
    zero_point: int


@dataclass(frozen=True, slots=True)
class Firmware:
    """Everything the templates show. `symbol` is the prefix of each C name."""

    symbol: str
    version: str
    sha256: str
    model: bytes
    levels: tuple[FirmwareLevel, ...]
    ports: tuple[FirmwarePort, ...]
    ops: tuple[str, ...]
    resident: str
    arena_bytes: int
    resident_all_bytes: int
    resident_one_bytes: int


def firmware_port(symbol: str, role: str, index: int, value: Value, port: Port) -> FirmwarePort:
    """Return the header's view of one port; `role` is `input` or `output`."""
    quant = value.type.quant if value.type.dtype is DType.INT8 else None
    layout = (
        f"{port.layout} in place of the file's {list(port.source_shape)}"
        if port.layout == "NHWC"
        else "as in the file"
    )
    return FirmwarePort(
        role=role,
        index=index,
        prefix=f"{c_macro(symbol)}_{role.upper()}{index}",
        label=_comment_safe(value.name),
        comment=f"{value.type.dtype.value}{list(value.type.shape)}, {layout}",
        c_type=_C_TYPES[value.type.dtype],
        shape=value.type.shape,
        nbytes=value.type.nbytes,
        elements=value.type.elements,
        scale=None if quant is None else _float_literal(quant.scale),
        zero_point=0 if quant is None else quant.zero_point,
    )


def render_c_files(firmware: Firmware) -> dict[str, bytes]:
    """Return file names and contents: ASCII, LF, no date and no path."""
    templates = _environment()
    view = {field: getattr(firmware, field) for field in firmware.__slots__}
    view |= {
        "name": firmware.symbol,
        "macro": c_macro(firmware.symbol),
        "slot_bytes": SLOT_BYTES,
        "model_bytes": len(firmware.model),
    }
    array = _hex_lines(firmware.model)
    return {
        f"{firmware.symbol}.h": _render(templates, "header.h.j2", view),
        f"{firmware.symbol}.c": _render(templates, "array.c.j2", {**view, "array": array}),
        f"{firmware.symbol}_tflm.h": _render(templates, "tflm.h.j2", view),
    }


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("redsc.codegen"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _render(templates: jinja2.Environment, template: str, view: dict[str, Any]) -> bytes:
    text: str = templates.get_template(template).render(view)
    return text.encode("ascii")


def _hex_lines(data: bytes) -> str:
    codes = [f"0x{byte:02x}" for byte in range(256)]
    lines: Sequence[bytes] = [data[i : i + _BYTES_PER_LINE] for i in range(0, len(data), _BYTES_PER_LINE)]
    return ",\n".join("    " + ", ".join(codes[byte] for byte in line) for line in lines)


def _float_literal(number: float) -> str:
    """Return a C literal that gives the same float32 back."""
    text = f"{np.float32(number):.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def _comment_safe(name: str) -> str:
    """Return a name that cannot end a comment, with ASCII only."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_./-:;") else "_" for c in name).replace("*/", "__")[
        :80
    ]
