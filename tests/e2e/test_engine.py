"""The C engine for every model of the zoo: every level answers as TFLM does, on this machine and on a Cortex-M4."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from redsc.budgets import Budgets
from redsc.codegen.oracles import computes_in_float, sample_inputs
from redsc.compile import read_model
from redsc.errors import UnsupportedError
from redsc.options import Options, Recovery
from tests.conftest import Zoo
from tests.e2e.engine import HOST_SANITIZED, M4, check_levels, run_levels, write_engine
from tests.e2e.test_zoo import MODELS, SHAPES, needs_zoo
from tests.firmware.engine.harness import Machine
from tests.helpers import MLPERF, REDS, STREAMING, TFLM

pytest.importorskip("tflite_micro", reason="needs the tflite-micro wheel: pip install redsc[tflm]")

FASTEST, SMALLEST = Budgets.parse(backend="c"), Budgets.parse(backend="c", prefer="ram")
OPTIONS = Options(levels=("100", "75", "50", "25"), selector="uniform", budgets=FASTEST)
NETS = ("ae", "conv1d", "det", "dscnn", "flatcnn", "mbv2", "resnet8", "silu_se")
EXPORTS = [f"exports/{net}.dynamo18.onnx" for net in NETS]
QDQ = [f"exports/qdq/{net}.dynamo18.qdq.onnx" for net in NETS]
TABLES = ["exports/det.dynamo18.onnx", "exports/flatcnn.dynamo18.onnx"]  # int8 functions that only tables have
LEAST_RAM = [
    f"{MLPERF}/kws_ref_model.tflite",
    f"{MLPERF}/pretrainedResnet_quant.tflite",
    f"{MLPERF}/vww_96_int8.tflite",
    "models/google-coral+test_data/mobilenet_v1_0.25_128_quant.tflite",
    "models/mit-han-lab+tinyengine/detection.tflite",
]
ON_CORTEX_M4 = [
    f"{MLPERF}/ad01_fp32.tflite",
    f"{MLPERF}/ad01_int8.tflite",
    f"{MLPERF}/kws_ref_model.tflite",
    f"{MLPERF}/pretrainedResnet_quant.tflite",
    f"{MLPERF}/str_ww_ref_model.tflite",
    f"{MLPERF}/vww_96_int8.tflite",
    f"{REDS}/cnn_s_quantized.tflite",
    f"{REDS}/dnn_s_quantized.tflite",
    f"{REDS}/ds_cnn_s_quantized.tflite",
    f"{TFLM}/hello_world_int8.tflite",
    f"{TFLM}/micro_speech_quantized.tflite",
    "models/Dritzz7+uci-har-grove-vision-ai-v2/uci_har_model_int8.tflite",
    STREAMING,
]
FLOAT_ONLY = "exports/miscacts.dynamo18.onnx"
NO_KERNELS = {
    "exports/qdq/miscacts.dynamo18.qdq.onnx": ["GREATER", "DIV"],
}


def name_of(path: str) -> str:
    return Path(path).name


def check(path: Path, options: Options, machine: Machine = HOST_SANITIZED) -> None:
    """Every level, on four samples of its own, or on 20 steps where the network keeps state."""
    engine = write_engine(path, options)
    whole, *_ = engine.levels.values()
    samples = [sample_inputs(graph, seed) for seed, graph in enumerate(engine.levels.values())]
    check_levels(engine, samples, machine, computes_in_float(whole))


@needs_zoo
@pytest.mark.parametrize("name", [*MODELS, *EXPORTS, FLOAT_ONLY, *QDQ], ids=name_of)
def test_every_level_answers_as_tflm_does(zoo: Zoo, name: str) -> None:
    options = replace(OPTIONS, shapes=tuple(SHAPES.get(name, ())))
    try:
        read_model(zoo(name), shapes=options.shapes)
    except UnsupportedError:
        return
    check(zoo(name), options)


def with_data(path: Path, folder: Path) -> Options:
    """Return the options with which a float network becomes int8, over random data in a folder."""
    (port,) = read_model(path).inputs
    data = folder / "data.npz"
    np.savez(data, x=np.random.default_rng(0).standard_normal((16, *port.source_shape), np.float32))
    return replace(OPTIONS, data=data, recovery=Recovery.OFF)


@pytest.mark.parametrize("name", EXPORTS, ids=name_of)
def test_every_level_of_a_float_network_in_int8(zoo: Zoo, name: str, tmp_path: Path) -> None:
    check(zoo(name), with_data(zoo(name), tmp_path))


@pytest.mark.parametrize("name", TABLES, ids=name_of)
def test_every_level_with_tables_on_a_cortex_m4(zoo: Zoo, name: str, tmp_path: Path) -> None:
    check(zoo(name), with_data(zoo(name), tmp_path), M4)


@pytest.mark.parametrize("name", LEAST_RAM, ids=name_of)
def test_every_level_in_the_least_ram(zoo: Zoo, name: str) -> None:
    check(zoo(name), replace(OPTIONS, budgets=SMALLEST))


@pytest.mark.parametrize("name", LEAST_RAM[:3], ids=name_of)
def test_every_level_in_an_order_for_a_cache(zoo: Zoo, name: str) -> None:
    check(zoo(name), replace(OPTIONS, budgets=Budgets.parse(backend="c", cache="rp2040")))


@pytest.mark.parametrize("name", ON_CORTEX_M4, ids=name_of)
def test_every_level_on_a_cortex_m4(zoo: Zoo, name: str) -> None:
    check(zoo(name), OPTIONS, M4)


def test_an_arena_of_fewer_bytes_is_seen(zoo: Zoo) -> None:
    """A control: the header's number is what the level needs, and these checks would see if it were not."""
    engine = write_engine(zoo(f"{MLPERF}/kws_ref_model.tflite"), OPTIONS)
    (said,) = re.findall(rb"NET_LEVEL_100_ARENA_BYTES (\d+)u", engine.files["net.h"])
    less = b"%du" % (int(said) - 64)
    files = {name: data.replace(said + b"u", less) for name, data in engine.files.items()}
    samples = [sample_inputs(graph, 0) for graph in engine.levels.values()]
    with pytest.raises(AssertionError, match="heap-buffer-overflow"):
        run_levels(replace(engine, files=files), samples, HOST_SANITIZED)


@pytest.mark.parametrize("name", NO_KERNELS, ids=name_of)
def test_a_network_without_kernels_is_refused_with_all_its_nodes(zoo: Zoo, name: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        write_engine(zoo(name), OPTIONS)
    assert caught.value.diagnostic.code == "N411"
    assert [line.split()[0] for line in caught.value.diagnostic.evidence] == NO_KERNELS[name]
