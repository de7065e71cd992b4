"""When a compile fits a cascade, on which samples, and what it says where it does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from redsc.choices import Recovery
from redsc.compile import Artefact, compile_model
from redsc.formats import write_tflite
from redsc.ir import Array, DType, Graph
from redsc.options import Options, Quantization
from redsc.report.terminal import print_report
from tests.helpers import NetBuilder, samples_of, small_net

COUNT = 300
TOO_FEW = "no cascade: thresholds need 199 samples, 80 are given to fit them"


def images(graph: Graph, count: int, seed: int = 0) -> Array:
    return 4 * samples_of(graph, count, seed)


def options(folder: Path, graph: Graph, count: int = COUNT) -> Options:
    (folder / "net.tflite").write_bytes(write_tflite(graph))
    np.savez(folder / "x.npz", x=images(graph, count))
    return Options(levels=("100", "50"), data=folder / "x.npz", width_multiple=2, recovery=Recovery.PRIVATE)


def codes(made: Artefact) -> list[str]:
    return [item.message for item in made.report.diagnostics if item.code == "L111"]


@pytest.fixture
def chosen(tmp_path: Path) -> Options:
    return options(tmp_path, small_net(DType.FLOAT32))


def test_samples_to_measure_leave_all_others_for_the_thresholds(
    tmp_path: Path, chosen: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    x = images(small_net(DType.FLOAT32), 50, seed=5)
    np.savez(tmp_path / "other.npz", x=x, y=np.arange(50) % 5)
    made = compile_model(tmp_path / "net.tflite", replace(chosen, evaluation=tmp_path / "other.npz"))
    cascade = json.loads(made.files["net.report.json"])["cascade"]
    assert (cascade["calibration_samples"], cascade["samples"], cascade["metric"]) == (COUNT, 50, "accuracy")
    assert [step["level"] for step in cascade["steps"]] == ["50", "100"]
    assert sum(step["share"] for step in cascade["steps"]) == pytest.approx(1)
    assert cascade["macs_fraction"] == pytest.approx(cascade["macs"] / made.report.levels[0].macs, abs=1e-6)
    print_report(made.report)
    first = cascade["steps"][0]
    printed = capsys.readouterr().out
    assert f"cascade run 50, then 100 if the margin of its answer is below {first['threshold']}\n" in printed
    assert f"accuracy {cascade['value']:.4f}" in printed


def test_a_fifth_is_held_back_without_others(tmp_path: Path, chosen: Options) -> None:
    cascade = compile_model(tmp_path / "net.tflite", chosen).report.cascade
    assert cascade is not None
    assert (cascade.calibration_samples, cascade.samples, cascade.metric) == (240, 60, "agreement")


def test_samples_to_measure_alone_are_divided(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(write_tflite(small_net()))
    np.savez(tmp_path / "x.npz", x=samples_of(small_net(), 100))
    plain = Options(levels=("100", "50"), width_multiple=2, evaluation=tmp_path / "x.npz")
    assert codes(compile_model(tmp_path / "net.tflite", plain)) == [TOO_FEW]


def test_too_few_samples_are_said(tmp_path: Path) -> None:
    made = compile_model(tmp_path / "net.tflite", options(tmp_path, small_net(DType.FLOAT32), 100))
    assert made.report.cascade is None
    assert codes(made) == [TOO_FEW]
    assert "cascade" not in made.files["net_manager.h"].decode()


def test_a_float_output_is_said(tmp_path: Path, chosen: Options) -> None:
    made = compile_model(tmp_path / "net.tflite", replace(chosen, quantization=Quantization(enabled=False)))
    assert made.report.cascade is None
    assert codes(made) == ["no cascade: the output is not int8"]


def test_nothing_is_said_of_one_level_a_regression_or_no_data(tmp_path: Path, chosen: Options) -> None:
    one = compile_model(tmp_path / "net.tflite", replace(chosen, levels=("100",)))
    none = compile_model(tmp_path / "net.tflite", replace(chosen, data=None))
    net = NetBuilder(DType.FLOAT32)
    hidden = net.dense(net.input(1, 12), 16)
    line = options(tmp_path, net.outputs(net.dense(hidden, 12)))
    regression = compile_model(tmp_path / "net.tflite", line)
    for made in (one, none, regression):
        assert made.report.cascade is None
        assert codes(made) == []
