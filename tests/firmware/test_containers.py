"""Real models, four levels over one weight array: every slot in the TFLM interpreter, with redsc's kernels."""

from __future__ import annotations

from pathlib import Path

import pytest

from redsc.codegen.container import slot_bytes
from redsc.compile import Artefact, compile_model
from redsc.cost.buffer import ALIGNMENT_BYTES
from redsc.cost.memory import arena_bytes, head_bytes
from redsc.cost.tflm.structs import X86_64_RECORDING
from redsc.cost.tflm.tail import tail_bytes
from redsc.formats import planned_offsets, read_tflite, write_models, write_tflite
from redsc.options import Options
from redsc.passes.slice.strided import as_stock, has_strided
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples
from redsc.runtime.tflm import run
from tests.conftest import Zoo
from tests.firmware.wheel import measure_strided_arena, run_strided

LEVELS = ("100", "75", "50", "25")
ROOT = Path(__file__).resolve().parents[2]
MODELS = {
    "kws": "models/mlcommons+tiny/kws_ref_model.tflite",
    "vww": "models/mlcommons+tiny/vww_96_int8.tflite",
    "resnet8": "models/mlcommons+tiny/pretrainedResnet_quant.tflite",
    "ad01": "models/mlcommons+tiny/ad01_int8.tflite",
    "ds_cnn_s": "models/FraCorti+REDS/ds_cnn_s_quantized.tflite",
    "example": "examples/fashion_dscnn.onnx",
}


@pytest.fixture(scope="module", params=MODELS)
def artefact(request: pytest.FixtureRequest, zoo: Zoo) -> Artefact:
    where = MODELS[request.param]
    path = ROOT / where if where.startswith("examples") else zoo(where)
    return compile_model(path, Options(levels=LEVELS))


def test_every_slot_runs_as_the_level_does_alone(artefact: Artefact) -> None:
    container = artefact.files[f"{artefact.name}.tflite"]
    for slot, level in enumerate(artefact.choice.levels.graphs):
        data = slot_bytes(container, slot)
        graph = read_tflite(data)
        assert has_strided(graph) == (slot > 0)
        samples = random_samples(level, 4, slot)
        assert difference(run(write_tflite(level), samples), run_strided(data, samples), FLOAT_TOLERANCE) is None
        assert difference(run(write_tflite(level), samples), run(write_tflite(as_stock(graph)), samples)) is None


def test_arenas_are_as_computed(artefact: Artefact) -> None:
    container = artefact.files[f"{artefact.name}.tflite"]
    for slot in range(len(LEVELS)):
        data = slot_bytes(container, slot)
        graph, offsets = read_tflite(data), planned_offsets(data)
        used = measure_strided_arena(data)
        assert used.head_bytes == head_bytes(graph, offsets, X86_64_RECORDING)
        assert used.tail_bytes == tail_bytes(graph, X86_64_RECORDING)
        size = arena_bytes(graph, offsets, X86_64_RECORDING) + 2 * ALIGNMENT_BYTES
        samples = random_samples(graph, 1)
        assert difference(run_strided(data, samples), run_strided(data, samples, size)) is None


def test_a_level_takes_little_more_than_its_own_parts(artefact: Artefact) -> None:
    container, report = artefact.files[f"{artefact.name}.tflite"], artefact.report
    graphs = [read_tflite(slot_bytes(container, slot)) for slot in range(len(LEVELS))]
    alone = len(write_models(graphs[:1], [planned_offsets(container)]))
    parts = sum(len(graph.values()) + len(graph.nodes) for graph in graphs[1:])
    private = sum(level.private_bytes for level in report.levels[1:])
    assert report.flash.by_sharing["strided"] == len(container) < report.flash.by_sharing["copies"]
    assert len(container) <= alone + 80 * parts + private
