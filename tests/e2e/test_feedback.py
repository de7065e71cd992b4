"""State that a file has as inputs and outputs: variables of the firmware, against onnxruntime with it fed back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from redsc.budgets import Budgets
from redsc.choices import Kernels
from redsc.codegen.oracles import verify_import
from redsc.compile import Artefact, compile_model, read_model
from redsc.errors import UsageError
from redsc.formats import write_tflite
from redsc.ir import Array, DType, Quant, keeps_state, state_reads
from redsc.options import Options
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import signal_to_noise_db
from redsc.runtime.ports import dequantize_rows, quantize_samples
from tests.formats.onnx.models import make_node, onnx_model, weights
from tests.helpers import NetBuilder

STEPS, FEATURES, UNITS, CLASSES = 20, 6, 8, 3
STATES = {"LSTM": (("h0", "hn"), ("c0", "cn")), "GRU": (("h0", "hn"),)}
GATES = {"LSTM": 4, "GRU": 3}
FLOOR_DB = 20.0  # of int8 over all steps; a state that is not kept leaves less than half
EXACT = "equal bit for bit"

needs_tflm = pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")
both = pytest.mark.parametrize("op", STATES)


def recurrent_model(op: str, frames: int = 1) -> bytes:
    """Return a recurrent layer over so many frames an inference, and a dense one over what the last one made.

    The state comes before the frames.
    """
    rows, states = GATES[op] * UNITS, STATES[op]
    known = {
        "w": weights(1, rows, FEATURES) / 2,
        "r": weights(1, rows, UNITS) / 2,
        "b": weights(1, 2 * rows) / 4,
        "k": weights(UNITS, CLASSES),
    }
    given, made = [name for name, _ in states], [name for _, name in states]
    layer = make_node(op, ["x", "w", "r", "b", "", *given], ["", *made], name="layer", hidden_size=UNITS)
    nodes = [layer, "[dense] y = MatMul(hn, k)"]
    inputs = {**{name: [1, 1, UNITS] for name in given}, "x": [frames, 1, FEATURES]}
    return onnx_model(nodes, inputs, known, outputs=[*made, "y"])


def stream(frames: int = 1, count: int = STEPS, seed: int = 1) -> Array:
    return np.random.default_rng(seed).standard_normal((count, frames, 1, FEATURES)).astype(np.float32)


def fed_back(data: bytes, op: str, frames: Array) -> list[list[Array]]:
    """Return what onnxruntime answers to consecutive inferences, without the states."""
    count = len(STATES[op])
    zeros = [np.zeros((1, 1, UNITS), np.float32)] * count
    links = [(state, state) for state in range(count)]
    rows = EXECUTORS["onnxruntime"].run_steps(data, [[*zeros, frame] for frame in frames], links)
    return [row[count:] for row in rows]


def compiled(folder: Path, op: str, frames: int = 1, **options: Any) -> Artefact:
    path = folder / "net.onnx"
    path.write_bytes(recurrent_model(op, frames))
    return compile_model(path, Options(states=STATES[op], **options))


def answers(artefact: Artefact, frames: Array, executor: str = "litert") -> list[list[Array]]:
    """Return real answers of the largest level to consecutive inferences."""
    graph = artefact.choice.levels.graphs[0]
    samples = quantize_samples(graph, [[frame] for frame in frames])
    return dequantize_rows(graph, EXECUTORS[executor].run_steps(write_tflite(graph), samples))


@both
@pytest.mark.parametrize("frames", [1, 3])
def test_consecutive_inferences_are_those_of_the_file(tmp_path: Path, op: str, frames: int) -> None:
    artefact, inputs = compiled(tmp_path, op, frames), stream(frames)
    model = artefact.choice.model
    assert [port.name for port in model.inputs] == ["x"]
    assert [port.name for port in model.outputs] == ["y"]
    wanted = fed_back(recurrent_model(op, frames), op, inputs)
    np.testing.assert_allclose(np.array(answers(artefact, inputs)), np.array(wanted), rtol=1e-5, atol=1e-6)
    oracle = [row.result for row in artefact.report.verification if row.oracle.startswith("onnxruntime")]
    assert oracle == ["equal within 1e-05 relative"]


@needs_tflm
@both
def test_in_int8_the_state_is_kept_for_twenty_steps(tmp_path: Path, op: str) -> None:
    np.savez(tmp_path / "data.npz", x=stream(count=256))
    artefact = compiled(tmp_path, op, data=tmp_path / "data.npz", levels=("100",))
    graph = artefact.choice.levels.graphs[0]
    assert not [value for value in graph.values() if value.type.dtype is DType.FLOAT32]
    assert len(state_reads(graph)) == len(STATES[op])
    inputs = stream(seed=2)
    found, wanted = answers(artefact, inputs, "tflm"), fed_back(recurrent_model(op), op, inputs)
    assert signal_to_noise_db(wanted, found) > FLOOR_DB
    forgetful = EXECUTORS["onnxruntime"].run(
        recurrent_model(op), [[*[np.zeros((1, 1, UNITS), np.float32)] * len(STATES[op]), row] for row in inputs]
    )
    assert signal_to_noise_db(wanted, [row[len(STATES[op]) :] for row in forgetful]) < FLOOR_DB / 2


@both
def test_the_c_engine_keeps_it_bit_for_bit(tmp_path: Path, op: str) -> None:
    np.savez(tmp_path / "data.npz", x=stream(count=256))
    engine = Budgets(kernels=Kernels.ENGINE)
    artefact = compiled(tmp_path, op, data=tmp_path / "data.npz", levels=("100",), budgets=engine)
    assert [row.result for row in artefact.report.verification if "C engine" in row.oracle] == [EXACT]


def test_levels_share_one_state_and_its_scale(tmp_path: Path) -> None:
    """A dense layer before the recurrent one may be cut; what is kept has one type in all levels."""
    nodes = ["[dense] d = MatMul(x, k)", "[relu] p = Relu(d)"]
    layer = make_node("GRU", ["p", "w", "r", "", "", "h0"], ["", "hn"], name="layer", hidden_size=UNITS)
    known = {"k": weights(FEATURES, 48), "w": weights(1, 24, 48) / 6, "r": weights(1, 24, UNITS) / 2}
    path, data = tmp_path / "net.onnx", tmp_path / "data.npz"
    copy = "y = Identity(hn)"
    inputs = {"x": [1, 1, FEATURES], "h0": [1, 1, UNITS]}
    path.write_bytes(onnx_model([*nodes, layer, copy], inputs, known, outputs=["y", "hn"]))
    np.savez(data, x=stream(count=256))
    artefact = compile_model(path, Options(states=STATES["GRU"], data=data, levels=("100", "50")))
    assert len(artefact.report.levels) == 2
    reads = [state_reads(graph) for graph in artefact.choice.levels.graphs]
    assert len({node.outputs[0].type for nodes in reads for node in nodes}) == 1


def test_a_state_that_lies_otherwise_is_moved(tmp_path: Path) -> None:
    """The input is read as rows, the output is a picture, which the graph has as NHWC."""
    shape = [1, 4, 3, 5]
    nodes = ["[rows] r = Reshape(s, rows)", "[softmax] y = Softmax<axis=-1>(r)", "[conv] t = Conv(x, k)"]
    known = {"k": weights(4, 2, 1, 1), "rows": np.array([4, 15], np.int64)}
    path = tmp_path / "net.onnx"
    path.write_bytes(onnx_model(nodes, {"x": [1, 2, 3, 5], "s": shape}, known, outputs=["y", "t"]))
    model = read_model(path, states=[("s", "t")])
    assert [node.op for node in model.graph.nodes].count("TRANSPOSE") == 1
    assert [row.result for row in verify_import(model, model.graph, "100")] == ["equal within 1e-05 relative"]


def test_a_state_with_another_scale_is_rescaled(tmp_path: Path) -> None:
    net = NetBuilder()
    state, x = net.builder.input("s", (1, 4), DType.INT8, Quant.per_tensor(0.5, 3)), net.input(1, 4)
    path = tmp_path / "net.tflite"
    path.write_bytes(write_tflite(net.outputs(net.add(x, state), net.dense(net.add(state, x), 4))))
    file = read_model(path)
    names = [port.name for port in file.outputs]
    model = read_model(path, states=[("s", names[1])])
    assert keeps_state(model.graph)
    assert [node.op for node in model.graph.nodes].count("QUANTIZE") == 1
    with pytest.raises(UsageError, match="an output is named twice"):
        read_model(path, states=[("s", names[1]), ("x", names[1])])
