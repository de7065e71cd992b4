"""TFLite files with several signatures: one is chosen, and is then the file's first network."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from redsc.codegen.oracles import verify_import
from redsc.compile import compile_model
from redsc.errors import MalformedModel, UsageError
from redsc.formats import Model, load_model, write_tflite
from redsc.formats.tflite.signatures import with_signature
from redsc.formats.tflite.state import CallOnce
from redsc.ir import Add, Graph, Value, state_reads
from redsc.options import Options
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import difference, random_samples
from tests.formats.onnx.models import one
from tests.formats.tflite.branch_files import branch, choose, file_with_signatures
from tests.formats.tflite.state_files import F32, assign, handle, read, start
from tests.formats.tflite.test_branches import node, one_op, scalar

AGREES = "equal within 1e-05 relative"
NOT_THERE = "not run: tflite_micro is not installed"
NAMES = ("train", "infer", "step")
OPS_OF = {"train": "TANH", "infer": "RELU", "step": "READ_VARIABLE ADD ASSIGN_VARIABLE"}


def _graphs() -> list[Graph]:
    """Three networks: with an IF, with a state that starts once, and what these run."""
    x = Value("x", F32)
    train, infer, step = one_op("train", "TANH", x), branch("infer", [x]), branch("step", [x])
    infer.outputs = [Value("r", F32)]
    choose(infer, scalar("yes", True), infer.inputs, infer.outputs, 4, 5)
    init = Graph("init")
    start(init)
    step.append("CALL_ONCE", [], [], CallOnce(3))
    own = handle(step)
    step.outputs = [node(step, "ADD", read(step, own, "old"), step.inputs[0], attrs=Add())]
    assign(step, own, step.outputs[0])
    return [train, infer, step, init, one_op("then", "RELU", x), one_op("other", "ABS", x)]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return _stored(tmp_path, [(name, index) for index, name in enumerate(NAMES)], monkeypatch)


def _stored(folder: Path, signatures: Sequence[tuple[str, int]], monkeypatch: pytest.MonkeyPatch) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(file_with_signatures(_graphs(), signatures, monkeypatch))
    return path


def _ops(model: Model) -> str:
    return " ".join(item.op for item in model.graph.nodes)


@pytest.mark.parametrize("name", NAMES)
def test_the_network_of_a_signature_is_read_and_compared(name: str, path: Path) -> None:
    model = load_model(path, signature=name)
    assert _ops(model) == OPS_OF[name]
    assert len(state_reads(model.graph)) == (name == "step")
    rows = verify_import(model, model.graph, "100")
    assert {row.result for row in rows} - {NOT_THERE} == {AGREES}


@pytest.mark.parametrize("name", ["train", "infer"])
def test_litert_runs_the_same_network_under_that_name(name: str, path: Path) -> None:
    model = load_model(path, signature=name)
    samples = random_samples(model.graph, 3)
    runner = Interpreter(model_content=model.source).get_signature_runner(name)
    (port,) = runner.get_input_details()
    wanted = [list(runner(**{port: np.asarray(sample[0])}).values()) for sample in samples]
    assert difference(wanted, EXECUTORS["litert"].run(write_tflite(model.graph), samples), 1e-5) is None


def test_a_compile_takes_the_network_of_the_signature(path: Path) -> None:
    report = compile_model(path, Options(signature="step")).report
    assert report.state is not None
    assert (report.state.variables, report.state.bytes) == (1, 8)
    assert {row.result for row in report.verification if "model file" in row.oracle} - {NOT_THERE} == {AGREES}


def test_without_a_name_it_is_the_first_network(path: Path) -> None:
    assert _ops(load_model(path)) == OPS_OF["train"]


def test_the_only_signature_needs_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _ops(load_model(_stored(tmp_path, [("infer", 1)], monkeypatch))) == OPS_OF["infer"]


def test_another_name_is_refused_with_those_there_are(path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such signature") as caught:
        load_model(path, signature="x")
    assert caught.value.diagnostic.hint == "the signatures are 'train', 'infer', 'step'"
    with pytest.raises(UsageError) as near:
        load_model(path, signature="infr")
    assert near.value.diagnostic.hint == "did you mean infer?"


def test_a_file_without_signatures_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError) as caught:
        load_model(_stored(tmp_path, [], monkeypatch), signature="infer")
    assert caught.value.diagnostic.hint == "the file has no signatures"


def test_onnx_files_have_no_signatures(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(one("Relu", [1, 2]))
    with pytest.raises(UsageError, match="it has no signatures"):
        load_model(path, signature="infer")


def test_a_signature_of_no_subgraph_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs = _graphs() + [one_op(f"more{number}", "ABS", Value("x", F32)) for number in range(8)]
    data = file_with_signatures(graphs, [("a", 13)], monkeypatch)
    damaged = data.replace(struct.pack("<I", 13), struct.pack("<I", 99))
    with pytest.raises(MalformedModel, match="is of subgraph 99"):
        with_signature(damaged, "a")


def test_damaged_bytes_are_malformed(path: Path) -> None:
    data = path.read_bytes()
    for length in range(8, len(data), 97):
        try:
            with_signature(data[:length], "infer")
        except (MalformedModel, UsageError):
            continue
