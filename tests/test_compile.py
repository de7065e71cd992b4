from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import redsc
from redsc.codegen.container import is_same_model
from redsc.compile import compile_model, read_model, slice_level
from redsc.errors import LimitExceeded, UsageError
from redsc.formats import read_tflite, write_tflite
from redsc.ir import parse_graph
from redsc.limits import DEFAULT_LIMITS
from redsc.options import Options
from redsc.report.analysis import analyze_model
from tests.helpers import small_net


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "Small Net-1.tflite"
    path.write_bytes(write_tflite(small_net()))
    return path


def test_the_package_offers_what_the_readme_shows(model: Path, tmp_path: Path) -> None:
    artefact = redsc.compile_model(model, redsc.Options(levels=("100", "50")))
    redsc.write_files(tmp_path / "out", artefact.files)
    assert (tmp_path / "out" / "Small_Net_1.tflite").is_file()
    assert artefact.report.levels[1].name == "50"
    for name in redsc.__all__:
        assert getattr(redsc, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    misspelt = "compile_modle"
    with pytest.raises(AttributeError, match="no attribute 'compile_modle'"):
        getattr(redsc, misspelt)


def test_one_lossless_level_keeps_the_order_of_the_weights(model: Path) -> None:
    artefact = compile_model(model, Options())
    slot, graph = read_tflite(artefact.files["Small_Net_1.tflite"]), read_model(model).graph
    graph.name = slot.name
    assert is_same_model(slot, graph)
    assert artefact.report.solver.selector == "none"
    assert not artefact.report.diagnostics


def test_stages_are_announced(model: Path) -> None:
    stages: list[str] = []
    compile_model(model, Options(), lambda stage, done=0, total=0: stages.append(stage))
    assert stages[0] == "reading the model"
    assert "asking the runtimes" in stages


def test_a_model_that_would_run_for_ever_is_refused(model: Path) -> None:
    with pytest.raises(LimitExceeded, match="the limit is 1,000"):
        read_model(model, limits=replace(DEFAULT_LIMITS, macs=1000))


def test_a_model_whose_tensors_are_all_live_together_is_refused(model: Path) -> None:
    with pytest.raises(LimitExceeded, match="pairs of tensors are live together, the limit is 2"):
        read_model(model, limits=replace(DEFAULT_LIMITS, live_pairs=2))


def test_what_runtimes_have_no_memory_for_is_analysed_but_not_compiled(tmp_path: Path) -> None:
    path = tmp_path / "large.tflite"
    text = "graph @g { input %x: f32[4096,4096] %y: f32[4096,4096] = RELU(%x) output %y }"
    path.write_bytes(write_tflite(parse_graph(text)))
    assert analyze_model(read_model(path)).live_peak_bytes == 2 * 4 * 4096 * 4096
    with pytest.raises(LimitExceeded, match="134,217,728 B are live at 'y'"):
        compile_model(path, Options())


def test_an_unknown_selector_suggests_one(model: Path) -> None:
    with pytest.raises(UsageError, match="did you mean uniform"):
        compile_model(model, Options(levels=("50",), selector="unifrom"))


def test_a_model_with_one_level_is_its_own_slice(model: Path, tmp_path: Path) -> None:
    artefact = compile_model(model, Options())
    container = tmp_path / "c.tflite"
    container.write_bytes(artefact.files["Small_Net_1.tflite"])
    assert is_same_model(read_tflite(slice_level(container, "100")), read_tflite(container.read_bytes()))
