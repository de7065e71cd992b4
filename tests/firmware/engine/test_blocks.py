"""Blocks of output channels: the simulated reads are the kernel's, and no other blocks take fewer cycles."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.choices import Kernels
from redsc.cost.cache import CACHES, Cache
from redsc.engine.blocks import ConvReads, WeightOrder, choose_order, in_blocks
from redsc.engine.linear.pack_channels import PAIR_BYTES
from redsc.engine.orders import find_orders
from redsc.engine.rows import emit_calls
from redsc.engine.shared import find_shared
from redsc.ir import Graph
from tests.firmware.build import CORTEX_M4, Toolchain, run, tool
from tests.firmware.engine.conv_cases import Case, cases, expected, run_cases
from tests.helpers import NetBuilder

GROUP_BYTES = 8
AREA, GUARDED, PAGE = 1 << 17, (2, 3), 1 << 12  # conv_driver.c: weights and channel pairs end where an area does
CORES = {True: ("-O2",), False: ("-O2", "-DREDSC_NO_DSP")}


def loads_plugin(folder: Path) -> Path:
    """Return the emulator's plugin; skips the test where it takes none."""
    plugin = folder / "loads.so"
    source = Path(__file__).parent / "loads.c"
    subprocess.run([tool("gcc"), "-O2", "-shared", "-fPIC", str(source), "-o", str(plugin)], check=True)
    emulator, *board = CORTEX_M4.emulator
    attempt = [tool(emulator), *board[:2], "-display", "none", "-serial", "none", "-monitor", "stdio", "-S"]
    attempt += ["-plugin", f"file={plugin},out={folder / 'none'}"]
    done = subprocess.run(attempt, input="quit\n", capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"QEMU loads no plugins: {done.stderr.strip()}")
    return plugin


def recorded(folder: Path, flags: tuple[str, ...]) -> list[list[int]]:
    """Return what every case reads of its constants on a Cortex-M4, in order: see `tokens`."""
    plugin, starts = loads_plugin(folder), list[int]()

    def start(toolchain: Toolchain, program: Path, where: Path) -> None:
        names = subprocess.run([tool("arm-none-eabi-nm"), str(program)], capture_output=True, text=True, check=True)
        symbols = {parts[-1]: int(parts[0], 16) for parts in map(str.split, names.stdout.splitlines())}
        areas, entry = symbols["areas"], symbols["redsc_conv_by_tiles"]
        starts.extend(areas + which * (AREA + PAGE) + AREA for which in GUARDED)
        part = f"from={areas + GUARDED[0] * (AREA + PAGE):x},to={areas + (GUARDED[1] + 1) * (AREA + PAGE):x}"
        run(toolchain, program, where, "-plugin", f"file={plugin},out=loads.bin,{part},entry={entry & ~1:x}")

    assert run_cases(folder, CORTEX_M4, flags, start=start) == list(expected())
    loads = np.fromfile(folder / "loads.bin", "<u4").astype(np.int64)
    found = np.split(loads, np.flatnonzero(loads == 0))[1:]
    weights_end, pairs_end = starts
    return [
        tokens(rows[1:].tolist(), weights_end - len(case.weight), pairs_end - len(case.channels))
        for case, rows in zip(cases(), found, strict=True)
    ]


def tokens(addresses: Iterable[int], weights: int, pairs: int) -> list[int]:
    """Return numbers of groups of weights, and -1 minus those of channel pairs; what is repeated at once is one."""
    found = (
        -1 - (address - pairs) // PAIR_BYTES if address >= pairs else (address - weights) // GROUP_BYTES
        for address in addresses
    )
    return [token for token, _ in groupby(found)]


def simulated(case: Case, has_dsp: bool) -> list[int]:
    """Return the same from the walks of the simulation, word by word."""
    cache, pairs = Cache(1024, 1, 8, "made up", has_dsp=has_dsp), len(case.weight)
    reads = ConvReads(case.params, case.params["rescale"] == 1, weight=0, pairs=pairs, code=0)
    walks = reads.walks(cache, case.params["block_channels"])
    stretches = (stretch for walk, times in walks for stretch in walk * times)
    return tokens((word for start, end in stretches for word in range(start, end, 4)), 0, pairs)


@pytest.mark.parametrize("has_dsp", CORES)
def test_the_simulated_reads_are_those_of_the_kernel(tmp_path: Path, has_dsp: bool) -> None:
    found = recorded(tmp_path, CORES[has_dsp])
    for number, (case, reads) in enumerate(zip(cases(), found, strict=True)):
        assert simulated(case, has_dsp) == reads, f"case {number}: {case.params}"


@st.composite
def layers(draw: st.DrawFn) -> ConvReads:
    """Draw a layer of some packed rows, maybe a part of larger ones."""
    segments, segment, skip = draw(st.integers(1, 3)), 8 * draw(st.integers(1, 6)), 8 * draw(st.integers(0, 4))
    rows = segments * (segment + skip)
    fields = {
        "output_channels": draw(st.integers(1, 13)),
        "batches": 1,
        "output_height": draw(st.integers(1, 4)),
        "output_width": draw(st.integers(1, 5)),
        "kernel_height": 1,
        "kernel_width": segments,
        "pixels": draw(st.sampled_from([0, 1, 4])),
        "segments": segments,
        "segment_bytes": segment,
        "skip_bytes": skip,
        "pair_bytes": rows,
    }
    weight = 4 * draw(st.integers(0, 16))
    pairs = weight + 7 * rows
    return ConvReads(fields, draw(st.booleans()), weight, pairs, pairs + 7 * PAIR_BYTES)


SMALL_CACHES = st.builds(
    lambda sets, ways, line, cycles, code, has_dsp: Cache(
        sets * ways * line, ways, line, "made up", cycles, code, has_dsp
    ),
    st.sampled_from([2, 4, 8]),
    st.integers(1, 3),
    st.sampled_from([8, 32]),
    st.sampled_from([1, 30, 400]),
    st.sampled_from([0, 24]),
    st.booleans(),
)


def saved(reads: ConvReads, cache: Cache, block: int) -> float:
    blocks = -(-reads.channels // block)
    return (reads.fills(cache) - reads.fills(cache, block)) * cache.fill_cycles - (
        blocks - 1
    ) * reads.instructions()


@given(layers(), SMALL_CACHES)
def test_blocks_are_the_best_and_fill_fewer_lines(reads: ConvReads, cache: Cache) -> None:
    order = choose_order(reads, cache)
    assert order.lines <= order.fills <= order.fills_before == reads.fills(cache)
    assert order.fills == reads.fills(cache, order.block)
    sizes = range(2, reads.channels, 2)
    assert order.saved == pytest.approx(max([0.0, *(saved(reads, cache, block) for block in sizes)]))
    assert (order.block > 0) == (order.saved > 0)


def dense_levels(inputs: int, outputs: int, kept: int) -> list[Graph]:
    """Return a dense layer of one row, and the first `kept` of its columns and rows as a level."""

    def build(columns: int, rows: int) -> Graph:
        net = NetBuilder()
        return net.outputs(net.dense(net.input(1, columns), rows))

    whole, part = build(inputs, outputs), build(kept, max(outputs * kept // inputs, 1))
    stored, cut = (graph.nodes[0].operand(1) for graph in (whole, part))
    assert stored.data is not None
    rows, columns = cut.type.shape
    cut.data = stored.data[:rows, :columns]
    assert find_shared([whole, part]).hold(cut).whole is stored.data
    return [whole, part]


@pytest.mark.parametrize("name", CACHES)
@pytest.mark.parametrize(
    ("inputs", "outputs", "kept"), [(640, 128, 320), (128, 8, 52), (2000, 31, 1501), (64, 12, 20)]
)
def test_dense_layers_of_one_row_fill_no_line_twice(name: str, inputs: int, outputs: int, kept: int) -> None:
    for kernels in (Kernels.ENGINE, Kernels.ENGINE_SMALL):
        for level in find_orders(dense_levels(inputs, outputs, kept), kernels, CACHES[name]):
            (order,) = level.values()
            assert order.block == 0
            assert order.lines <= order.fills <= 1.05 * order.lines


def test_only_convolutions_get_blocks() -> None:
    net = NetBuilder()
    graph = net.outputs(net.depthwise(net.conv(net.input(1, 6, 6, 3), 8)))
    calls = [call for node in graph.nodes for call in emit_calls(node, find_shared([graph]), Kernels.ENGINE)]
    params = [in_blocks(call, 4).params for call in calls]
    assert [item.fields.get("block_channels") for item in params if item is not None] == [4, None]


def test_a_layer_that_fits_keeps_its_order() -> None:
    net = NetBuilder()
    graph = net.outputs(net.conv(net.input(1, 8, 8, 8), 16))
    (order,) = find_orders([graph], Kernels.ENGINE, CACHES["stm32h7"])[0].values()
    assert order == WeightOrder(0, order.lines, order.lines, order.lines)
