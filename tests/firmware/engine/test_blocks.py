"""Blocks of output channels: the simulated reads are the kernel's, and no other blocks take fewer cycles."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.cost.cache import CACHES, Cache
from redsc.engine.blocks import ConvReads, Order, choose_order, in_blocks
from redsc.engine.orders import find_orders
from redsc.engine.pack_depthwise import PAIR_BYTES
from redsc.engine.rows import emit_calls
from redsc.engine.shared import find_shared
from redsc.ir import Graph
from redsc.options import Kernels
from tests.firmware.build import HOST, run_on_host
from tests.firmware.engine.conv_cases import Case, cases, expected, run_cases
from tests.helpers import NetBuilder

GROUP_BYTES = 8
WITHOUT_DSP = Cache(1024, 1, 8, "made up", has_dsp=False)
RECORDING = (
    *("-std=c99", "-O1", "-fsanitize=kernel-address", "--param", "asan-instrumentation-with-call-threshold=0"),
    *("--param", "asan-globals=0", "--param", "asan-stack=0"),
)


def recorded(folder: Path) -> list[list[int]]:
    """Return what every case reads of its constants, in order: groups of weights, and channel pairs below 0."""
    results = run_cases(folder, run_on_host, HOST, RECORDING, driver="conv_recorder.c")
    assert results == list(expected())
    numbers = iter(np.fromfile(folder / "reads.bin", "<i4").tolist())
    return [[next(numbers) for _ in range(count)] for count in numbers]


def simulated(case: Case) -> Iterator[int]:
    """Yield the same from the walks of the simulation."""
    pairs_at = len(case.weight)
    reads = ConvReads(case.params, case.params["rescale"] == 1, weight=0, pairs=pairs_at, code=0)
    for walk, times in reads.walks(WITHOUT_DSP, case.params["block_channels"]):
        for start, end in walk * times:
            if start >= pairs_at:
                assert end == start + PAIR_BYTES
                yield -1 - (start - pairs_at) // PAIR_BYTES
            else:
                yield from range(start // GROUP_BYTES, end // GROUP_BYTES)


def test_the_simulated_reads_are_those_of_the_kernel(tmp_path: Path) -> None:
    for number, (case, reads) in enumerate(zip(cases(), recorded(tmp_path), strict=True)):
        assert [read for read, _ in groupby(simulated(case))] == reads, f"case {number}: {case.params}"


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
    fields = [in_blocks(call, 4).params.fields.get("block_channels") for call in calls if call.params]
    assert fields == [4, None]


def test_a_layer_that_fits_keeps_its_order() -> None:
    net = NetBuilder()
    graph = net.outputs(net.conv(net.input(1, 8, 8, 8), 16))
    (order,) = find_orders([graph], Kernels.ENGINE, CACHES["stm32h7"])[0].values()
    assert order == Order(0, order.lines, order.lines, order.lines)
