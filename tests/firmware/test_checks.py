"""What redsc_read_options and the checks of the shapes refuse, one fault at a time."""

from __future__ import annotations

import struct
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from redsc.ir import DType
from tests.firmware.build import HOST
from tests.firmware.layers import conv_layer, dense_layer, layers
from tests.firmware.records import OK, Record, record_of, run_layers

BAD_OPTIONS, BAD_SHAPES, TOO_LARGE = 1, 2, 5
X, WEIGHT, PARAMETERS, Y = range(4)
NAN = struct.pack("<f", np.nan)


def layer(op: str, dtype: DType = DType.INT8) -> Record:
    """Return a layer with one run and more than one output."""
    make = conv_layer if op == "CONV_2D" else dense_layer
    found = (make(dtype, seed) for seed in range(100))
    return record_of(next(item for item in found if len(item.options) == 56 and min(item.y_shape[-1:]) > 2))


def statuses(folder: Path, *records: Record) -> list[int]:
    return [result.status for result in run_layers(folder, records, HOST, "-std=c99")]


def with_bytes(record: Record, at: int, data: bytes) -> Record:
    return replace(record, options=record.options[:at] + data + record.options[at + len(data) :])


def with_run(record: Record, *run: int) -> Record:
    return with_bytes(record, 40, struct.pack("<4I", *run))


def with_dim(record: Record, which: int, axis: int, value: int) -> Record:
    tensors = list(record.tensors)
    dims, data = tensors[which]
    changed = list(dims)
    changed[axis] = value
    tensors[which] = (tuple(changed), data)
    return replace(record, tensors=tuple(tensors))


BYTES = {
    "version 0": (0, b"\0"),
    "version 2": (0, b"\2"),
    "element type": (1, b"\2"),
    "padding": (2, b"\2"),
    "activation": (3, b"\4"),
    "flags": (4, b"\4"),
    "reserved byte": (5, b"\1"),
    "reserved bytes": (7, b"\1"),
    "stride_h": (8, b"\0\0"),
    "stride_w": (10, b"\0\0"),
    "dilation_h": (12, b"\0\0"),
    "dilation_w": (14, b"\0\0"),
    "input zero point": (20, struct.pack("<i", 128)),
    "output zero point": (24, struct.pack("<i", -129)),
    "clamp too low": (28, struct.pack("<i", -129)),
    "clamp too high": (32, struct.pack("<i", 128)),
    "clamp reversed": (28, struct.pack("<2i", 3, 2)),
    "no run": (36, struct.pack("<I", 0)),
    "more runs than bytes": (36, struct.pack("<I", 2)),
    "runs whose bytes overflow": (36, struct.pack("<I", 1 + (1 << 28))),
}
RUNS = {
    "no length": (0, 0, 1, 1),
    "no count": (0, 1, 0, 1),
    "overlap": (0, 4, 2, 3),
    "overlap that multiplies to nothing": (0, 1 << 16, 1 << 16, 0),
    "start beyond every row": (1 << 28, 1, 1, 1),
    "end that overflows": (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
}


@pytest.mark.parametrize("op", ["CONV_2D", "FULLY_CONNECTED"])
def test_every_illegal_byte_of_the_options_is_refused(tmp_path: Path, op: str) -> None:
    good = layer(op)
    faults = [with_bytes(good, at, data) for at, data in BYTES.values()]
    faults += [with_run(good, *run) for run in RUNS.values()]
    faults += [replace(good, options=good.options[:size]) for size in (0, 1, 39, 40, 55)]
    faults += [replace(good, options=good.options + extra) for extra in (b"\0", bytes(16))]
    found = dict(zip([*BYTES, *RUNS, *range(7)], statuses(tmp_path, *faults), strict=True))
    assert found == dict.fromkeys(found, BAD_OPTIONS)


def test_float_options_have_no_zero_point_and_an_ordered_clamp(tmp_path: Path) -> None:
    good = layer("CONV_2D", DType.FLOAT32)
    clamp = struct.pack("<2f", 1, -1)
    faults = [(20, b"\1"), (24, b"\1"), (28, NAN), (32, NAN), (28, clamp)]
    found = statuses(tmp_path, good, *(with_bytes(good, at, data) for at, data in faults))
    assert found == [OK] + [BAD_OPTIONS] * len(faults)


def test_options_of_another_op_are_refused(tmp_path: Path) -> None:
    conv, dense = layer("CONV_2D"), layer("FULLY_CONNECTED")
    faults = [with_bytes(dense, at, b"\2\0") for at in range(8, 20, 2)]
    faults.append(with_bytes(conv, 4, b"\2"))  # keep_num_dims
    assert statuses(tmp_path, *faults) == [BAD_OPTIONS] * 7


@pytest.mark.parametrize("op", ["CONV_2D", "FULLY_CONNECTED"])
def test_each_dimension_must_fit_the_others(tmp_path: Path, op: str) -> None:
    good = layer(op)
    faults = []
    for which, (dims, _) in enumerate(good.tensors):
        # The height and width of images are free: taps outside the image add nothing.
        free = (1, 2) if op == "CONV_2D" and which != PARAMETERS else ()
        for axis, size in enumerate(dims):
            values = [0, -1, 1 << 29]
            if axis not in free and (which, axis) != (WEIGHT, len(dims) - 1):
                values += [size + 1, size - 1]
            faults += [with_dim(good, which, axis, value) for value in values]
    faults.append(with_dim(good, WEIGHT, -1, struct.unpack_from("<I", good.options, 44)[0] - 1))
    assert statuses(tmp_path, *faults) == [BAD_SHAPES] * len(faults)


def test_shapes_of_another_rank_are_refused(tmp_path: Path) -> None:
    good = layer("CONV_2D")
    faults = []
    for which, (dims, data) in enumerate(good.tensors):
        for changed in ((1, *dims), dims[1:], ()):
            tensors = list(good.tensors)
            tensors[which] = (changed, data)
            faults.append(replace(good, tensors=tuple(tensors)))
    assert statuses(tmp_path, *faults) == [BAD_SHAPES] * len(faults)


def test_positions_that_no_int_holds_are_refused(tmp_path: Path) -> None:
    good = with_bytes(layer("CONV_2D"), 8, b"\xff\xff")
    assert statuses(tmp_path, with_dim(good, Y, 1, 4097)) == [BAD_SHAPES]


def test_sizes_beyond_those_of_the_kernels_are_refused(tmp_path: Path) -> None:
    conv, dense = layer("CONV_2D"), layer("FULLY_CONNECTED")
    taken = with_dim(conv, X, 1, 0x7FFF)
    long = with_run(with_dim(with_dim(dense, X, 1, 0x8000), WEIGHT, 1, 0x8000), 0, 0x8000, 1, 0x8000)
    faults = [with_dim(conv, X, 1, 0x8000), with_bytes(conv, 16, b"\0\x80"), with_bytes(conv, 12, b"\0\x80"), long]
    assert statuses(tmp_path, taken, *faults) == [OK] + [BAD_SHAPES] * len(faults)


def test_a_scratch_that_no_arena_holds_is_refused(tmp_path: Path) -> None:
    conv = with_dim(layer("CONV_2D"), Y, 1, 4)
    for which, axis in ((WEIGHT, 0), (PARAMETERS, 1), (Y, 3)):
        conv = with_dim(conv, which, axis, 1)
    side = int(sqrt((1 << 28) // conv.tensors[WEIGHT][0][3]))
    larger, smaller = (with_dim(with_dim(conv, WEIGHT, 1, size), WEIGHT, 2, size) for size in (side, side // 4))
    assert statuses(tmp_path, larger, smaller) == [BAD_SHAPES, TOO_LARGE]


def test_every_layer_is_taken(tmp_path: Path) -> None:
    assert set(statuses(tmp_path, *map(record_of, layers()))) == {OK}
