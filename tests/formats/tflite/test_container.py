from __future__ import annotations

from dataclasses import replace
from math import gcd

import pytest
import tflite

from redsc.formats import SLOT_BYTES, read_tflite, shared_constants, write_models, write_tflite
from redsc.ir import DType, Graph, copy_graph, print_graph
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import difference, random_samples
from tests.helpers import residual_net, small_net

NETS = [small_net(), small_net(DType.FLOAT32), residual_net()]


def _levels(graph: Graph) -> list[Graph]:
    """Return the graph and two narrower ones: three quarters and a half of every free space."""
    groups = find_channel_groups(graph)
    assert groups.free
    widths = [{space.name: space.size * part // 4 for space in groups.free} for part in (3, 2)]
    return [graph, *(slice_channels(graph, groups, width) for width in widths)]


def _stored(data: bytes, slot: int, graph: Graph) -> dict[str, int]:
    """Return where in the array the data of every constant of a slot begins, by its name in the graph."""
    model = tflite.Model.GetRootAs(data[SLOT_BYTES * slot :], 0)
    subgraph = model.Subgraphs(0)
    found = {}
    for i, value in enumerate(graph.values()):
        buffer = model.Buffers(subgraph.Tensors(i).Buffer())
        if not buffer.DataIsNone():
            table = buffer._tab
            found[value.name] = SLOT_BYTES * slot + table.Vector(table.Offset(4))
    return found


def _text(graph: Graph) -> str:
    """Return what a container keeps of a graph: values inside are named by their place."""
    ports = {value.name for value in (*graph.inputs, *graph.outputs)}
    names = {value: value.name if value.name in ports else f"tensor{i}" for i, value in enumerate(graph.values())}
    kept = copy_graph(graph, lambda value: replace(value, name=names[value], producer=None, uses=[]))
    return print_graph(kept, with_origins=False)


@pytest.mark.parametrize("graph", NETS)
def test_every_slot_reads_back_as_its_graph(graph: Graph) -> None:
    levels = _levels(graph)
    data = write_models(levels)
    for slot, level in enumerate(levels):
        assert print_graph(read_tflite(data[SLOT_BYTES * slot :]), with_origins=False) == _text(level)


@pytest.mark.parametrize("executor", ["litert", "tflm"])
@pytest.mark.parametrize("graph", NETS)
def test_every_slot_answers_as_its_stand_alone_model(graph: Graph, executor: str) -> None:
    if not installed(executor):
        pytest.skip(f"{EXECUTORS[executor].package} is not installed")
    levels = _levels(graph)
    data = write_models(levels)
    samples = random_samples(graph, 3, seed=3)
    for slot, level in enumerate(levels):
        alone = EXECUTORS[executor].run(write_tflite(level), samples)
        assert difference(alone, EXECUTORS[executor].run(data[SLOT_BYTES * slot :], samples)) is None


def test_a_slot_is_a_root_offset_and_the_identifier() -> None:
    data = write_models(_levels(small_net()))
    for slot in range(3):
        entry = data[SLOT_BYTES * slot : SLOT_BYTES * (slot + 1)]
        assert entry[4:] == b"TFL3" + bytes(8)
    assert data[48 + 4 : 48 + 8] != b"TFL3"


@pytest.mark.parametrize("graph", NETS)
def test_data_is_aligned_to_16_bytes_in_the_array(graph: Graph) -> None:
    levels = _levels(graph)
    data = write_models(levels)
    starts = [start for slot, level in enumerate(levels) for start in _stored(data, slot, level).values()]
    assert len(starts) > 10
    assert gcd(*starts) % 16 == 0


def test_a_prefix_is_read_where_the_whole_is_stored() -> None:
    levels = _levels(small_net())
    data = write_models(levels)
    full, middle, narrow = (_stored(data, slot, level) for slot, level in enumerate(levels))
    assert full["conv_2d0.bias"] == middle["conv_2d0.bias"] == narrow["conv_2d0.bias"]
    assert full["conv_2d0.weight"] == middle["conv_2d0.weight"] == narrow["conv_2d0.weight"]  # rows are cut
    assert full["fully_connected6.weight"] != narrow["fully_connected6.weight"]  # columns are cut


def test_equal_models_share_all_their_constants() -> None:
    graph = small_net()
    once, twice = write_models([graph]), write_models([graph, graph])
    constants = sum(value.type.nbytes for value in graph.constants())
    assert len(twice) < len(once) + constants
    assert _stored(twice, 0, graph) == _stored(twice, 1, graph)


def test_every_stored_vector_is_in_the_array_once() -> None:
    levels = _levels(residual_net())
    data = write_models(levels)
    vectors = shared_constants(levels)
    assert [data.count(vector) for vector in vectors if len(vector) >= 16] == [
        1 for vector in vectors if len(vector) >= 16
    ]


def test_no_stored_vector_is_a_prefix_of_another() -> None:
    vectors = shared_constants(_levels(small_net()))
    assert [len(v) for v in vectors] == sorted((len(v) for v in vectors), reverse=True)
    assert not any(a is not b and a.startswith(b) for a in vectors for b in vectors)


def test_scale_vectors_are_not_shared_as_prefixes() -> None:
    levels = _levels(small_net())
    data = write_models(levels)
    for slot, level in enumerate(levels):
        subgraph = tflite.Model.GetRootAs(data[SLOT_BYTES * slot :], 0).Subgraphs(0)
        counts = {
            value.name: subgraph.Tensors(i).Quantization().ScaleLength()
            for i, value in enumerate(level.values())
            if subgraph.Tensors(i).Quantization()
        }
        weight = level.nodes[0].operand(1)
        assert counts[weight.name] == weight.type.shape[0]


def test_slot_0_is_an_ordinary_model() -> None:
    graph = small_net()
    data = write_models(_levels(graph))
    assert tflite.Model.ModelBufferHasIdentifier(data, 0)
    assert print_graph(read_tflite(data), with_origins=False) == _text(graph)


def test_the_same_levels_give_the_same_bytes() -> None:
    assert write_models(_levels(small_net())) == write_models(_levels(small_net()))
