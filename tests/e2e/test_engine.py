"""The C engine for every model of the zoo: every level answers as TFLM does, here, on a Cortex-M4 and on RISC-V."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from redsc.budgets import Budgets
from redsc.choices import Recovery
from redsc.codegen.oracles import computes_in_float, sample_inputs
from redsc.compile import read_model
from redsc.cost.macs import graph_macs
from redsc.errors import UnsupportedError
from redsc.options import Options
from tests.conftest import Zoo
from tests.e2e.engine import HOST_SANITIZED, M4, RV32, check_levels, run_levels, write_engine
from tests.e2e.test_attention import block
from tests.e2e.test_zoo import MODELS, SHAPES, needs_zoo
from tests.firmware.build import WARNINGS, XTENSA
from tests.firmware.engine.harness import Machine
from tests.formats.onnx.models import ints, onnx_model
from tests.zoo_models import FRONT_END, MLPERF

pytest.importorskip("tflite_micro", reason="needs the tflite-micro wheel: pip install redsc[tflm]")

FASTEST, SMALLEST = Budgets.parse(backend="c"), Budgets.parse(backend="c", prefer="ram")
OPTIONS = Options(levels=("100", "75", "50", "25"), selector="uniform", budgets=FASTEST)
NETS = ("ae", "conv1d", "det", "dscnn", "flatcnn", "lstm", "mbv2", "resnet8", "silu_se")
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
MACHINES = {"host": HOST_SANITIZED, "cortex-m4": M4, "rv32imac": RV32}
EVERY_MACHINE = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
MOST_EMULATED_FLOAT_MACS = 1_000_000
FLOAT_ONLY = "exports/miscacts.dynamo18.onnx"
ALL = [*(name for name in MODELS if name != FRONT_END), *EXPORTS, FLOAT_ONLY, *QDQ]


def name_of(path: str) -> str:
    return Path(path).name


written = lru_cache(maxsize=2)(write_engine)  # machines take turns with a model


def check(path: Path, options: Options, machine: Machine = HOST_SANITIZED) -> None:
    """Every level, on four samples of its own, or on 20 steps where the network keeps state."""
    engine = written(path, options)
    whole, *_ = engine.levels.values()
    if machine.toolchain.emulator and computes_in_float(whole) and graph_macs(whole) > MOST_EMULATED_FLOAT_MACS:
        pytest.skip("float32 of that size takes long to emulate; smaller networks have the same kernels")
    samples = [sample_inputs(graph, seed) for seed, graph in enumerate(engine.levels.values())]
    check_levels(engine, samples, machine, computes_in_float(whole))


@needs_zoo
@EVERY_MACHINE
@pytest.mark.parametrize("name", ALL, ids=name_of)
def test_every_level_answers_as_tflm_does(zoo: Zoo, name: str, machine: Machine) -> None:
    options = replace(OPTIONS, shapes=tuple(SHAPES.get(name, ())))
    try:
        read_model(zoo(name), shapes=options.shapes)
    except UnsupportedError:
        return
    check(zoo(name), options, machine)


def with_data(path: Path, folder: Path) -> Options:
    """Return the options with which a float network becomes int8, over random data in a folder."""
    (port,) = read_model(path).inputs
    data = folder / "data.npz"
    np.savez(data, x=np.random.default_rng(0).standard_normal((16, *port.source_shape), np.float32))
    return replace(OPTIONS, data=data, recovery=Recovery.OFF)


@pytest.mark.parametrize("name", EXPORTS, ids=name_of)
def test_every_level_of_a_float_network_in_int8(zoo: Zoo, name: str, tmp_path: Path) -> None:
    check(zoo(name), with_data(zoo(name), tmp_path))


@pytest.fixture(scope="module")
def transformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A block with products of activations and a softmax over the axis before the last one."""
    path = tmp_path_factory.mktemp("transformer") / "block.onnx"
    path.write_bytes(block(-2))
    return path


@EVERY_MACHINE
def test_every_level_of_a_transformer_block(transformer: Path, machine: Machine) -> None:
    check(transformer, OPTIONS, machine)
    check(transformer, with_data(transformer, transformer.parent), machine)


@pytest.mark.parametrize("name", TABLES, ids=name_of)
def test_every_level_with_tables_on_a_cortex_m4(zoo: Zoo, name: str, tmp_path: Path) -> None:
    check(zoo(name), with_data(zoo(name), tmp_path), M4)


@EVERY_MACHINE
@pytest.mark.parametrize("name", LEAST_RAM, ids=name_of)
def test_every_level_in_the_least_ram(zoo: Zoo, name: str, machine: Machine) -> None:
    check(zoo(name), replace(OPTIONS, budgets=SMALLEST), machine)


@EVERY_MACHINE
@pytest.mark.parametrize("name", LEAST_RAM[:3], ids=name_of)
def test_every_level_in_an_order_for_a_cache(zoo: Zoo, name: str, machine: Machine) -> None:
    check(zoo(name), replace(OPTIONS, budgets=Budgets.parse(backend="c", cache="rp2040")), machine)


@pytest.mark.parametrize("name", LEAST_RAM, ids=name_of)
def test_the_files_compile_for_xtensa(zoo: Zoo, name: str, tmp_path: Path) -> None:
    files = written(zoo(name), OPTIONS).files
    for file, data in files.items():
        (tmp_path / file).write_bytes(data)
    sources = [file for file in files if file.endswith(".c")]
    command = [XTENSA.find(), *XTENSA.flags, "-std=c99", "-Os", *WARNINGS, "-c", *sources]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_arena_of_fewer_bytes_is_seen(zoo: Zoo) -> None:
    """A control: the header's number is what the level needs, and these checks would see if it were not."""
    engine = write_engine(zoo(f"{MLPERF}/kws_ref_model.tflite"), OPTIONS)
    (said,) = re.findall(rb"NET_LEVEL_100_ARENA_BYTES (\d+)u", engine.files["net.h"])
    less = b"%du" % (int(said) - 64)
    files = {name: data.replace(said + b"u", less) for name, data in engine.files.items()}
    samples = [sample_inputs(graph, 0) for graph in engine.levels.values()]
    with pytest.raises(AssertionError, match="heap-buffer-overflow"):
        run_levels(replace(engine, files=files), samples, HOST_SANITIZED)


def test_a_network_without_kernels_is_refused_with_all_its_nodes(tmp_path: Path) -> None:
    nodes = ["r = Round(x)", "y = CumSum(r, axis)"]
    path = tmp_path / "net.onnx"
    path.write_bytes(onnx_model(nodes, {"x": [2, 3]}, {"axis": ints(1)}))
    with pytest.raises(UnsupportedError) as caught:
        write_engine(path, OPTIONS)
    assert caught.value.diagnostic.code == "N411"
    assert [line.split()[0] for line in caught.value.diagnostic.evidence] == ["ROUND", "CUMSUM"]


def test_the_audio_front_end_is_refused_by_name(zoo: Zoo) -> None:
    with pytest.raises(UnsupportedError) as caught:
        write_engine(zoo(FRONT_END), OPTIONS)
    assert caught.value.diagnostic.code == "N411"
    assert "SignalWindow 'signal_window': only tflite-micro has a kernel" in str(caught.value)
