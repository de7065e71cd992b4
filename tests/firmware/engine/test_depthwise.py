from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from redsc.choices import Kernels
from redsc.cost.buffer import ALIGNMENT_BYTES
from redsc.cost.engine.depthwise import DepthwiseWay, all_ways, depthwise_way
from redsc.cost.overlap import overlap_distance
from redsc.engine.linear.pack_channels import are_shifts_right
from redsc.ir import Activation, Array, DepthwiseConv2D, Padding
from tests.firmware.build import CORTEX_M4, HOST, HOST_CPP, RISC_V, WARNINGS, Toolchain
from tests.firmware.engine.depthwise import APART, SOURCES, Layer, Shape, expected_output, make_layer, run_layers

STRICT = (*WARNINGS, "-Wconversion")
SANITIZED = ("-std=c99", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
ACTIVATIONS = tuple(Activation)
PLANAR, DIRECT = 100, 70


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A layer, how it is computed, and where x begins behind y."""

    layer: Layer
    way: DepthwiseWay
    distance: int = APART

    def packed(self, nearer: int = 0) -> bytes:
        return self.layer.packed(self.way, self.distance if self.distance == APART else self.distance - nearer)


def random_shape(seed: int, is_planar: bool) -> Shape:
    """Return a layer of any size, kernel, step, multiplier and clamp that the kernel takes."""
    random = np.random.default_rng(seed)

    def whole(low: int, high: int) -> int:
        return int(random.integers(low, high + 1))

    stride, padding = whole(1, 2), (Padding.SAME, Padding.VALID)[whole(0, 1)]
    kernel = (3, 3) if is_planar else (whole(1, 5), whole(1, 5))
    strides = (stride, stride) if is_planar else (whole(1, 3), whole(1, 3))
    dilations = (1, 1) if is_planar else (whole(1, 3), whole(1, 3))
    multiplier = 1 if is_planar or seed % 2 else whole(1, 8)
    attrs = DepthwiseConv2D(padding, *strides, *dilations, multiplier, ACTIVATIONS[seed % 4])
    # With SAME the image may be smaller than the kernel: some taps then never meet it.
    least = [
        (size - 1) * step + 1 if padding is Padding.VALID else 1
        for size, step in zip(kernel, dilations, strict=True)
    ]
    image = (whole(1, 2), least[0] + whole(0, 9), least[1] + whole(0, 9), whole(1, 11))
    return Shape(
        image,
        kernel,
        attrs,
        spare=whole(0, 5),
        # Some layers saturate, some shift left.
        gain=float(random.uniform(0.2, 2.0)) * (1, 1, 1, 40, 3000)[whole(0, 4)],
        is_tied=whole(0, 1) == 1,
        points=(whole(-128, 127), -128 if seed % 3 else whole(-128, 127)),
        scale=float(random.uniform(0.01, 0.2)),
    )


@cache
def cases() -> tuple[Case, ...]:
    """Return the layers that every machine runs, each planar one in place or apart."""
    random, found = np.random.default_rng(5), []
    for seed in range(PLANAR):
        layer = make_layer(random_shape(seed, is_planar=True), seed)
        ways = all_ways(layer.node)
        found += [Case(layer, ways[random.integers(len(ways))], (0, APART)[seed % 4 == 0]) for _ in range(2)]
    for seed in range(PLANAR, PLANAR + DIRECT):
        layer = make_layer(random_shape(seed, is_planar=False), seed)
        distance = overlap_distance(layer.node, 0, Kernels.REFERENCE)
        assert distance is not None
        found.append(Case(layer, DepthwiseWay(is_planar=False), (distance, APART)[seed % 4 == 0]))
    return tuple(found)


@cache
def expected() -> tuple[Array, ...]:
    pytest.importorskip("tflite_micro", reason="the stock kernels are those of TFLM's interpreter")
    return tuple(expected_output(case.layer) for case in cases())


def wrong(tmp_path: Path, toolchain: Toolchain, *flags: str, nearer: int = 0) -> list[int]:
    """Return the numbers of the cases that differ from the stock kernels."""
    results = run_layers(tmp_path, [case.packed(nearer) for case in cases()], toolchain, *flags)
    assert len(results) == len(cases())
    pairs = enumerate(zip(results, expected(), strict=True))
    return [number for number, (result, wanted) in pairs if result != wanted.tobytes()]


def test_the_layers_are_of_every_kind() -> None:
    planar = [case for case in cases() if case.way.is_planar]
    kinds = {
        (case.layer.node.attrs.stride_h, case.layer.node.attrs.padding, case.way.is_swapped) for case in planar
    }
    assert len(kinds) == 8
    assert {case.layer.x.shape[3] % 4 for case in planar} == {0, 1, 2, 3}
    assert {case.layer.clamp == (-128, 127) for case in planar} == {True, False}
    assert len({case.way.strip_rows for case in planar}) > 5
    direct = [case.layer.node.attrs for case in cases() if not case.way.is_planar]
    assert {attrs.depth_multiplier for attrs in direct} >= {1, 2, 3, 4, 8}
    assert {attrs.dilation_w for attrs in direct} == {1, 2, 3}
    for group in (
        (case.layer for case in cases() if case.way.is_planar),
        (case.layer for case in cases() if not case.way.is_planar),
    ):
        rights = [are_shifts_right(layer.bias, layer.multipliers, layer.shifts, 9) for layer in group]
        assert set(rights) == {True, False}


@pytest.mark.parametrize(("toolchain", "standard"), [(HOST, "c99"), (HOST_CPP, "c++11")])
def test_the_host_computes_what_the_stock_kernels_do(tmp_path: Path, toolchain: Toolchain, standard: str) -> None:
    assert wrong(tmp_path, toolchain, f"-std={standard}", *STRICT, "-O2") == []


def test_no_layer_makes_a_sanitizer_speak(tmp_path: Path) -> None:
    assert wrong(tmp_path, HOST, *SANITIZED) == []


@pytest.mark.parametrize(
    "flags",
    [
        ("-O2",),
        ("-O2", "-DREDSC_NO_DSP"),
        ("-Os",),
        ("-O3",),
        ("-O2", "-fno-schedule-insns"),
        ("-O0",),
        ("-O2", "-flto", "-Wl,-u,_fini"),
    ],
    ids=" ".join,
)
def test_a_cortex_m4_computes_the_same(tmp_path: Path, flags: tuple[str, ...]) -> None:
    assert wrong(tmp_path, CORTEX_M4, "-std=c99", *STRICT, *flags) == []


@pytest.mark.parametrize("level", ["-O2", "-Os"])
def test_risc_v_computes_the_same(tmp_path: Path, level: str) -> None:
    assert wrong(tmp_path, RISC_V, "-std=c99", *STRICT, level) == []


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4"])
def test_code_for_cores_without_an_fpu_computes_the_same(tmp_path: Path, core: str) -> None:
    """The emulated M4 runs the code of all three."""
    toolchain = replace(CORTEX_M4, flags=(f"-mcpu={core}", "-mthumb", "-ffunction-sections"))
    assert wrong(tmp_path, toolchain, "-std=c99", *STRICT, "-O2") == []


@pytest.mark.parametrize(("toolchain", "flags"), [(HOST, SANITIZED), (CORTEX_M4, ("-O2",))], ids=["host", "dsp"])
def test_no_byte_behind_tiny_images_is_read(tmp_path: Path, toolchain: Toolchain, flags: tuple[str, ...]) -> None:
    """Words of four channels reach over several pixels of an image with one."""
    sizes = product((1, 2, 3), (1, 2, 3), (1, 2, 3, 5), (1, 2))
    made = [
        make_layer(Shape((1, height, width, channels), attrs=DepthwiseConv2D(stride_h=stride, stride_w=stride)), 1)
        for height, width, channels, stride in sizes
    ]
    layers = [(layer, way) for layer in made for way in (*all_ways(layer.node), DepthwiseWay(is_planar=False))]
    wanted = {id(layer): expected_output(layer).tobytes() for layer in made}
    results = run_layers(tmp_path, [layer.packed(way) for layer, way in layers], toolchain, *flags)
    pairs = zip(results, layers, strict=True)
    assert [way for result, (layer, way) in pairs if result != wanted[id(layer)]] == []


@pytest.mark.parametrize(
    ("toolchain", "flags"),
    [(HOST, ()), (CORTEX_M4, ()), (CORTEX_M4, ("-DREDSC_NO_DSP",))],
    ids=["host", "dsp", "portable"],
)
def test_results_that_lie_nearer_spoil_the_operands(
    tmp_path: Path, toolchain: Toolchain, flags: tuple[str, ...]
) -> None:
    spoilt = wrong(tmp_path, toolchain, "-std=c99", *STRICT, "-O2", *flags, nearer=ALIGNMENT_BYTES)
    assert any(cases()[number].way.is_planar for number in spoilt)
    assert any(not cases()[number].way.is_planar for number in spoilt)
    assert all(cases()[number].distance != APART for number in spoilt)


def test_planar_results_may_begin_where_the_input_begins_and_nowhere_near(tmp_path: Path) -> None:
    layer = make_layer(Shape((1, 9, 9, 12)), 1)
    way = depthwise_way(layer.node)
    packed = [layer.packed(way, distance) for distance in (0, 16, -16)]
    results = run_layers(tmp_path, packed, HOST, "-std=c99", "-O2")
    wanted = expected_output(layer).tobytes()
    assert [result == wanted for result in results] == [True, False, False]


def test_strips_along_columns_that_no_rule_allows_spoil_the_operands(tmp_path: Path) -> None:
    """As rule 2 of depthwise_way says: a smaller result moves up, over columns that are not read yet."""
    found = []
    for seed in range(6):
        layer = make_layer(Shape((1, 9, 9, 4), attrs=DepthwiseConv2D(stride_h=2, stride_w=2)), seed)
        legal = next(way for way in all_ways(layer.node) if way.is_swapped)
        assert legal.strip_rows == 5
        illegal = DepthwiseWay(True, True, 1, legal.scratch_bytes, in_place=True)
        for way, is_equal in ((legal, True), (illegal, False)):
            (result,) = run_layers(tmp_path, [layer.packed(way, 0)], HOST, "-std=c99", "-O2")
            found.append((result == expected_output(layer).tobytes()) is is_equal)
    assert all(found)


def test_a_byte_behind_a_block_is_seen(tmp_path: Path) -> None:
    """The fences of the driver: with a byte of scratch less than the strips need, a run ends."""
    layer = make_layer(Shape((1, 5, 5, 4)), 1)
    way = depthwise_way(layer.node)
    short = DepthwiseWay(True, way.is_swapped, way.strip_rows, way.scratch_bytes - 16, in_place=True)
    for toolchain, flags in ((HOST, SANITIZED), (CORTEX_M4, ("-std=c99", "-O2"))):
        with pytest.raises(AssertionError):
            run_layers(tmp_path, [layer.packed(short)], toolchain, *flags)


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4+nofp", "cortex-m7", "cortex-m33", "cortex-m33+nodsp"])
@pytest.mark.parametrize("level", ["-Os", "-O2", "-O3"])
def test_every_core_gets_code(tmp_path: Path, core: str, level: str) -> None:
    for number, source in enumerate(SOURCES[1:]):
        output = tmp_path / f"{number}.s"
        command = [CORTEX_M4.find(), f"-mcpu={core}", "-mthumb", "-std=c99", *STRICT, level, "-S", str(source)]
        subprocess.run([*command, "-o", str(output)], check=True)
        has_dsp = "smlad" in output.read_text() or "sxtab16" in output.read_text()
        assert not has_dsp or core not in ("cortex-m0", "cortex-m33+nodsp")
