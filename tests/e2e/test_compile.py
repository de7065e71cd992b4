"""The promise of the README, on the models it was made for: real files, real runtimes, real inputs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from redsc.budgets import Budgets
from redsc.codegen.container import slot_bytes, slot_count
from redsc.codegen.firmware import tflm_files
from redsc.compile import Artefact, compile_model, read_model, slice_level
from redsc.cost.macs import graph_macs
from redsc.errors import BudgetError
from redsc.formats import load_model, read_tflite, write_tflite
from redsc.ir import Array, DType
from redsc.option_texts import parse_levels
from redsc.options import Options, Quantization
from redsc.passes.select.problem import legal_widths
from redsc.passes.slice.plan import ceiling_macs
from redsc.passes.slice.slice import slice_channels
from redsc.passes.slice.strided import as_stock, has_strided
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime import EXECUTORS, run_isolated
from redsc.runtime.compare import difference, random_samples
from tests.conftest import ROOT, Zoo
from tests.e2e.inputs import REAL_INPUTS
from tests.zoo_models import MLPERF, REDS

tflite_micro = pytest.importorskip("tflite_micro", reason="needs the tflite-micro wheel: pip install redsc[tflm]")

EXAMPLE = ROOT / "examples" / "fashion_dscnn.onnx"
LEVELS = ("100", "75", "50", "25")
MODELS = {
    f"{MLPERF}/kws_ref_model.tflite": "48KB",
    f"{MLPERF}/vww_96_int8.tflite": "220KB",
    f"{MLPERF}/pretrainedResnet_quant.tflite": "90KB",
    f"{MLPERF}/ad01_int8.tflite": "16KB",
    f"{REDS}/ds_cnn_s_quantized.tflite": "48KB",
    str(EXAMPLE): "120KB",
}
INT8_MODELS = [name for name in MODELS if name != str(EXAMPLE)]


def find(zoo: Zoo, name: str) -> Path:
    return EXAMPLE if name == str(EXAMPLE) else zoo(name)


def ident(name: str) -> str:
    return Path(name).stem


@pytest.fixture(scope="module")
def artefacts() -> dict[str, Artefact]:
    return {}


@pytest.fixture
def compiled(zoo: Zoo, name: str, artefacts: dict[str, Artefact]) -> Artefact:
    if name not in artefacts:
        options = Options(budgets=Budgets.parse(ram=MODELS[name]), levels=parse_levels("25,50,75,100"))
        artefacts[name] = compile_model(find(zoo, name), options)
    return artefacts[name]


def container_of(artefact: Artefact) -> bytes:
    return artefact.files[f"{artefact.name}.tflite"]


@pytest.mark.parametrize("name", MODELS, ids=ident)
def test_every_slot_equals_the_level_that_its_plan_makes_of_the_model(
    zoo: Zoo, name: str, compiled: Artefact, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_bytes(compiled.files[f"{compiled.name}.plan.json"])
    data = container_of(compiled)
    assert [level.name for level in compiled.report.levels] == list(LEVELS)
    assert slot_count(data) == len(LEVELS)
    for slot, level in enumerate(LEVELS):
        alone = slice_level(find(zoo, name), level, plan)
        samples = random_samples(read_tflite(alone), 4, seed=slot)
        graph = read_tflite(slot_bytes(data, slot))
        stock = write_tflite(as_stock(graph)) if has_strided(graph) else slot_bytes(data, slot)
        assert has_strided(graph) == (slot > 0)
        for executor in ("litert", "tflm"):
            run = EXECUTORS[executor].run
            assert difference(run(alone, samples), run(stock, samples)) is None


@pytest.mark.parametrize("name", INT8_MODELS, ids=ident)
def test_slot_0_is_bit_exact_to_the_original_on_random_and_real_inputs(
    zoo: Zoo, name: str, compiled: Artefact
) -> None:
    model = load_model(zoo(name))
    real = [[array] for array in REAL_INPUTS[ident(name)](zoo)]
    assert len({array.tobytes() for (array,) in real}) == 16
    samples: list[list[Array]] = [*random_samples(model.graph, 16, seed=3), *real]
    expected = run_isolated("tflm", model.source, samples)
    assert difference(expected, EXECUTORS["tflm"].run(container_of(compiled), samples)) is None
    assert len({row[0].tobytes() for row in expected}) > 1


@pytest.mark.parametrize("name", [str(EXAMPLE)], ids=ident)
def test_slot_0_of_the_float_example_is_close_to_onnxruntime(zoo: Zoo, name: str, compiled: Artefact) -> None:
    images = np.load(ROOT / "examples" / "fashion_eval.npz")["x"][:16]
    source = [[image.reshape(1, 1, 28, 28)] for image in images]
    ours = [[image.transpose(0, 2, 3, 1)] for (image,) in source]
    expected = run_isolated("onnxruntime", EXAMPLE.read_bytes(), source)
    for executor in ("litert", "tflm"):
        assert difference(expected, EXECUTORS[executor].run(container_of(compiled), ours), 1e-5) is None


@pytest.mark.parametrize("name", MODELS, ids=ident)
def test_macs_stay_under_every_ceiling_and_the_next_wider_width_would_not(
    zoo: Zoo, name: str, compiled: Artefact
) -> None:
    graph = read_model(find(zoo, name)).graph
    groups, full = find_channel_groups(graph), graph_macs(graph)
    outer = {space.name: space.size for space in groups.free}
    for slot, level in enumerate(compiled.report.levels):
        ceiling = ceiling_macs(level.name, full)
        assert graph_macs(read_tflite(slot_bytes(container_of(compiled), slot))) == level.macs <= ceiling
        for space in groups.free:
            wider = [w for w in legal_widths(space, 4) if level.widths[space.name] < w <= outer[space.name]]
            if wider:
                assert graph_macs(slice_channels(graph, groups, {**level.widths, space.name: wider[0]})) > ceiling
        outer = dict(level.widths)


@pytest.mark.parametrize("name", MODELS, ids=ident)
def test_the_allocator_confirmed_head_and_tail_of_every_level(zoo: Zoo, name: str) -> None:
    options = Options(budgets=Budgets.parse(ram=MODELS[name], share="copies"), levels=LEVELS)
    report = compile_model(find(zoo, name), options).report
    rows = [row for row in report.verification if row.oracle == "the allocator of tflm"]
    assert [row.level for row in rows] == list(LEVELS)
    assert {row.result for row in rows} == {"head and tail as computed, to the byte"}
    assert len(report.files) == 6


@pytest.mark.parametrize("name", MODELS, ids=ident)
def test_the_budget_is_kept(name: str, compiled: Artefact) -> None:
    budget = compiled.report.budget.ram_bytes
    assert budget is not None
    assert compiled.report.arena.resident_one_bytes <= compiled.report.arena.resident_all_bytes <= budget
    for level in compiled.report.levels:
        assert level.arena.lower_bound_bytes <= level.arena.head_bytes <= level.arena.tflm_greedy_head_bytes


@pytest.mark.parametrize("name", [INT8_MODELS[0], str(EXAMPLE)], ids=ident)
def test_two_processes_write_the_same_bytes(zoo: Zoo, name: str, tmp_path: Path) -> None:
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "redsc", "compile", str(find(zoo, name)), "--levels", "25,50,75,100"]
        subprocess.run([*command, "-o", seed], cwd=tmp_path, env={"PYTHONHASHSEED": seed}, check=True)
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / seed).iterdir()} for seed in ("1", "2"))
    assert len(first) == 7 + len(tflm_files())
    assert first == second


def test_a_budget_that_slot_0_misses_gives_the_best_narrower_network(zoo: Zoo) -> None:
    options = Options(budgets=Budgets.parse(ram="60KB"), levels=parse_levels("25,50,75,100"))
    report = compile_model(zoo(f"{MLPERF}/vww_96_int8.tflite"), options).report
    first = report.levels[0]
    assert 25 < float(first.name) < 100
    assert first.arena.total_bytes <= 60_000
    assert report.diagnostics[0].code == "L101"
    assert report.arena.resident_all_bytes <= 60_000


def test_a_budget_that_nothing_meets_says_where_it_peaks(zoo: Zoo) -> None:
    options = Options(budgets=Budgets.parse(ram="2KB"), levels=parse_levels("25,50,75,100"))
    with pytest.raises(BudgetError) as caught:
        compile_model(zoo(f"{MLPERF}/kws_ref_model.tflite"), options)
    message = str(caught.value)
    assert "error[R501]: the narrowest legal network needs" in message
    assert "at step" in message
    assert "live then:" in message
    assert "the least RAM that would do is" in message


def test_the_float_example_with_data_becomes_int8_and_stays_as_good(tmp_path: Path) -> None:
    data = ROOT / "examples" / "fashion_eval.npz"
    budgets = Budgets.parse(ram="50KB")  # float needs 93 KB for one level alone
    artefact = compile_model(EXAMPLE, Options(budgets=budgets, levels=LEVELS, data=data))
    whole = compile_model(EXAMPLE, Options(data=data, levels=("100",), quantization=Quantization(enabled=False)))
    found, wanted = artefact.report.levels[0].quality, whole.report.levels[0].quality
    assert found is not None
    assert found.value is not None
    assert wanted is not None
    assert wanted.value is not None
    assert artefact.report.levels[0].name == "100"
    assert found.value >= wanted.value - 0.005
    for slot in range(len(LEVELS)):
        graph = read_tflite(slot_bytes(container_of(artefact), slot))
        assert {value.type.dtype for value in graph.activations()} == {DType.INT8}
    rows = [row for row in artefact.report.verification if row.level == "whole network"]
    assert [row.result for row in rows] == ["equal within 1e-05 relative"]
    assert artefact.layer_sqnr()[-1].sqnr_db > 25


def test_two_compiles_with_data_write_the_same_bytes_on_any_number_of_threads(tmp_path: Path) -> None:
    for threads in ("1", "2"):
        environment = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "REDSC_CACHE": ""}
        data = ["--data", str(ROOT / "examples" / "fashion_calib.npz"), "--levels", "50,100"]
        command = [sys.executable, "-m", "redsc", "compile", str(EXAMPLE), *data, "-o", threads]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("1", "2"))
    assert len(first) == 7 + len(tflm_files())
    assert first == second
