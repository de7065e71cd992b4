from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from redsc.engine.linear.pack_conv import fits_sums, pack_rows
from tests.firmware.build import (
    CORTEX_M4,
    HOST,
    HOST_CPP,
    RISC_V,
    WARNINGS,
    Toolchain,
)
from tests.firmware.engine.conv_cases import CONV, cases, expected, run_cases
from tests.firmware.engine.conv_reads import distance_of

STRICT = (*WARNINGS, "-Wconversion")
SANITIZED = ("-std=c99", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# All run on the Cortex-M4 of the emulator: none uses an instruction that it lacks.
SOFT_M4 = replace(CORTEX_M4, flags=("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft"))
CORTEX_M0 = replace(CORTEX_M4, flags=("-mcpu=cortex-m0", "-mthumb", "-mfloat-abi=soft"))
CORES = ("cortex-m0", "cortex-m4+nofp", "cortex-m7", "cortex-m33", "cortex-m33+nodsp", "cortex-m55")


def check(results: Sequence[bytes]) -> None:
    assert len(results) == len(cases())
    for number, (case, result, wanted) in enumerate(zip(cases(), results, expected(), strict=True)):
        assert result == wanted, f"case {number}: {case.params}"


def kinds(*fields: str, is_blocked: bool | None = None) -> set[tuple[int, ...]]:
    chosen = [p for p in (case.params for case in cases()) if is_blocked in (None, p["block_channels"] > 0)]
    return {tuple(p[field] for field in fields) for p in chosen}


def test_the_cases_are_of_every_kind() -> None:
    assert len(kinds("form", "rescale", "pixels")) == 2 * 2 * 3
    assert len(kinds("form", "taps_apart", "pixels")) == 2 * 2 * 3
    assert len(kinds("form", "rescale", "pixels", is_blocked=True)) == 2 * 2 * 3
    rests = {channels % block for channels, block in kinds("output_channels", "block_channels", is_blocked=True)}
    assert rests >= {0, 1, 2, 3}
    assert {case.params["output_channels"] % 2 for case in cases()} == {0, 1}
    assert {case.params["segment_bytes"] // 8 % 4 for case in cases() if case.params["segments"] > 1} == {
        0,
        1,
        2,
        3,
    }
    assert {case.params["segment_bytes"] // 8 for case in cases()} >= {1, 2, 3, 4, 5}
    assert {case.params["segments"] > 1 for case in cases() if case.params["pixels"] == 0} == {False, True}
    pixels = {p["batches"] * p["output_height"] * p["output_width"] for p in (case.params for case in cases())}
    assert {count % 4 for count in pixels} == {0, 1, 2, 3}
    assert {(p["minimum"] > -128, p["maximum"] < 127) for p in (case.params for case in cases())} == {
        (False, False),
        (False, True),
        (True, False),
        (True, True),
    }
    full = {p["output_zero_point"] for p in (case.params for case in cases()) if p["rescale"] == 1}
    assert -128 in full
    assert len(full) > 1


@pytest.mark.parametrize(
    ("toolchain", "flags"),
    [
        (HOST, SANITIZED),
        (HOST, ("-std=c99", "-O3", *STRICT)),
        (HOST_CPP, ("-std=c++11", "-O2", *STRICT)),
    ],
    ids=["sanitized", "c99", "c++11"],
)
def test_the_host_computes_what_the_stock_kernels_do(
    tmp_path: Path, toolchain: Toolchain, flags: tuple[str, ...]
) -> None:
    check(run_cases(tmp_path, toolchain, flags))


@pytest.mark.parametrize(
    ("toolchain", "flags"),
    [
        (CORTEX_M4, ("-O2",)),
        (CORTEX_M4, ("-Os", "-fno-schedule-insns", "-fomit-frame-pointer")),
        (CORTEX_M4, ("-O3", "-funroll-loops", "-flto", "-Wl,-u,_fini")),
        (CORTEX_M4, ("-O0",)),
        (SOFT_M4, ("-O2",)),
        (CORTEX_M4, ("-O2", "-DREDSC_NO_DSP")),
        (CORTEX_M0, ("-Os",)),
        (RISC_V, ("-O2",)),
        (RISC_V, ("-Os",)),
    ],
    ids=["O2", "Os", "O3", "O0", "soft", "portable", "m0", "rv32imac", "rv32imac-Os"],
)
def test_another_core_computes_the_same(tmp_path: Path, toolchain: Toolchain, flags: tuple[str, ...]) -> None:
    check(run_cases(tmp_path, toolchain, ("-std=c99", *STRICT, *flags)))


MACHINES = pytest.mark.parametrize(
    ("toolchain", "flags"),
    [
        (HOST, ()),
        (CORTEX_M4, ()),
        (CORTEX_M4, ("-DREDSC_NO_DSP",)),
    ],
    ids=["host", "dsp", "portable"],
)


@MACHINES
def test_results_may_lie_over_operands(tmp_path: Path, toolchain: Toolchain, flags: tuple[str, ...]) -> None:
    distances = [distance_of(case) for case in cases()]
    check(run_cases(tmp_path, toolchain, ("-std=c99", "-O2", *flags), distances))


@MACHINES
def test_results_that_lie_nearer_spoil_the_operands(
    tmp_path: Path, toolchain: Toolchain, flags: tuple[str, ...]
) -> None:
    distances = [distance_of(case) - 1 for case in cases()]
    results = run_cases(tmp_path, toolchain, ("-std=c99", "-O2", *flags), distances)
    pairs = [(case, a != b) for case, a, b in zip(cases(), results, expected(), strict=True)]
    for pixels in (0, 1, 4):
        assert sum(differs for case, differs in pairs if case.params["pixels"] == pixels) > 20


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("flags", [("-Os",), ("-O3", "-fno-schedule-insns", "-fno-inline")])
def test_every_core_compiles(tmp_path: Path, core: str, flags: tuple[str, ...]) -> None:
    compiler = CORTEX_M4.find()
    for source in CONV:
        command = [compiler, f"-mcpu={core}", "-mthumb", "-std=c99", *STRICT, *flags, "-c", str(source)]
        subprocess.run([*command, "-o", str(tmp_path / "out.o")], check=True)


def test_rows_fit_as_sums_up_to_the_bound() -> None:
    weight = np.zeros((2, 1 + 32896 // 127), np.int8)
    weight[1] = 127
    weight[1, -1] = 32896 - 127 * (32896 // 127)
    assert 255 * int(weight[1].astype(int).sum()) < 2**23
    assert fits_sums(weight)
    assert fits_sums(weight[::-1])
    weight[1, -1] += 1
    assert not fits_sums(weight)
    assert fits_sums(weight, reach=254)
    assert fits_sums(weight[::-1])  # an even row has no bound


def test_a_halfword_holds_no_less_than_minus_32768() -> None:
    weight = np.array([[[-1]], [[-128]]], np.int8)
    assert not fits_sums(weight)
    with pytest.raises(ValueError, match="-128"):
        pack_rows(weight, is_sums=True)
    assert pack_rows(weight, is_sums=False) == bytes([255, 128, 0, 0, 0, 0, 0, 0])
    assert fits_sums(-weight)


def test_packed_rows_are_groups_of_four() -> None:
    weight = np.arange(1, 16, dtype=np.int8).reshape(3, 1, 5)
    assert pack_rows(weight, is_sums=False) == bytes(
        [1, 6, 3, 8, 2, 7, 4, 9, 5, 10, 0, 0, 0, 0, 0, 0, 11, 0, 13, 0, 12, 0, 14, 0, 15, 0, 0, 0, 0, 0, 0, 0]
    )
    assert pack_rows(weight, is_sums=True) == pack_rows(weight, is_sums=False)
    assert pack_rows(-weight, is_sums=True)[:2] == (-6 * 256 - 1).to_bytes(2, "little", signed=True)
