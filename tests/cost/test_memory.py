from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.choices import TFLM_KERNELS, Kernels
from redsc.cost.memory import measure_memory, ram_buffers, resident_all_bytes, resident_one_bytes
from redsc.cost.tflm.structs import X86_64_RECORDING
from redsc.formats import write_tflite
from redsc.ir import Graph
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import difference, random_samples
from tests.conftest import Zoo
from tests.helpers import NetBuilder, small_net
from tests.strategies import graphs
from tests.zoo_models import MLPERF


@given(graphs(), st.sampled_from(TFLM_KERNELS))
def test_the_numbers_stand_in_their_order(graph: Graph, kernels: Kernels) -> None:
    memory = measure_memory(graph, kernels)
    assert memory.live_peak_bytes <= memory.packing_bound_bytes <= memory.greedy_head_bytes
    assert memory.lower_bound_bytes <= memory.head_bytes <= memory.greedy_head_bytes
    assert memory.lower_bound_bytes <= memory.packing_bound_bytes
    assert (memory.status == "optimal") == (memory.head_bytes == memory.lower_bound_bytes)
    assert bool(memory.offsets) == (memory.head_bytes < memory.greedy_head_bytes)
    assert memory.arena_bytes == memory.tail_bytes + max(memory.head_bytes, memory.planning_bytes)


@given(graphs(), st.sampled_from(TFLM_KERNELS))
def test_tflm_uses_the_planned_head_and_answers_the_same(graph: Graph, kernels: Kernels) -> None:
    tflm = pytest.importorskip("redsc.runtime.tflm")
    pytest.importorskip("tflite_micro")
    memory = measure_memory(graph, kernels, X86_64_RECORDING)
    planned = write_tflite(graph, memory.offsets)
    assert tflm.measure_arena(planned).head_bytes == memory.head_bytes
    assert tflm.measure_arena(write_tflite(graph)).head_bytes == memory.greedy_head_bytes
    samples = random_samples(graph, 1)
    for name in ("litert", "tflm"):
        run = EXECUTORS[name].run
        assert difference(run(write_tflite(graph), samples), run(planned, samples)) is None


def test_vww_gets_its_lower_bound(zoo: Zoo) -> None:
    from redsc.formats import load_model

    memory = measure_memory(load_model(zoo(f"{MLPERF}/vww_96_int8.tflite")).graph)
    assert (memory.greedy_head_bytes, memory.head_bytes, memory.lower_bound_bytes) == (73_728, 55_296, 55_296)
    assert memory.status == "optimal"


def test_scratch_buffers_are_planned_too() -> None:
    net = NetBuilder()
    graph = net.outputs(net.mean(net.conv(net.input(1, 6, 6, 2), 8), 1, 2))
    names = [buffer.name for buffer in ram_buffers(graph)]
    assert names[-1] == "scratch of mean1"
    assert measure_memory(graph).packing_bound_bytes > measure_memory(graph).live_peak_bytes


def test_resident_levels_share_heads_and_add_tails() -> None:
    graph = small_net()
    groups = find_channel_groups(graph)
    narrow = slice_channels(graph, groups, {space.name: 4 for space in groups.free})
    large, small = measure_memory(graph), measure_memory(narrow)
    both = [large, small]
    assert (
        resident_all_bytes(both)
        == max(large.head_bytes, large.planning_bytes) + large.tail_bytes + small.tail_bytes
    )
    assert resident_one_bytes(both) == large.arena_bytes
    assert resident_one_bytes(both) < resident_all_bytes(both)
    assert resident_all_bytes([large]) == resident_one_bytes([large])
