from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redsc.cost.arena import ArenaProblem, arena_problems, plan_arena
from redsc.cost.buffer import Buffer, aligned
from redsc.cost.liveness import LiveRange, live_ranges
from redsc.cost.memory import head_bytes
from redsc.cost.tflm.head import greedy_offsets, height_bytes
from redsc.cost.tflm.structs import X86_64_RECORDING
from redsc.formats import load_model, write_tflite
from redsc.ir import DType, Graph, GraphBuilder
from redsc.runtime import installed
from redsc.runtime.tflm import measure_arena
from tests.conftest import Zoo
from tests.helpers import residual_net, small_net
from tests.strategies import buffers, graphs
from tests.zoo_models import IN_TABLE

needs_tflm = pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")


def _buffers(graph: Graph) -> list[Buffer]:
    return [Buffer(value.name, aligned(value.type.nbytes), live) for value, live in live_ranges(graph).items()]


def _head(graph: Graph) -> int:
    return head_bytes(graph, {}, X86_64_RECORDING)


@needs_tflm
@pytest.mark.parametrize("path", IN_TABLE)
def test_the_head_of_a_zoo_model_is_what_tflm_allocates(path: str, zoo: Zoo) -> None:
    graph = load_model(zoo(path)).graph
    assert _head(graph) == measure_arena(write_tflite(graph)).head_bytes


@needs_tflm
@settings(max_examples=60)
@given(graphs())
def test_the_head_of_a_random_graph_is_what_tflm_allocates(graph: Graph) -> None:
    assert _head(graph) == measure_arena(write_tflite(graph)).head_bytes


@needs_tflm
@pytest.mark.parametrize("graph", [small_net(), small_net(DType.FLOAT32), residual_net()])
def test_an_offline_plan_gives_the_head_that_was_planned(graph: Graph) -> None:
    items = _buffers(graph)
    plan = plan_arena(ArenaProblem(tuple(items)))
    offsets = dict(zip([item.name for item in items], plan.offsets, strict=True))
    assert height_bytes(items, greedy_offsets(items, plan.offsets)) == plan.height
    assert measure_arena(write_tflite(graph, offsets)).head_bytes == plan.height


@needs_tflm
def test_an_input_that_nobody_reads_takes_its_bytes() -> None:
    builder = GraphBuilder()
    x = builder.input("x", (16,))
    builder.input("idle", (512,))
    graph = builder.output(builder.op("RELU", x))
    assert _head(graph) == measure_arena(write_tflite(graph)).head_bytes


@needs_tflm
def test_a_value_that_nobody_reads_takes_its_bytes() -> None:
    builder = GraphBuilder()
    x = builder.input("x", (512,))
    builder.op("RELU", x, name="idle")
    graph = builder.output(builder.op("RELU6", x))
    assert _head(graph) == measure_arena(write_tflite(graph)).head_bytes


@settings(max_examples=200)
@given(buffers())
def test_greedy_offsets_are_a_valid_plan(items: list[Buffer]) -> None:
    offsets = greedy_offsets(items)
    assert arena_problems(ArenaProblem(tuple(items)), offsets, height_bytes(items, offsets)) == []


@settings(max_examples=100)
@given(buffers(), st.data())
def test_fixed_offsets_stay(items: list[Buffer], data: st.DataObject) -> None:
    plan = plan_arena(ArenaProblem(tuple(items)))
    fixed = [offset if data.draw(st.booleans()) else None for offset in plan.offsets]
    offsets = greedy_offsets(items, fixed)
    assert [wanted in (None, found) for wanted, found in zip(fixed, offsets, strict=True)] == [True] * len(items)
    assert arena_problems(ArenaProblem(tuple(items)), offsets, height_bytes(items, offsets)) == []


def test_the_largest_is_placed_first_and_of_equals_the_last() -> None:
    items = [Buffer(name, size, LiveRange(0, 1)) for name, size in (("a", 16), ("b", 16), ("c", 32))]
    assert greedy_offsets(items) == (48, 32, 0)


def test_buffers_with_a_fixed_offset_come_before_larger_ones() -> None:
    items = [Buffer(name, size, LiveRange(0, 1)) for name, size in (("a", 16), ("b", 32))]
    assert greedy_offsets(items, [0, None]) == (0, 16)


def test_no_buffers_have_no_height() -> None:
    assert height_bytes([], greedy_offsets([])) == 0
