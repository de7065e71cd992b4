from __future__ import annotations

import pytest

from redsc.choices import Kernels
from redsc.cost.memory import measure_memory
from redsc.errors import MalformedModel
from redsc.formats import has_variables, planned_offsets, write_models, write_tflite
from redsc.ir import Graph
from tests.helpers import residual_net, small_net, streaming_net


@pytest.mark.parametrize("graph", [small_net(), residual_net()])
def test_an_arena_plan_is_read_back(graph: Graph) -> None:
    offsets = measure_memory(graph, Kernels.REFERENCE).offsets
    assert offsets
    assert planned_offsets(write_tflite(graph, offsets)) == offsets


def test_the_plan_of_a_network_with_variables_covers_both_subgraphs() -> None:
    """TFLM wants a number for every tensor of both; only those in the arena have a place."""
    graph = streaming_net()
    offsets = {value.name: 16 * place for place, value in enumerate(graph.activations())}
    assert planned_offsets(write_tflite(graph, offsets)) == offsets


def test_a_model_that_keeps_state_is_told_without_reading_it() -> None:
    assert has_variables(write_tflite(streaming_net()))
    assert not has_variables(write_tflite(small_net()))


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\xff" * 64, bytes(64)])
def test_damaged_bytes_have_no_variables(data: bytes) -> None:
    assert not has_variables(data)


def test_a_model_without_a_plan_has_no_offsets() -> None:
    assert planned_offsets(write_tflite(small_net())) == {}


def test_every_slot_has_its_own_plan() -> None:
    graph = small_net()
    plans = [{value.name: 16 * i for i, value in enumerate(graph.activations())}, {}]
    data = write_models([graph, graph], plans)
    found = [planned_offsets(data[16 * slot :]) for slot in range(2)]
    assert [list(offsets.values()) for offsets in found] == [list(plan.values()) for plan in plans]


@pytest.mark.parametrize("cut", [4, 3], ids=["fewer-tensors", "half-a-number"])
def test_a_plan_of_another_model_is_refused(cut: int) -> None:
    graph = small_net()
    data = write_tflite(graph, dict.fromkeys((value.name for value in graph.activations()), 0))
    count = len(graph.values())
    place = data.index((12 + 4 * count).to_bytes(4, "little") + b"\1\0\0\0\1\0\0\0" + count.to_bytes(4, "little"))
    damaged = data[:place] + (12 + 4 * count - cut).to_bytes(4, "little") + data[place + 4 :]
    with pytest.raises(MalformedModel, match="damaged arena plan"):
        planned_offsets(damaged)
