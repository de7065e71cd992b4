"""The files of driver.c: layers in, results out; and damaged layers.

`layers.bin` is a count and as many layers, `results.bin` as many results. All words are 32-bit little-endian.

- layer: op (0 convolution, 1 dense), element type (0 float32, 1 int8), how many bytes x begins behind y in one
  block (0x7FFFFFFF: in blocks of their own), byte count and bytes of the options, then for x, weight, parameters
  and y: rank, dimensions, byte count and bytes (none for y).
- result: status (a redsc_status, 4 wrong element type, 5 too large to run), byte count and bytes of y.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from redsc.ir import DType
from tests.firmware.build import HERE, KERNELS, Toolchain, build, run
from tests.firmware.layers import Layer

__all__ = ["DRIVER", "OK", "Record", "Result", "damaged", "record_of", "run_layers"]

DRIVER = (HERE / "driver.c", *KERNELS)
OK = 0
_APART = 0x7FFFFFFF
_OPS = ("CONV_2D", "FULLY_CONNECTED")
_WILD = (0, 1, 2, -1, 3, 255, 0x7FFF, 0xFFFF, 0x10000, 1 << 28, (1 << 28) + 1, 0x7FFFFFFF, -0x80000000, 0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Record:
    """A layer as the driver reads it; `tensors` are (dimensions, bytes) of x, weight, parameters and y.

    With a `distance`, x begins so many bytes behind y, over which it may lie.
    """

    op: int
    element: int
    options: bytes
    tensors: tuple[tuple[tuple[int, ...], bytes], ...]
    distance: int = _APART

    def packed(self) -> bytes:
        """Return the layer's bytes."""
        parts = [struct.pack("<2IiI", self.op, self.element, self.distance, len(self.options)), self.options]
        for dims, data in self.tensors:
            parts += [struct.pack(f"<I{len(dims)}iI", len(dims), *map(_signed, dims), len(data)), data]
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Result:
    """What the driver wrote for one layer."""

    status: int
    data: bytes


def record_of(layer: Layer) -> Record:
    """Return a layer as the driver reads it."""
    tensors = tuple((array.shape, array.tobytes()) for array in layer.inputs())
    element = int(layer.dtype is DType.INT8)
    return Record(_OPS.index(layer.op), element, layer.options, (*tensors, (layer.y_shape, b"")))


def run_layers(folder: Path, records: Sequence[Record], toolchain: Toolchain, *flags: str) -> list[Result]:
    """Run layers on the host or the Cortex-M4 in a driver compiled with these flags."""
    program = build(toolchain, DRIVER, flags)
    packed = b"".join(record.packed() for record in records)
    (folder / "layers.bin").write_bytes(struct.pack("<I", len(records)) + packed)
    run(toolchain, program, folder)
    data, results, at = (folder / "results.bin").read_bytes(), [], 0
    while at < len(data):
        status, size = struct.unpack_from("<2I", data, at)
        results.append(Result(status, data[at + 8 : at + 8 + size]))
        at += 8 + size
    return results


def damaged(record: Record, random: np.random.Generator) -> Record:
    """Return the layer with one to three random faults."""
    for _ in range(random.integers(1, 4)):
        record = _FAULTS[random.integers(len(_FAULTS))](record, random)
    return record


def _byte(record: Record, random: np.random.Generator) -> Record:
    options = bytearray(record.options)
    options[random.integers(len(options))] ^= int(random.integers(1, 256))
    return replace(record, options=bytes(options))


def _field(record: Record, random: np.random.Generator) -> Record:
    """Overwrite a 32-bit word of the options, most often one of the runs."""
    options = bytearray(record.options)
    first = 36 if random.random() < 0.7 else 8
    at = int(random.choice(np.arange(first, max(len(options) - 3, first + 1), 4)))
    options[at : at + 4] = struct.pack("<i", _signed(_wild(random)))
    return replace(record, options=bytes(options[: len(record.options)]))


def _length(record: Record, random: np.random.Generator) -> Record:
    cut = int(random.integers(0, len(record.options) + 1))
    longer = record.options + record.options[-int(random.integers(1, 20)) :]
    return replace(record, options=longer if random.random() < 0.3 else record.options[:cut] or b"\1")


def _dimension(record: Record, random: np.random.Generator) -> Record:
    tensors = list(record.tensors)
    which = int(random.integers(len(tensors)))
    dims, data = tensors[which]
    axis = int(random.integers(len(dims))) if dims else 0
    value = dims[axis] + int(random.integers(-1, 2)) * int(random.integers(1, 3)) if dims else 1
    value = _signed(_wild(random)) if random.random() < 0.5 else value
    tensors[which] = ((*dims[:axis], value, *dims[axis + 1 :]), data)
    return replace(record, tensors=tuple(tensors))


def _rank(record: Record, random: np.random.Generator) -> Record:
    tensors = list(record.tensors)
    which = int(random.integers(len(tensors)))
    dims, data = tensors[which]
    tensors[which] = (dims[1:] if random.random() < 0.5 else (1, *dims), data)
    return replace(record, tensors=tuple(tensors))


def _parameter(record: Record, random: np.random.Generator) -> Record:
    """Overwrite a bias, a multiplier or a shift: no check looks at them, so the kernels must bear every value."""
    tensors = list(record.tensors)
    dims, data = tensors[2]
    at = 4 * int(random.integers(len(data) // 4))
    tensors[2] = (dims, data[:at] + struct.pack("<i", _signed(_wild(random))) + data[at + 4 :])
    return replace(record, tensors=tuple(tensors))


def _wild(random: np.random.Generator) -> int:
    return int(random.choice(np.array(_WILD, np.int64)))


def _signed(value: int) -> int:
    """Return the int32 with the same bits."""
    return (value + 0x80000000) % 0x100000000 - 0x80000000


_FAULTS: tuple[Callable[[Record, np.random.Generator], Record], ...] = (
    _byte,
    _field,
    _length,
    _dimension,
    _rank,
    _parameter,
)
