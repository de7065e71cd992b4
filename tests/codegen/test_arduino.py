"""The Arduino library: its folder, and its sketch as C++11, run against stubs of the core and of TFLM."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from redsc.budgets import Budgets
from redsc.choices import Emit, Resident
from redsc.codegen.arduino import arduino_files, arranged
from redsc.codegen.c_files import render_c_files
from redsc.codegen.describe import Firmware
from redsc.codegen.files import write_files
from redsc.codegen.tflm_ops import STATE_TFLM_OPS, TFLM_OPS
from redsc.compile import Artefact, compile_model
from redsc.formats import write_tflite
from redsc.ir import DType
from redsc.options import Options
from redsc.runtime import EXECUTORS
from redsc.runtime.data.view import View
from redsc.runtime.ports import quantize_samples
from tests.codegen.two_levels import firmware
from tests.conftest import Golden
from tests.firmware.build import WARNINGS, tool
from tests.helpers import small_net, streaming_net
from tests.test_compile_images import image_net, write_plan

HERE = Path(__file__).parent / "arduino"
ABI = Path(__file__).parents[1] / "firmware" / "abi"


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    """Return a library with two levels that share their weights in place."""
    model = tmp_path_factory.mktemp("model") / "net.tflite"
    model.write_bytes(write_tflite(small_net()))
    return compile_model(model, Options(levels=("100", "50"), emit=Emit.ARDUINO))


def library(item: Firmware) -> dict[str, bytes]:
    return arranged({**render_c_files(item), **arduino_files(item)}, item.symbol, Emit.ARDUINO)


def archive(folder: Path, name: str) -> Path:
    """Compile a library as the builder does with `dot_a_linkage`, and return the archive."""
    sources = sorted((folder / name / "src").glob("*.c"))
    command = [tool("gcc"), "-std=gnu11", "-c", *map(str, sources)]
    objects = folder / f"{name}.objects"
    objects.mkdir()
    subprocess.run(command, cwd=objects, check=True)
    subprocess.run(
        [tool("ar"), "rc", folder / f"{name}.a", *objects.iterdir()],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / f"{name}.a"


def run_sketch(folder: Path, *more: str) -> list[str]:
    """Compile the sketch of `net` with warnings as errors, link the libraries, run it; return what it printed."""
    names = (TFLM_OPS | STATE_TFLM_OPS).values()
    methods = "\n".join(f"TfLiteStatus {name}() {{ return add(); }}" for name in names)
    (folder / "resolver_methods.inc").write_text(methods)
    archives = [archive(folder, name) for name in ("net", *more)]
    return linked_sketch(folder, HERE / "main.cc", archives, [folder, HERE, ABI], "-DTFLM_GLOBAL_TYPES")


def linked_sketch(
    folder: Path, main: Path, archives: list[Path], include: list[Path], *flags: str | Path
) -> list[str]:
    """Compile a sketch within a program, link it with libraries, run it; return what it printed."""
    folders = [*include, folder / "net" / "src", folder / "net" / "examples" / "net"]
    command = [tool("g++"), "-std=c++11", *WARNINGS, *flags, *(f"-I{path}" for path in folders)]
    built = subprocess.run(
        [*command, main, *archives, "-o", "sketch"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return subprocess.run(["./sketch"], cwd=folder, capture_output=True, text=True, check=True).stdout.splitlines()


def expected(item: Firmware) -> str:
    """Return what the sketch says of the ramp that it feeds, when the network answers with its input."""
    source, result = item.ports
    ramp = np.arange(result.value.type.elements) / np.float32(source.value.type.elements)
    if source.value.type.quant is None:
        return f"element 4 is largest, {ramp[4]:.4f}"
    quant, answer = source.value.type.quant, result.value.type.quant
    assert answer is not None
    steps = np.round(ramp / np.float32(quant.scale)) + quant.zero_point
    best = int(np.argmax(steps))
    return f"element {best} is largest, {(steps[best] - answer.zero_point) * answer.scale:.4f}"


@pytest.mark.parametrize("resident", Resident)
@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_the_sketch_quantises_runs_and_switches_the_level(tmp_path: Path, resident: Resident, dtype: DType) -> None:
    item = replace(firmware("net", dtype), budgets=Budgets(resident=resident))
    write_files(tmp_path, library(item))
    said = run_sketch(tmp_path)
    levels = [f"level {name}, output 0: {expected(item)}" for name in ("100", "37.5", "100")]
    slots = [f"ran slot {slot}" for slot in (0, 1, 0)]
    assert said[:6] == [line for pair in zip(levels, slots, strict=True) for line in pair]
    assert said[6:] == ([] if dtype is DType.FLOAT32 else ["0 wrong, 127 -128 -128"])


@pytest.mark.parametrize("resident", Resident)
def test_the_sketch_of_a_network_with_state_hands_its_variables_over(tmp_path: Path, resident: Resident) -> None:
    item = replace(firmware("net", graph=streaming_net()), budgets=Budgets(resident=resident))
    write_files(tmp_path, library(item))
    assert [line for line in run_sketch(tmp_path) if line.startswith("ran")] == [
        "ran slot 0, 2 variables",
        "ran slot 1, 2 variables",
        "ran slot 0, 2 variables",
    ]


def test_two_libraries_with_kernels_link_into_one_sketch(tmp_path: Path, artefact: Artefact) -> None:
    other = compile_model(
        artefact.choice.model.path,
        Options(levels=("100", "50"), emit=Emit.ARDUINO, name="other"),
    )
    write_files(tmp_path, {**artefact.files, **other.files})
    assert [line for line in run_sketch(tmp_path, "other") if line.startswith("ran")] == [
        "ran slot 0",
        "ran slot 1",
        "ran slot 0",
    ]


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_the_sketch_of_the_c_engine_runs_its_levels_without_tflm(tmp_path: Path, dtype: DType) -> None:
    model = tmp_path / "net.tflite"
    model.write_bytes(write_tflite(small_net(dtype)))
    budgets = Budgets.parse(backend="c")
    artefact = compile_model(model, Options(levels=("100", "50"), emit=Emit.ARDUINO, budgets=budgets))
    write_files(tmp_path, artefact.files)
    assert not [path for path in artefact.files if "tflm" in path]
    assert b"needs no interpreter" in artefact.files["net/library.properties"]
    said = linked_sketch(tmp_path, HERE / "main_engine.cc", [archive(tmp_path, "net")], [HERE])
    whole, half = (f"level {name}, output 0: {answer}" for name, answer in answers(artefact))
    assert said == [whole, half, whole]


@pytest.mark.parametrize("backend", ["tflm", "c"])
def test_the_sketch_writes_no_more_than_the_image_of_a_level(tmp_path: Path, backend: str) -> None:
    model = tmp_path / "net.tflite"
    model.write_bytes(write_tflite(image_net()))
    options = Options(budgets=Budgets.parse(backend=backend), emit=Emit.ARDUINO)
    plan = write_plan(model, options, {"100": View(), "50": View(size=(8, 8))})
    artefact = compile_model(model, replace(options, plan=plan))
    write_files(tmp_path, artefact.files)
    if backend == "tflm":
        assert [line for line in run_sketch(tmp_path) if line.startswith("ran")] == [
            "ran slot 0",
            "ran slot 1",
            "ran slot 0",
        ]
        return
    said = linked_sketch(tmp_path, HERE / "main_engine.cc", [archive(tmp_path, "net")], [HERE])
    whole, half = (f"level {name}, output 0: {answer}" for name, answer in answers(artefact))
    assert said == [whole, half, whole]


def answers(artefact: Artefact) -> list[tuple[str, str]]:
    """Return what each level makes of the sketch's ramp, in tflm."""
    pytest.importorskip("tflite_micro")
    found = []
    for name, graph in zip(artefact.choice.levels.names, artefact.choice.levels.graphs, strict=True):
        kind, quant = graph.inputs[0].type, graph.outputs[0].type.quant
        most = artefact.choice.levels.graphs[0].inputs[0].type.elements
        ramp = (np.arange(kind.elements, dtype=np.float32) / np.float32(most)).reshape(kind.shape)
        ((answer,),) = EXECUTORS["tflm"].run(write_tflite(graph), quantize_samples(graph, [[ramp]]))
        real = answer.ravel() if quant is None else (answer.ravel() - quant.zero_point) * np.float32(quant.scale)
        best = int(np.argmax(real))
        found.append((name, f"element {best} is largest, {real[best]:.4f}"))
    return found


def test_the_sketch_of_the_c_engine_reads_well(golden: Golden) -> None:
    item = replace(firmware(), budgets=Budgets.parse(backend="c"))
    golden(arduino_files(item)["net.ino"].decode(), ".ino")


def test_the_library_has_the_folders_of_arduino(artefact: Artefact) -> None:
    files = set(artefact.files)
    assert {path for path in files if "/src/redsc_" not in path} == {
        "net/library.properties",
        "net/examples/net/net.ino",
        *(f"net/src/{name}" for name in ("net.h", "net.c", "net_tflm.h", "net_manager.h", "net.tflite")),
        "net/extras/net.plan.json",
        "net/extras/net.report.json",
    }
    assert {"net/src/redsc_kernels.h", "net/src/redsc_conv_2d.c", "net/src/redsc_tflm.h"} < files
    assert artefact.report_path == "net/extras/net.report.json"
    assert {item.path for item in artefact.report.files} == files - {artefact.report_path}


def test_the_properties_are_complete(golden: Golden) -> None:
    text = arduino_files(firmware())["library.properties"].decode()
    golden(text, ".properties")
    fields = dict(line.split("=", 1) for line in text.splitlines())
    required = {
        "name",
        "version",
        "author",
        "maintainer",
        "sentence",
        "paragraph",
        "category",
        "url",
        "architectures",
    }
    assert required <= set(fields)


def test_the_sketch_reads_well(golden: Golden) -> None:
    golden(arduino_files(firmware())["net.ino"].decode(), ".ino")


def test_the_sketch_for_one_resident_level_loads_it_anew(golden: Golden) -> None:
    one = replace(firmware(), budgets=Budgets(resident=Resident.ONE))
    golden(arduino_files(one)["net.ino"].decode(), ".ino")
