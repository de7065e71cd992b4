"""Networks with recurrent layers, from the file to levels: state stays, what leads to it may be cut."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from redsc.budgets import Budgets
from redsc.choices import Kernels, Resident, Sharing
from redsc.compile import Artefact, compile_model, slice_level, verify_container
from redsc.cost.memory import head_bytes, measure_memory
from redsc.cost.tflm.structs import X86_64_RECORDING
from redsc.cost.tflm.tail import tail_bytes
from redsc.formats import write_tflite
from redsc.ir import LSTM, Array, DType, Graph, keeps_state
from redsc.options import Options
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples
from tests.helpers import NetBuilder
from tests.recurrent import lstm, recurrent_net

NETS = {
    "int8": recurrent_net(),
    "int8 state": recurrent_net(DType.INT8, DType.INT8),
    "float32": recurrent_net(DType.FLOAT32),
}
STEPS = 20
LEVELS = ("100", "75", "50")
LSTM_STEPS = 1  # LiteRT computes an int8 LSTM's sigmoid and tanh, tflite-micro looks them up in tables
EXACT = "equal bit for bit"

every_net = pytest.mark.parametrize("name", NETS)
needs_tflm = pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")


def compiled(folder: Path, graph: Graph, budgets: Budgets) -> Artefact:
    path = folder / "net.tflite"
    path.write_bytes(write_tflite(graph))
    return compile_model(path, Options(levels=LEVELS, budgets=budgets))


@every_net
def test_what_leads_to_a_recurrent_layer_may_be_cut(name: str) -> None:
    found = {space.size: space.frozen for space in find_channel_groups(NETS[name]).spaces}
    reason = "makes them: their number is that of its state"
    assert {size: frozen for size, frozen in found.items() if frozen is None} == {40: None, 48: None}
    assert [frozen for frozen in found.values() if frozen and reason in frozen]


@needs_tflm
@every_net
def test_every_step_depends_on_those_before_it(name: str) -> None:
    model, samples = write_tflite(NETS[name]), random_samples(NETS[name], STEPS)
    assert keeps_state(NETS[name])
    steps = EXECUTORS["tflm"].run_steps(model, samples)
    assert difference(steps, EXECUTORS["tflm"].run(model, samples), FLOAT_TOLERANCE) is not None
    if name == "float32":
        assert difference(steps, EXECUTORS["litert"].run_steps(model, samples), FLOAT_TOLERANCE) is None


@needs_tflm
@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
@pytest.mark.parametrize("time_major", [False, True])
def test_sequences_side_by_side(dtype: DType, time_major: bool) -> None:
    net = NetBuilder(dtype)
    graph = net.outputs(lstm(net, net.input(3, 4, 5), 6, time_major=time_major))
    model, samples = write_tflite(graph), random_samples(graph, STEPS)
    found, wanted = (EXECUTORS[runtime].run_steps(model, samples) for runtime in ("tflm", "litert"))
    if dtype is DType.FLOAT32:
        assert difference(wanted, found, FLOAT_TOLERANCE) is None
    else:
        assert _apart(wanted, found) <= LSTM_STEPS


def _apart(wanted: list[list[Array]], found: list[list[Array]]) -> int:
    pairs = [pair for rows in zip(wanted, found, strict=True) for pair in zip(*rows, strict=True)]
    return max(int(np.abs(a.astype(np.int32) - b.astype(np.int32)).max()) for a, b in pairs)


@needs_tflm
@pytest.mark.parametrize("sharing", Sharing)
@every_net
def test_levels_are_proven(tmp_path: Path, name: str, sharing: Sharing) -> None:
    graph = NETS[name]
    artefact = compiled(tmp_path, graph, Budgets(sharing=sharing))
    assert [level.name for level in artefact.report.levels] == list(LEVELS)
    slots = {row.result for row in artefact.report.verification if "as a file of its own" in row.oracle}
    assert EXACT in slots
    assert slots <= {EXACT, f"not run: {EXECUTORS['litert'].refusal(write_tflite(graph))}"}
    container, plan = tmp_path / "levels.tflite", tmp_path / "plan.json"
    container.write_bytes(artefact.files["net.tflite"])
    plan.write_bytes(artefact.files["net.plan.json"])
    assert verify_container(container, tmp_path / "net.tflite", plan)
    samples = random_samples(graph, STEPS)
    if sharing is Sharing.COPIES:
        slot, alone = container.read_bytes()[32:], slice_level(container, "50")
        run = EXECUTORS["tflm"].run_steps
        assert difference(run(slot, samples), run(alone, samples)) is None


@pytest.mark.parametrize(
    ("resident", "switching"),
    [
        (Resident.ALL, "apart: recurrent layers of every level have their own"),
        (Resident.ONE, "reset: the arena holds one level at a time"),
    ],
)
def test_the_report_says_what_a_switch_keeps(tmp_path: Path, resident: Resident, switching: str) -> None:
    artefact = compiled(tmp_path, NETS["int8"], Budgets(resident=resident))
    state = json.loads(artefact.files[artefact.report_path])["state"]
    assert state == {"variables": 3, "bytes": 12 * 2 * 5 * 2 + 10 * (1 + 2), "switching": switching}


@needs_tflm
@every_net
def test_levels_in_the_c_engine_share_the_state(tmp_path: Path, name: str) -> None:
    artefact = compiled(tmp_path, NETS[name], Budgets(kernels=Kernels.ENGINE))
    answers = {row.level: row.result for row in artefact.report.verification if "C engine" in row.oracle}
    assert answers == dict.fromkeys(LEVELS, "equal within 1e-05" if name == "float32" else EXACT)
    state = json.loads(artefact.files[artefact.report_path])["state"]
    assert state["switching"] == "kept: all levels share it"


@needs_tflm
@every_net
def test_tflm_allocates_what_is_computed(name: str) -> None:
    from redsc.runtime.tflm import measure_arena

    graph = NETS[name]
    offsets = measure_memory(graph).offsets
    used = measure_arena(write_tflite(graph, offsets))
    assert used.head_bytes == head_bytes(graph, offsets, X86_64_RECORDING)
    assert used.tail_bytes == tail_bytes(graph, X86_64_RECORDING)


def test_measured_on_data_as_one_stream(tmp_path: Path) -> None:
    path, data = tmp_path / "net.tflite", tmp_path / "data.npz"
    path.write_bytes(write_tflite(NETS["int8"]))
    np.savez(data, x=np.random.default_rng(0).integers(-100, 100, (64, 1, 6)).astype(np.int8))
    artefact = compile_model(path, Options(levels=("100", "50"), data=data))
    assert all(level.quality is not None for level in artefact.report.levels)


@needs_tflm
@pytest.mark.parametrize("kernels", [Kernels.SAFE, Kernels.ENGINE])
def test_levels_of_an_lstm_that_starts_anew_have_fewer_units(tmp_path: Path, kernels: Kernels) -> None:
    net = NetBuilder(DType.FLOAT32)
    states = lstm(net, net.input(6, 1, 8), 24, time_major=True, starts_anew=True)
    path, data = tmp_path / "net.tflite", tmp_path / "data.npz"
    path.write_bytes(write_tflite(net.outputs(net.dense(net.reshape(states, 6, 24), 3))))
    np.savez(data, x=np.random.default_rng(0).standard_normal((64, 6, 1, 8)).astype(np.float32))
    options = Options(levels=("100", "50"), data=data, budgets=Budgets(kernels=kernels))
    artefact = compile_model(path, options)
    layers = [node for graph in artefact.choice.levels.graphs for node in graph.nodes if node.op == LSTM]
    first, second = (node.outputs[0].type for node in layers)
    assert (first.dtype, first.shape[-1]) == (DType.INT8, 24)
    assert second.shape[-1] < 24
    assert not keeps_state(artefact.choice.levels.graphs[0])
    if kernels is Kernels.ENGINE:
        answers = {row.result for row in artefact.report.verification if "C engine" in row.oracle}
        assert answers == {EXACT}
