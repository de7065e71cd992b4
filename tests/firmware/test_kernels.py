from __future__ import annotations

import subprocess
from dataclasses import replace
from functools import cache
from math import prod
from pathlib import Path

import numpy as np
import pytest

from redsc.choices import Kernels
from redsc.cost.buffer import ALIGNMENT_BYTES
from redsc.cost.flash import KERNEL_BYTES
from redsc.cost.overlap import overlap_distance
from redsc.ir import Activation, Array, DType, Padding
from tests.firmware.build import (
    CORTEX_M4,
    FIRMWARE,
    HOST,
    HOST_CPP,
    KERNELS,
    WARNINGS,
    Toolchain,
    build,
    tool,
)
from tests.firmware.layers import Layer, expected_output, layers, strided_graph
from tests.firmware.records import DRIVER, OK, Record, Result, damaged, record_of, run_layers

STRICT = (*WARNINGS, "-Wconversion", "-O2")
CORES = ("cortex-m0", "cortex-m3", "cortex-m4+nofp", "cortex-m7", "cortex-m33", "cortex-m33+nodsp", "cortex-m55")
SANITIZED = ("-std=c99", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@cache
def expected() -> tuple[Array, ...]:
    pytest.importorskip("tflite_micro", reason="the stock kernels are those of TFLM's interpreter")
    return tuple(expected_output(layer) for layer in layers())


def check_equal_to_stock(results: list[Result]) -> None:
    assert len(results) == len(layers())
    for number, (layer, result, wanted) in enumerate(zip(layers(), results, expected(), strict=True)):
        where = f"layer {number}: {layer.op} {layer.dtype}"
        assert result.status == OK, where
        found = np.frombuffer(result.data, layer.dtype.numpy).reshape(layer.y_shape)
        if layer.dtype is DType.INT8:
            np.testing.assert_array_equal(found, wanted, where)
        else:
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max(), err_msg=where)


def attributes(layer: Layer) -> tuple[object, ...]:
    attrs = layer.stock.nodes[0].attrs
    return (layer.op, attrs.activation, getattr(attrs, "padding", None))


def test_the_layers_are_of_every_kind() -> None:
    kinds = {attributes(layer) for layer in layers()}
    assert len(kinds) == len(Activation) * (len(Padding) + 1)
    convs = [layer for layer in layers() if layer.op == "CONV_2D" and layer.dtype is DType.INT8]
    assert {layer.weight.shape[1] for layer in convs} == {1, 2, 3, 4, 5}
    assert {layer.options[14] for layer in convs} == {1, 2, 3}  # dilation_w
    assert {len(layer.options) for layer in convs} == {40 + 16 * runs for runs in (1, 2, 3)}
    assert {layer.x.shape[3] % 4 for layer in convs} == {0, 1, 2, 3}
    pixels = [(prod(layer.y_shape[:3]), len(layer.options) // 16 - 2) for layer in convs]
    assert {(count > 2, runs) for count, runs in pixels} >= {
        (False, 1),
        (False, 2),
        (True, 1),
        (True, 2),
        (True, 3),
    }
    assert {count % 4 for count, _ in pixels if count > 2} == {0, 1, 2, 3}
    shifts = np.concatenate([layer.parameters[2] for layer in layers() if layer.dtype is DType.INT8])
    assert shifts.min() < -5
    assert shifts.max() > 0


@pytest.mark.parametrize(("toolchain", "standard"), [(HOST, "c99"), (HOST, "c11"), (HOST_CPP, "c++11")])
def test_the_host_computes_what_the_stock_kernels_do(tmp_path: Path, toolchain: Toolchain, standard: str) -> None:
    check_equal_to_stock(
        run_layers(tmp_path, list(map(record_of, layers())), toolchain, f"-std={standard}", *STRICT)
    )


def test_no_layer_makes_a_sanitizer_speak(tmp_path: Path) -> None:
    check_equal_to_stock(run_layers(tmp_path, list(map(record_of, layers())), HOST, *SANITIZED))


@pytest.mark.parametrize(
    "flags",
    [
        (),
        ("-Os", "-fno-schedule-insns", "-fomit-frame-pointer"),
        ("-O3", "-funroll-loops", "-flto", "-Wl,-u,_fini"),
        ("-O0",),
        ("-DREDSC_NO_DSP",),
    ],
    ids=["dsp", "Os", "O3", "O0", "portable"],
)
def test_a_cortex_m4_computes_the_same(tmp_path: Path, flags: tuple[str, ...]) -> None:
    check_equal_to_stock(
        run_layers(tmp_path, list(map(record_of, layers())), CORTEX_M4, "-std=c99", *STRICT, *flags)
    )


@pytest.mark.parametrize("core", CORES)
def test_every_core_compiles(tmp_path: Path, core: str) -> None:
    compiler = CORTEX_M4.find()
    for source in KERNELS:
        command = [compiler, f"-mcpu={core}", "-mthumb", "-std=c99", *STRICT, "-c", str(source)]
        subprocess.run([*command, "-o", str(tmp_path / "out.o")], check=True)


def overlapping(nearer: int = 0) -> list[Record]:
    """Return the layers with each result over its operand as far as plans let it lie, or nearer."""
    found = []
    for layer in layers():
        record, distance = record_of(layer), overlap_distance(strided_graph(layer).nodes[0], 0, Kernels.SAFE)
        found.append(record if distance is None else replace(record, distance=distance - nearer))
    return found


@pytest.mark.parametrize(
    ("toolchain", "flags"),
    [(HOST, ()), (CORTEX_M4, ()), (CORTEX_M4, ("-DREDSC_NO_DSP",))],
    ids=["host", "dsp", "portable"],
)
def test_results_may_lie_over_operands_as_plans_let_them(
    tmp_path: Path, toolchain: Toolchain, flags: tuple[str, ...]
) -> None:
    check_equal_to_stock(run_layers(tmp_path, overlapping(), toolchain, "-std=c99", *STRICT, *flags))


def test_results_that_lie_nearer_spoil_the_operands(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="layer"):
        check_equal_to_stock(run_layers(tmp_path, overlapping(ALIGNMENT_BYTES), HOST, "-std=c99", *STRICT))


@pytest.mark.parametrize(("flags", "has_dsp"), [((), True), (("-DREDSC_NO_DSP",), False)])
def test_the_macros_choose_the_instructions(flags: tuple[str, ...], has_dsp: bool) -> None:
    program = build(CORTEX_M4, DRIVER, ("-std=c99", *STRICT, *flags))
    command = [tool("arm-none-eabi-objdump"), "-d", str(program)]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ("smlad" in listing) is has_dsp


def mutations(count: int = 200) -> list[Record]:
    random = np.random.default_rng(7)
    return [damaged(record_of(layers()[random.integers(len(layers()))]), random) for _ in range(count)]


def test_damaged_layers_are_refused_or_stay_inside_their_tensors(tmp_path: Path) -> None:
    statuses = [result.status for result in run_layers(tmp_path, mutations(), HOST, *SANITIZED)]
    assert len(statuses) == 200
    assert {0, 1, 2} <= set(statuses)
    assert statuses.count(0) < 100


def test_pixels_beyond_the_image_add_nothing(tmp_path: Path) -> None:
    """No check knows how large an image must be: a result may have more pixels than windows fit into it."""
    convs = [(layer, wanted) for layer, wanted in zip(layers(), expected(), strict=True) if layer.op == "CONV_2D"]
    records: list[Record] = []
    for layer, _ in convs:
        record, (batch, height, width, channels) = record_of(layer), layer.y_shape
        more = ((batch, height + 3, width + 2, channels), b"")
        records.append(replace(record, tensors=(*record.tensors[:3], more)))
    for (layer, wanted), record, result in zip(
        convs, records, run_layers(tmp_path, records, HOST, *SANITIZED), strict=True
    ):
        found = np.frombuffer(result.data, layer.dtype.numpy).reshape(record.tensors[3][0])
        if layer.dtype is DType.INT8:
            np.testing.assert_array_equal(found[:, :-3, :-2], wanted)


def test_no_number_in_the_parameters_makes_a_sanitizer_speak(tmp_path: Path) -> None:
    """No check looks at them."""
    wild = np.array([-(2**31), 2**31 - 1, 2**30, 0, -1, 1, -21, -31, -32, 31, 32], np.int32)
    records: list[Record] = []
    for layer in (layer for layer in layers() if layer.dtype is DType.INT8):
        columns = np.array(
            [np.roll(wild, row * len(records))[np.arange(layer.y_shape[-1]) % len(wild)] for row in range(3)]
        )
        records.append(record_of(replace(layer, parameters=columns)))
    assert {result.status for result in run_layers(tmp_path, records, HOST, *SANITIZED)} == {OK}


def test_without_the_checks_the_sanitizers_speak(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"Sanitizer|runtime error"):
        run_layers(tmp_path, mutations(), HOST, *SANITIZED, "-DUNCHECKED")


def test_the_sources_are_plain() -> None:
    for path in FIRMWARE.glob("*.[ch]"):
        data = path.read_bytes()
        assert data.isascii(), path.name
        assert b"\r" not in data, path.name
        assert b"carries no licence obligation" in data, path.name
        assert b"malloc" not in data, path.name


def test_the_kernels_take_as_much_code_as_reports_say(tmp_path: Path) -> None:
    compiler, size = CORTEX_M4.find(), tool("arm-none-eabi-size")
    for source in KERNELS:
        command = [compiler, *CORTEX_M4.flags, "-Os", "-c", str(source), "-o", str(tmp_path / f"{source.stem}.o")]
        subprocess.run(command, check=True)
    objects = sorted(map(str, tmp_path.glob("*.o")))
    table = subprocess.run([size, "-t", *objects], capture_output=True, text=True, check=True).stdout
    assert int(table.splitlines()[-1].split()[0]) == pytest.approx(
        KERNEL_BYTES, rel=0.1
    )  # another compiler, other code
