"""Networks that keep state, from the file to the firmware's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from redsc.budgets import Budgets
from redsc.choices import Resident, Sharing
from redsc.compile import Artefact, compile_model, slice_level, verify_container
from redsc.formats import write_tflite
from redsc.ir import DType
from redsc.options import Options, Quantization, Tuning
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import difference, random_samples
from tests.conftest import Zoo
from tests.helpers import streaming_net
from tests.zoo_models import STREAMING

LEVELS = ("100", "75", "50")
BIT_EXACT = "equal bit for bit"


def model_file(folder: Path, dtype: DType = DType.INT8) -> Path:
    path = folder / "stream.tflite"
    path.write_bytes(write_tflite(streaming_net(dtype)))
    return path


def report(artefact: Artefact) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(artefact.files[artefact.report_path])
    return found


def results(artefact: Artefact) -> set[str]:
    return {row.result for row in artefact.report.verification}


def test_a_wake_word_model_compiles_and_is_proven(zoo: Zoo) -> None:
    """Each of its spaces is state, an input or an output: there is one level, and the others say why."""
    artefact = compile_model(zoo(STREAMING), Options(levels=LEVELS, name="nabu"))
    assert [level.name for level in artefact.report.levels] == ["100"]
    state = "it is state, which all levels share"
    notes = [note for note in artefact.report.diagnostics if note.code == "L102"]
    assert [note.message for note in notes] == ["level 50 is left out", "level 75 is left out"]
    assert all(sum(state in line for line in note.evidence) == 7 for note in notes)
    assert report(artefact)["state"] == {"variables": 6, "bytes": 3472, "switching": "kept: all levels share it"}
    if installed("tflm"):
        assert "head and tail as computed, to the byte" in results(artefact)
    assert b"#define NABU_VARIABLE_COUNT 6\n" in artefact.files["nabu.h"]


@pytest.mark.parametrize("sharing", Sharing)
@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_levels_of_a_streaming_network_are_proven(tmp_path: Path, sharing: Sharing, dtype: DType) -> None:
    path = model_file(tmp_path, dtype)
    artefact = compile_model(path, Options(levels=LEVELS, budgets=Budgets(sharing=sharing)))
    assert [level.name for level in artefact.report.levels] == list(LEVELS)
    slots = [row for row in artefact.report.verification if "as a file of its own" in row.oracle]
    assert {(row.level, row.result) for row in slots} <= {(name, BIT_EXACT) for name in LEVELS}
    container, plan = tmp_path / "net.tflite", tmp_path / "plan.json"
    container.write_bytes(artefact.files["stream.tflite"])
    plan.write_bytes(artefact.files["stream.plan.json"])
    assert verify_container(container, path, plan)
    graph, alone = streaming_net(dtype), slice_level(container, "50")
    if sharing is Sharing.COPIES:
        samples = random_samples(graph, 20)
        slot = EXECUTORS["litert"].run_steps(container.read_bytes()[32:], samples)
        assert difference(slot, EXECUTORS["litert"].run_steps(alone, samples)) is None


def test_one_level_at_a_time_loses_the_state(tmp_path: Path) -> None:
    budgets = Budgets(resident=Resident.ONE)
    artefact = compile_model(model_file(tmp_path), Options(levels=("100", "50"), budgets=budgets))
    assert report(artefact)["state"]["switching"] == "reset: the arena holds one level at a time"


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_data_measure_a_streaming_network_and_change_nothing(tmp_path: Path, dtype: DType) -> None:
    path, data = model_file(tmp_path, dtype), tmp_path / "data.npz"
    kind = np.float32 if dtype is DType.FLOAT32 else np.int8
    samples = np.random.default_rng(0).integers(-100, 100, (64, 1, 1, 1, 6)).astype(kind)
    np.savez(data, x=samples)
    options = Options(
        levels=("100", "50"),
        data=data,
        tuning=Tuning(steps=2),
        budgets=Budgets(sharing=Sharing.COPIES),
        quantization=Quantization(enabled=False),
    )
    artefact = compile_model(path, options)
    assert [note.code for note in artefact.report.diagnostics if note.code in ("L112", "L111")] == ["L112", "L111"]
    assert all(level.quality is not None for level in artefact.report.levels)
    assert artefact.report.cascade is None
    assert artefact.choice.weights is None
    assert artefact.choice.quantized is None
    steps = [[row] for row in samples]
    whole = EXECUTORS["litert"].run_steps(path.read_bytes(), steps)
    assert difference(whole, EXECUTORS["litert"].run_steps(artefact.files["stream.tflite"], steps), 1e-5) is None
