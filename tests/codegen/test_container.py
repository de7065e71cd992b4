from __future__ import annotations

import pytest

from redsc.codegen import container as module
from redsc.codegen.container import build_container, is_container, slot_bytes, slot_count
from redsc.cost.memory import measure_memory
from redsc.errors import InternalError
from redsc.formats import read_tflite, shared_constants, write_models, write_tflite
from redsc.ir import Graph, Value
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.groups import find_channel_groups
from tests.helpers import small_net


def two_levels() -> list[Graph]:
    graph = small_net()
    groups = find_channel_groups(graph)
    return [graph, slice_channels(graph, groups, {space.name: space.size // 2 for space in groups.free})]


def numbers(value: Value) -> int:
    """Return the bytes of a constant and of its scales per channel."""
    quant = value.type.quant
    return value.type.nbytes + (4 * len(quant.scales) if quant and quant.is_per_channel else 0)


def test_the_account_of_bytes_adds_up() -> None:
    graphs = two_levels()
    container = build_container(graphs, [measure_memory(graph) for graph in graphs])
    stored = container.shared_weight_bytes + sum(container.private_bytes)
    alone, *more = (sum(map(numbers, graph.constants())) for graph in graphs)
    assert alone <= stored < alone + sum(more)
    assert stored < len(container.data)


def test_output_slices_share_and_input_slices_do_not() -> None:
    graphs = two_levels()
    container = build_container(graphs, [measure_memory(graph) for graph in graphs])
    part_of_first_conv = graphs[1].nodes[0].operand(1).type.nbytes
    assert container.shared_weight_bytes >= part_of_first_conv
    assert container.private_bytes[1] > 0


def test_equal_levels_are_shared_and_every_number_is_counted_once() -> None:
    whole, part = two_levels()
    memory = measure_memory(whole)
    assert build_container([whole, whole], [memory] * 2).private_bytes == (0, 0)
    three = build_container([whole, part, part], [memory, *[measure_memory(part)] * 2])
    two = build_container([whole, part], [memory, measure_memory(part)])
    assert three.private_bytes == (*two.private_bytes, 0)
    scales = {c.type.quant.scales for graph in (whole, part) for c in graph.constants() if c.type.quant}
    vectors = sum(map(len, shared_constants([whole, part]))) + sum(4 * len(s) for s in scales if len(s) > 1)
    assert two.shared_weight_bytes + sum(two.private_bytes) == vectors


def test_every_slot_opens_as_a_model_of_its_own() -> None:
    graphs = two_levels()
    data = write_models(graphs)
    assert slot_count(data) == 2
    assert [len(read_tflite(slot_bytes(data, slot)).nodes) for slot in (0, 1)] == [7, 7]
    assert is_container(slot_bytes(data, 1))


def test_an_ordinary_model_has_one_slot() -> None:
    assert slot_count(write_tflite(small_net())) == 1


def test_a_slot_that_does_not_read_back_is_our_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs = two_levels()
    monkeypatch.setattr(module, "slot_bytes", lambda data, _slot: data)
    with pytest.raises(InternalError, match="slot 1 does not read back"):
        build_container(graphs, [measure_memory(graph) for graph in graphs])
