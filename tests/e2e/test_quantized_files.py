"""Model files that are quantised already, but otherwise than redsc's container: QDQ in ONNX, uint8 in TFLite."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from redsc.choices import Recovery
from redsc.codegen.container import slot_bytes
from redsc.codegen.firmware import tflm_files
from redsc.compile import Artefact, compile_model
from redsc.formats import read_tflite, write_tflite
from redsc.ir import Array, DType
from redsc.options import Options
from redsc.passes.slice.strided import as_stock, has_strided
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import random_samples
from tests.formats.onnx.models import onnx_model
from tests.old_net import OldNet

LEVELS = ("100", "60")


class Batches(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no type information
    """Random pictures for onnxruntime's calibration."""

    def __init__(self) -> None:
        random = np.random.default_rng(1)
        self.left = [{"x": random.standard_normal((1, 3, 8, 8)).astype(np.float32)} for _ in range(16)]

    def get_next(self) -> dict[str, Array] | None:
        return self.left.pop() if self.left else None


def float_onnx() -> onnx.ModelProto:
    """Return a tiny network."""
    random = np.random.default_rng(0)
    shapes = {"w1": (8, 3, 3, 3), "b1": (8,), "w2": (8, 8, 3, 3), "b2": (8,), "w3": (5, 8), "b3": (5,)}
    constants = {name: (random.standard_normal(shape) / 4).astype(np.float32) for name, shape in shapes.items()}
    nodes = [
        "c1 = Conv<pads=[1, 1, 1, 1]>(x, w1, b1)",
        "r1 = Relu(c1)",
        "c2 = Conv<pads=[1, 1, 1, 1]>(r1, w2, b2)",
        "r2 = Relu(c2)",
        "m = GlobalAveragePool(r2)",
        "f = Flatten(m)",
        "y = Gemm<transB=1>(f, w3, b3)",
    ]
    return onnx.load_model_from_string(onnx_model(nodes, {"x": [1, 3, 8, 8]}, constants, opset=17))


@pytest.fixture(params=[QuantType.QInt8, QuantType.QUInt8], ids=["int8", "uint8"])
def qdq(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    logging.getLogger().setLevel(logging.ERROR)
    path = tmp_path / "qdq.onnx"
    quantize_static(
        float_onnx(),
        str(path),
        Batches(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=request.param,
        weight_type=QuantType.QInt8,
    )
    return path


@pytest.fixture
def uint8(tmp_path: Path) -> Path:
    path = tmp_path / "old.tflite"
    path.write_bytes(write_tflite(OldNet(weight_point=100, reach=120).net()))
    return path


def slots(artefact: Artefact) -> list[bytes]:
    container = artefact.files[f"{artefact.name}.tflite"]
    return [slot_bytes(container, slot) for slot in range(len(artefact.report.levels))]


def check_slots(artefact: Artefact) -> None:
    """Every slot is all int8 and runs in both runtimes."""
    for data in slots(artefact):
        graph = read_tflite(data)
        assert {value.type.dtype for value in graph.activations()} == {DType.INT8}
        stock = write_tflite(as_stock(graph)) if has_strided(graph) else data
        for name in ("litert", "tflm"):
            if installed(name):
                assert len(EXECUTORS[name].run(stock, random_samples(graph, 2))) == 2


def check_levels(artefact: Artefact, levels: tuple[str, ...]) -> None:
    """The levels are those that were asked for, and every slot answers as a file of its own."""
    names = list(levels or ("100",))
    assert [level.name for level in artefact.report.levels] == names
    oracles = [name for name in ("litert", "tflm") if installed(name)]
    for name in oracles:
        found = results(artefact, name, "against the level as a file of its own")
        assert found == dict.fromkeys(names, "equal bit for bit")


def results(artefact: Artefact, oracle: str, claim: str = "") -> dict[str, str]:
    rows = (row for row in artefact.report.verification if row.oracle.startswith(oracle) and claim in row.oracle)
    return {row.level: row.result for row in rows}


def is_quiet(result: str) -> bool:
    """Whether a row says that answers agree, but for a noise 20 dB below them."""
    decibels, _, rest = result.partition(" dB SQNR: ")
    return result == "equal" or (float(decibels) > 20 and rest == "the file rounds otherwise")


def check_files(artefact: Artefact) -> None:
    name = artefact.name
    endings = (".tflite", ".c", ".h", "_manager.h", "_tflm.h", ".plan.json", ".report.json")
    kernels = tflm_files() if len(artefact.report.levels) > 1 else {}
    assert set(artefact.files) == {f"{name}{ending}" for ending in endings} | set(kernels)
    assert all(artefact.files.values())


@pytest.mark.parametrize("levels", [(), LEVELS])
def test_a_qdq_network_becomes_int8_with_the_scales_of_its_file(qdq: Path, levels: tuple[str, ...]) -> None:
    artefact = compile_model(qdq, Options(levels=levels))
    check_files(artefact)
    check_slots(artefact)
    check_levels(artefact, levels)
    assert is_quiet(results(artefact, "onnxruntime, against the model file")["whole network"])


@pytest.mark.parametrize("levels", [(), LEVELS])
def test_a_uint8_network_becomes_int8(uint8: Path, levels: tuple[str, ...]) -> None:
    artefact = compile_model(uint8, Options(levels=levels, width_multiple=2))
    check_files(artefact)
    check_slots(artefact)
    check_levels(artefact, levels)
    (result,) = results(artefact, "litert, against the model file").values()
    assert is_quiet(result)
    (refusal,) = results(artefact, "tflm, against the model file").values()
    assert refusal.startswith("not run: ")  # tflite-micro has no uint8 kernels, or is not installed
    assert artefact.report.model.inputs[0].dtype == "i8"


@pytest.mark.parametrize("levels", [(), LEVELS])
def test_two_compiles_give_the_same_bytes(qdq: Path, levels: tuple[str, ...]) -> None:
    first, second = (compile_model(qdq, Options(levels=levels)).files for _ in range(2))
    assert first == second


def test_a_uint8_network_is_measured_on_data_in_its_own_range(uint8: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    np.savez(tmp_path / "data.npz", x=random.integers(0, 256, (16, 8, 8, 3), np.uint8))
    data = tmp_path / "data.npz"
    options = Options(levels=LEVELS, width_multiple=2, data=data, evaluation=data, recovery=Recovery.PRIVATE)
    artefact = compile_model(uint8, options)
    first = artefact.report.levels[0].quality
    assert first is not None
    assert (first.metric, first.value, first.samples) == ("sqnr_db", None, 16)  # two outputs, equal to the file's
