from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from redsc.codegen import oracles
from redsc.codegen.oracles import verify_import, verify_levels, verify_slots
from redsc.cost.memory import measure_memory
from redsc.cost.tflm.structs import X86_64_RECORDING
from redsc.errors import VerificationError
from redsc.formats import Model, load_model, read_tflite, write_models, write_tflite
from redsc.ir import DType, Graph, GraphBuilder, Value, state_reads
from redsc.passes.slice.slice import slice_channels
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime import installed, isolated
from tests.helpers import NetBuilder, small_net
from tests.old_net import OldNet

NAMES = ["100", "50"]
needs_tflm = pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")


def two_levels() -> list[Graph]:
    graph = small_net()
    groups = find_channel_groups(graph)
    return [graph, slice_channels(graph, groups, {space.name: 4 for space in groups.free})]


def model_of(graph: Graph, folder: Path) -> Model:
    (folder / "net.tflite").write_bytes(write_tflite(graph))
    return load_model(folder / "net.tflite")


def test_a_true_container_gives_a_row_per_level_and_oracle() -> None:
    graphs = two_levels()
    rows = list(verify_slots(NAMES, graphs, [measure_memory(g).offsets for g in graphs], write_models(graphs)))
    found = {(row.level, row.oracle.split(",")[0]) for row in rows}
    assert found >= {("100", "litert"), ("50", "litert"), ("100", "tflm"), ("50", "tflm")}


def test_a_weight_that_was_changed_is_found() -> None:
    graphs = two_levels()
    weight = graphs[0].nodes[0].operand(1).data
    assert weight is not None
    container = write_models(graphs)
    place = container.index(weight.tobytes())
    changed = container[:place] + bytes(b ^ 0x55 for b in container[place : place + 20]) + container[place + 20 :]
    with pytest.raises(VerificationError, match="level 100: litert, against the level as a file of its own"):
        list(verify_slots(NAMES, graphs, [measure_memory(g).offsets for g in graphs], changed))


@needs_tflm
def test_a_head_that_is_smaller_on_arm_is_no_disagreement() -> None:
    builder = GraphBuilder()
    graph = builder.output(builder.op("ADD_N", *[builder.input(name, (1, 4)) for name in "abcde"]))
    memory = measure_memory(graph)
    assert memory.head_bytes < measure_memory(graph, abi=X86_64_RECORDING).head_bytes
    rows = list(verify_slots(["100"], [graph], [memory.offsets], write_models([graph])))
    assert [row.result for row in rows[-2:]] == ["head and tail as computed, to the byte", "loads and runs"]


@needs_tflm
def test_a_head_that_is_not_what_tflm_plans_is_found() -> None:
    graphs = two_levels()
    offsets = [measure_memory(graph).offsets for graph in graphs]
    higher = [{graphs[0].inputs[0].name: 4096}, offsets[1]]
    with pytest.raises(VerificationError, match="the allocator of tflm disagrees"):
        list(verify_slots(NAMES, graphs, offsets, write_models(graphs, higher)))


@needs_tflm
def test_a_graph_that_is_not_the_model_file_is_found(tmp_path: Path) -> None:
    model = model_of(small_net(), tmp_path)
    assert {row.result for row in verify_import(model, model.graph, "100")} == {"equal bit for bit"}
    with pytest.raises(VerificationError, match="against the model file disagrees"):
        list(verify_import(model, small_net(seed=5), "100"))


def only_litert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "installed", lambda name: name == "litert")
    monkeypatch.setattr(oracles, "_INTERPRETERS", ("litert",))


def test_a_float_file_must_agree_within_the_tolerance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_litert(monkeypatch)
    model = model_of(small_net(DType.FLOAT32), tmp_path)
    (row,) = verify_import(model, model.graph, "100")
    assert row.result == "equal within 1e-05 relative"


def test_a_file_that_rounds_otherwise_is_held_to_its_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_litert(monkeypatch)
    model = model_of(OldNet(weight_point=100, reach=120).net(), tmp_path)
    assert not model.is_exact
    (row,) = verify_import(model, model.graph, "100")
    decibels, rest = row.result.split(" dB SQNR: ")
    assert rest == "the file rounds otherwise"
    assert float(decibels) > 25


def test_a_uint8_file_whose_graph_is_wrong_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its zero point is no signal: the raw numbers of both are near 128, with 20 dB between them."""
    only_litert(monkeypatch)
    model = model_of(OldNet().net(), tmp_path)
    wrong = read_tflite(write_tflite(OldNet(seed=5).net()))
    with pytest.raises(VerificationError, match="disagrees") as caught:
        list(verify_import(model, wrong, "100"))
    assert "the noise between both is too loud" in str(caught.value)


def test_answers_that_are_no_numbers_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_litert(monkeypatch)
    model = replace(model_of(small_net(DType.FLOAT32), tmp_path), is_exact=False)
    noise = np.full((1, 5), np.nan, np.float32)
    monkeypatch.setattr(oracles, "run_isolated", lambda *_, **__: [[noise]] * 4)
    with pytest.raises(VerificationError, match="disagrees"):
        list(verify_import(model, model.graph, "100"))


def delayed(frames: int, seed: int) -> Graph:
    """Return a layer over the frame of so many steps before; the first ones are zeros."""
    net = NetBuilder(DType.FLOAT32)
    window = net.stream(net.input(1, 1, 1, 3), frames)
    first = net.node("SLICE", window, np.array([0, 0, 0, 0], np.int32), np.array([1, 1, 1, 3], np.int32))
    net.random = np.random.default_rng(seed)
    graph = net.outputs(net.dense(first, 2))
    (read,) = state_reads(graph)
    start = read.operand(0)
    graph.set_input(read, 0, Value.constant(start.name, np.zeros(start.type.shape, np.float32)))
    bias = graph.nodes[-1].operand(2)
    graph.set_input(graph.nodes[-1], 2, Value.constant(bias.name, np.zeros(2, np.float32)))
    return graph


def test_a_slot_that_goes_wrong_after_some_steps_is_found(tmp_path: Path) -> None:
    right, wrong = delayed(9, seed=1), delayed(9, seed=2)
    assert list(verify_slots(["100"], [right], [{}], write_models([right])))
    with pytest.raises(VerificationError, match="disagrees") as caught:
        list(verify_slots(["100"], [right], [{}], write_models([wrong])))
    assert "sample 9" in str(caught.value)
    with pytest.raises(VerificationError, match="disagrees"):
        list(verify_import(model_of(right, tmp_path), wrong, "100"))


def test_a_runtime_that_is_absent_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracles, "installed", lambda name: name == "litert")
    monkeypatch.setattr(isolated, "installed", lambda name: name == "litert")
    graphs = two_levels()
    rows = list(verify_slots(NAMES, graphs, [measure_memory(g).offsets for g in graphs], write_models(graphs)))
    rows += verify_import(model_of(graphs[0], tmp_path), graphs[0], "100")
    absent = [row for row in rows if row.oracle.startswith("tflm")]
    assert {row.result for row in absent} == {"not run: tflite_micro is not installed"}
    assert len(absent) == 3


def test_without_any_runtime_nothing_is_called_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "installed", lambda _name: False)
    model = model_of(small_net(), tmp_path)
    with pytest.raises(VerificationError, match="no runtime could run the model file"):
        list(verify_import(model, model.graph, "100"))


def test_slots_must_be_the_levels_of_the_plan() -> None:
    graphs = two_levels()
    assert len(list(verify_levels(NAMES, graphs, graphs))) == 2
    with pytest.raises(VerificationError, match="2 slots, the plan 1"):
        list(verify_levels(NAMES[:1], graphs[:1], graphs))
    with pytest.raises(VerificationError, match="level 50"):
        list(verify_levels(NAMES, graphs, [graphs[0], graphs[0]]))
