"""Levels of every imported network, float and int8: made and verified, or left out with the frozen spaces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from redsc.compile import compile_model, read_model
from redsc.ir import DType
from redsc.options import Options, Quantization
from redsc.passes.spaces.groups import find_channel_groups
from tests.conftest import Zoo
from tests.zoo_models import GENCPRUNEX, MLPERF, REDS, TFLM, VISION

pytest.importorskip("tflite_micro", reason="needs the tflite-micro wheel: pip install redsc[tflm]")

LEVELS = ("100", "75", "50", "25")
EXPORTS = ("dscnn", "resnet8", "mbv2", "conv1d", "det", "flatcnn", "miscacts", "silu_se", "ae", "lstm")
QDQ = [f"exports/qdq/{net}.dynamo18.qdq.onnx" for net in ("resnet8", "conv1d", "det", "miscacts", "silu_se")]
FLOAT = [f"exports/{net}.dynamo18.onnx" for net in EXPORTS]
FLOAT += [
    "models/STMicroelectronics+stm32ai-modelzoo-services/yamnet_256_64x96_tl.onnx",
    "models/mlcommons+tiny_results_v0.7/model_ic.onnx",
    f"{GENCPRUNEX}/fixed0.5_shipped_clean.onnx",
    f"{MLPERF}/kws_ref_model_float32.tflite",
    f"{MLPERF}/vww_96_float.tflite",
    f"{VISION}/reds_fashion_mnist_dscnn_s_b1.onnx",
]
AS_THEY_ARE = [
    *QDQ,
    "models/derived-ort-qdq/alibaba_ic_qdq_int8.onnx",
    "models/Dritzz7+uci-har-grove-vision-ai-v2/uci_har_model_int8.tflite",
    "models/sipeed+TinyMaix/mbnet96_0.25_q.tflite",
    f"{MLPERF}/str_ww_ref_model.tflite",
    f"{REDS}/ds_cnn_m_quantized.tflite",
    f"{TFLM}/micro_speech_quantized.tflite",
    f"{VISION}/mnist_ds_cnn_s_int8.tflite",
]


def check(path: Path, options: Options) -> None:
    """Compile: every slot is verified there. What is missing has a note, also on frozen spaces."""
    artefact = compile_model(path, options)
    report = artefact.report
    made = [level.name for level in report.levels]
    notes = {item.message.split()[1]: item for item in report.diagnostics if item.code in ("L102", "L104")}
    assert made[0] == "100"
    assert sorted([*made, *notes]) == sorted(LEVELS)
    frozen = [space for space in find_channel_groups(read_model(path).graph).spaces if space.frozen]
    for note in (note for note in notes.values() if note.code == "L102"):
        assert all(any(f"frozen: {space.name}," in line for line in note.evidence) for space in frozen[:1])
    for wider, level in zip(report.levels, report.levels[1:], strict=False):
        assert level.macs < wider.macs
        assert level.macs_fraction * 100 <= float(level.name) + 1e-4
    assert not [row for row in report.verification if "not run" in row.result and "onnx" in row.oracle]


def name_of(path: str) -> str:
    return Path(path).name


@pytest.mark.parametrize("name", FLOAT, ids=name_of)
def test_levels_of_a_float_network_in_float(zoo: Zoo, name: str) -> None:
    check(zoo(name), Options(levels=LEVELS))


@pytest.mark.parametrize("name", FLOAT, ids=name_of)
def test_levels_of_a_float_network_in_int8(zoo: Zoo, name: str, tmp_path: Path) -> None:
    model = read_model(zoo(name))
    (port,) = model.inputs
    data = tmp_path / "data.npz"
    np.savez(data, x=np.random.default_rng(0).standard_normal((16, *port.source_shape), np.float32))
    check(zoo(name), Options(levels=LEVELS, data=data))


@pytest.mark.parametrize("name", AS_THEY_ARE, ids=name_of)
def test_levels_of_a_quantised_network(zoo: Zoo, name: str) -> None:
    check(zoo(name), Options(levels=LEVELS))


@pytest.mark.parametrize("name", [QDQ[0], QDQ[2], AS_THEY_ARE[len(QDQ)]], ids=name_of)
def test_a_quantised_network_may_stay_float(zoo: Zoo, name: str) -> None:
    options = Options(levels=("100", "50"), quantization=Quantization(enabled=False))
    artefact = compile_model(zoo(name), options)
    assert {port.dtype for port in artefact.report.model.inputs} == {DType.FLOAT32.value}
    assert any("SQNR" in row.result for row in artefact.report.verification)
