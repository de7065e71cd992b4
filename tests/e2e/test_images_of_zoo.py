"""Levels with smaller images of real networks, on both backends, checked by every oracle of a compile."""

from __future__ import annotations

import onnx
import pytest

from redsc.budgets import Budgets
from redsc.compile import compile_model, read_model
from redsc.errors import UsageError
from redsc.formats import write_tflite
from redsc.formats.model import port
from redsc.option_texts import parse_crops, parse_resolutions
from redsc.options import Options
from redsc.passes.slice.resize_inputs import image_size, resize_inputs
from redsc.runtime import EXECUTORS, run_isolated
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples
from tests.conftest import Zoo
from tests.e2e.test_zoo import needs_zoo

VWW = "models/mlcommons+tiny/vww_96_int8.tflite"
BLOCKED = {
    "exports/flatcnn.dynamo18.onnx": "SLICE",
    "models/mit-han-lab+tinyengine/detection.tflite": "RESIZE_NEAREST_NEIGHBOR",
    "models/mlcommons+tiny/ad01_int8.tflite": "input",
}


@needs_zoo
@pytest.mark.parametrize("backend", ["tflm", "c"])
def test_a_mobilenet_runs_at_three_sizes(zoo: Zoo, backend: str) -> None:
    options = Options(
        budgets=Budgets.parse(backend=backend),
        levels=("100", "50", "25", "10"),
        selector="uniform",
        resolutions=parse_resolutions("50=64,25=48"),
        crops=parse_crops(["10=16,16,48,48"]),
    )
    made = compile_model(zoo(VWW), options)
    sizes = [graph.inputs[0].type.shape[1:3] for graph in made.choice.levels.graphs]
    assert sizes == [(96, 96), (64, 64), (48, 48), (48, 48)]
    oracle = "the C engine on this machine" if backend == "c" else "litert"
    rows = [
        row for row in made.report.verification if row.oracle.startswith(oracle) and "model file" not in row.oracle
    ]
    assert [row.level for row in rows] == ["100", "50", "25", "10"]
    assert {row.result for row in rows if not row.result.startswith("not run")} <= {"equal bit for bit"}


@needs_zoo
@pytest.mark.parametrize("name", ["mbv2.legacy17", "resnet8.dynamo18", "silu_se.legacy13"])
def test_an_export_is_what_its_file_is_with_its_sizes_left_open(zoo: Zoo, name: str) -> None:
    path = zoo(f"exports/{name}.onnx")
    model, opened = read_model(path), onnx.load(path)
    for place, axis in enumerate((2, 3)):
        opened.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = "HW"[place]
    del opened.graph.value_info[:]
    height, width = image_size(model.graph)
    resized = resize_inputs(model.graph, (height // 2, width // 2))
    ports = [port(item, file.axes) for item, file in zip(resized.inputs, model.inputs, strict=True)]
    samples = random_samples(resized, 2)
    expected = run_isolated(
        "onnxruntime", opened.SerializeToString(), [[ports[0].to_source(row[0])] for row in samples]
    )
    answers = EXECUTORS["litert"].run(write_tflite(resized), samples)
    found = [[model.outputs[0].to_source(row[0])] for row in answers]
    assert difference(expected, found, FLOAT_TOLERANCE) is None


@needs_zoo
@pytest.mark.parametrize("name", BLOCKED)
def test_what_stands_in_the_way_is_named(zoo: Zoo, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        resize_inputs(read_model(zoo(name)).graph, (40, 40))
    assert any(line.startswith(BLOCKED[name]) for line in caught.value.diagnostic.evidence)
