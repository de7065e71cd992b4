"""Layers that hand on nearly what they read: data say so, levels skip them, and everything after knows it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from redsc.compile import compile_model, plan_levels, verify_container
from redsc.errors import UsageError
from redsc.formats import write_tflite
from redsc.ir import Activation, Array, DType, Graph, Padding
from redsc.options import Options
from redsc.passes.slice.nested import replace_constants
from redsc.runtime.ports import quantize_samples
from tests.helpers import NetBuilder, samples_of

CHANNELS, SAMPLES = 8, 80


def chain() -> Graph:
    """Return a stem, a separable convolution with as many channels, and a head."""
    net = NetBuilder(DType.FLOAT32)
    x = net.conv(net.input(1, 6, 6, 2), CHANNELS, 3, padding=Padding.SAME, activation=Activation.RELU)
    x = net.conv(net.depthwise(x, 3, padding=Padding.SAME), CHANNELS, 3, padding=Padding.SAME)
    return net.outputs(net.dense(net.mean(x, 1, 2), 4))


def nearly_identical() -> Graph:
    """Return the same, but the separable convolution is the identity with some noise."""
    graph, chance = chain(), np.random.default_rng(0)
    depthwise, pointwise = np.zeros((1, 3, 3, CHANNELS)), np.zeros((CHANNELS, 3, 3, CHANNELS))
    depthwise[0, 1, 1] = 1
    pointwise[:, 1, 1] = np.eye(CHANNELS)
    changed: dict[str, Array] = {
        "depthwise_conv_2d1.weight": depthwise,
        "conv_2d2.weight": pointwise,
        "depthwise_conv_2d1.bias": np.zeros(CHANNELS),
        "conv_2d2.bias": np.zeros(CHANNELS),
    }
    noisy = {n: (x + chance.normal(0, 1e-3, x.shape)).astype(np.float32) for n, x in changed.items()}
    return replace_constants(graph, noisy)


def write(folder: Path, graph: Graph) -> tuple[Path, Options]:
    """Write a network and samples, and return what a compile of them takes."""
    (folder / "net.tflite").write_bytes(write_tflite(graph))
    np.savez(folder / "x.npz", x=4 * samples_of(graph, SAMPLES))
    options = Options(levels=("100", "50", "25"), data=folder / "x.npz", width_multiple=2, uses_cache=False)
    return folder / "net.tflite", options


def make_int8(model: Path, options: Options) -> None:
    """Replace the files of a network and of its samples by their int8 forms."""
    assert options.data is not None
    quantized = plan_levels(model, replace(options, levels=("100",))).levels.graphs[0]
    samples = [[row] for row in np.load(options.data)["x"][:, None]]
    np.savez(options.data, x=np.concatenate([row[0] for row in quantize_samples(quantized, samples)]))
    model.write_bytes(write_tflite(quantized))


@pytest.mark.parametrize("is_int8", [False, True])
def test_a_level_skips_layers_that_data_say_are_worth_nothing(tmp_path: Path, is_int8: bool) -> None:
    model, options = write(tmp_path, nearly_identical())
    if is_int8:
        make_int8(model, options)
    made = compile_model(model, options)
    plan = json.loads(made.files["net.plan.json"])
    (segment,) = plan["segments"]
    assert [level["skipped"] for level in plan["levels"]] == [[], [segment]]
    assert [note.message for note in made.report.diagnostics if note.code == "L104"] == [
        "level 50 is left out: it would be the network of level 25"
    ]
    half = made.report.levels[1]
    assert set(half.widths.values()) == {CHANNELS}  # one space is left, and nothing of it had to go
    assert half.quality is not None
    assert half.quality.value is not None
    assert half.quality.value >= 0.9
    (tmp_path / "plan.json").write_bytes(made.files["net.plan.json"])
    given = replace(options, levels=(), plan=tmp_path / "plan.json")
    assert compile_model(model, given).files["net.tflite"] == made.files["net.tflite"]
    (tmp_path / "made.tflite").write_bytes(made.files["net.tflite"])
    assert verify_container(
        tmp_path / "made.tflite", model, tmp_path / "plan.json", options=replace(options, levels=())
    )


def test_layers_that_do_something_stay(tmp_path: Path) -> None:
    made = compile_model(*write(tmp_path, chain()))
    plan = json.loads(made.files["net.plan.json"])
    assert "segments" not in plan
    assert not any(level["skipped"] for level in plan["levels"])
    assert len(plan["order"]) == 2


def test_a_plan_with_a_segment_that_is_not_there_is_refused(tmp_path: Path) -> None:
    model, options = write(tmp_path, chain())
    plan = json.loads(compile_model(model, options).files["net.plan.json"])
    (tmp_path / "plan.json").write_text(json.dumps({**plan, "segments": ["elsewhere"]}))
    with pytest.raises(UsageError) as caught:
        compile_model(model, replace(options, levels=(), plan=tmp_path / "plan.json"))
    assert caught.value.diagnostic.evidence == ("there are no such segments: elsewhere",)
