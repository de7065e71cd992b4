"""The C engine's files: how they read, that every compiler takes them, and what their functions promise."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from redsc.budgets import Budgets
from redsc.compile import Artefact, compile_model, slice_level, verify_container
from redsc.errors import UnsupportedError
from redsc.formats import read_tflite, write_tflite
from redsc.ir import DType, Graph
from redsc.options import Options
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import random_samples
from redsc.runtime.evaluate.cascade import Cascade, Measured
from redsc.runtime.evaluate.cascade_search import Step
from tests.conftest import Golden
from tests.e2e.engine import Engine, write_engine
from tests.firmware.build import CORTEX_M4, FIRMWARE, WARNINGS, build, run, tool
from tests.helpers import NetBuilder, samples_of, small_net, streaming_net

HERE = Path(__file__).parent
BUDGETS = Budgets.parse(backend="c")
OPTIONS = Options(levels=("100", "50"), budgets=BUDGETS)
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
STRICT = (*WARNINGS, "-Wconversion")
CASES = (
    "a_level_that_is_not_there",
    "an_arena_that_is_wrong",
    "an_arena_that_is_lent_and_taken_back",
    "an_arena_for_a_small_level",
    "two_models_do_not_disturb_each_other",
    "a_reset_begins_anew",
    "the_state_is_not_in_the_arena",
    "a_level_by_budget",
)
C_LIBRARY = {"memcpy", "memmove", "memset"}
_INSTRUCTIONS_PER_TICK = 40 / 2**6  # SysTick counts at 25 MHz, an instruction takes 2^6 ns: QEMU's -icount shift=6
_MOST_TO_SWITCH = 50
_MOST_STACK_BYTES = 640


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two model files."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "net.tflite").write_bytes(write_tflite(small_net()))
    (folder / "stream.tflite").write_bytes(write_tflite(streaming_net()))
    return folder


@pytest.fixture(scope="module")
def engines(models: Path) -> dict[str, Engine]:
    return {name: write_engine(models / f"{name}.tflite", OPTIONS, name) for name in ("net", "stream")}


@pytest.fixture(scope="module")
def sources(engines: dict[str, Engine], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files of both engines; they have kernels in common."""
    folder = tmp_path_factory.mktemp("sources")
    for engine in engines.values():
        for name, data in engine.files.items():
            (folder / name).write_bytes(data)
    return folder


def call(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def objects(sources: Path, folder: Path, *flags: str) -> list[Path]:
    """Compile all C files as C, with the flags."""
    folder.mkdir(exist_ok=True)
    call(tool("gcc"), *flags, "-c", *sorted(sources.glob("*.c")), cwd=folder)
    return sorted(folder.glob("*.o"))


def text_of(engine: Engine, name: str, golden: Golden, *parts: str) -> None:
    """Compare a file with the golden one, without the sha256 of the model file."""
    lines = engine.files[name].decode().splitlines(keepends=True)
    golden("".join(line for line in lines if len(line.strip(" *.\n")) != 64), *parts)


def test_the_header_reads_well(engines: dict[str, Engine], golden: Golden) -> None:
    text_of(engines["net"], "net.h", golden, ".h")


def test_the_header_of_a_network_with_state_reads_well(engines: dict[str, Engine], golden: Golden) -> None:
    text_of(engines["stream"], "stream.h", golden, ".h")


def test_files_are_ascii_with_unix_lines_and_no_path(engines: dict[str, Engine]) -> None:
    for name, data in engines["net"].files.items():
        assert data.isascii()
        assert b"\r" not in data
        assert b"/home" not in data
        assert data.endswith(b"\n"), name


def test_two_runs_write_the_same_bytes(models: Path, tmp_path: Path) -> None:
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "redsc", "compile", "stream.tflite", "--backend=c", "--levels=50,100"]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(
            [*command, "-o", tmp_path / seed], cwd=models, env=environment, check=True, capture_output=True
        )
    first, second = ({path.name: path.read_bytes() for path in (tmp_path / seed).iterdir()} for seed in ("1", "2"))
    assert first == second


@pytest.mark.parametrize("standard", ["c99", "c11", "c17"])
@pytest.mark.parametrize("arena", [(), ("-DNET_NO_STATIC_ARENA", "-DSTREAM_NO_STATIC_ARENA")], ids=["own", "lent"])
def test_everything_compiles_as_c_without_a_warning(
    sources: Path, tmp_path: Path, standard: str, arena: tuple[str, ...]
) -> None:
    assert objects(sources, tmp_path / "objects", f"-std={standard}", "-O1", *STRICT, *arena)


@pytest.mark.parametrize("standard", ["c++11", "c++17"])
def test_headers_are_for_cpp_too_and_two_models_link_into_one_image(
    sources: Path, tmp_path: Path, standard: str
) -> None:
    (tmp_path / "main.cc").write_bytes((HERE / "engine_api.c").read_bytes())
    made = objects(sources, tmp_path / "objects", "-std=c99")
    command = (tool("g++"), f"-std={standard}", *STRICT, f"-I{sources}", "main.cc")
    call(*command, *made, "-o", "program", cwd=tmp_path)
    assert call("./program", "two_models_do_not_disturb_each_other", cwd=tmp_path) == ""


@pytest.fixture(scope="module")
def program(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return api_program(sources, tmp_path_factory.mktemp("program"))


def api_program(sources: Path, folder: Path, *flags: str) -> Path:
    files = (HERE / "engine_api.c", *sorted(sources.glob("*.c")))
    command = (tool("gcc"), "-std=c99", "-g", *STRICT, *SANITIZED, *flags, f"-I{sources}")
    call(*command, *files, "-o", "program", cwd=folder)
    return folder / "program"


@pytest.mark.parametrize("case", CASES)
def test_the_functions_keep_their_promises(program: Path, case: str) -> None:
    assert call(program, case, cwd=program.parent) == ""


def test_without_a_static_arena_one_must_be_lent(sources: Path, tmp_path: Path) -> None:
    program = api_program(sources, tmp_path, "-DNET_NO_STATIC_ARENA")
    assert call(program, "no_arena", cwd=tmp_path) == ""


def test_the_cascade_refills_the_input_and_answers_as_tflm_does(models: Path, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro")
    threshold = 40
    measured = Measured("agreement", 0.99, (0.98, 1.0), 0.01, 2800, (0.8, 0.2), 500)
    cascade = Cascade((Step(1, threshold), Step(0)), 2000, measured)
    engine = write_engine(models / "net.tflite", OPTIONS, cascade=cascade)
    for name, data in engine.files.items():
        (tmp_path / name).write_bytes(data)
    files = (HERE / "engine_cascade.c", *sorted(tmp_path.glob("*.c")))
    call(tool("gcc"), "-std=c99", *STRICT, *SANITIZED, f"-I{tmp_path}", *files, "-o", "program", cwd=tmp_path)
    samples = random_samples(engine.levels["100"], 40)
    large, small = (EXECUTORS["tflm"].run(write_tflite(graph), samples) for graph in engine.levels.values())
    wanted = []
    for (first,), (second,) in zip(large, small, strict=True):
        most, next_to_it = sorted(map(int, second.ravel()), reverse=True)[:2]
        slot, answer = (1, second) if most - next_to_it >= threshold else (0, first)
        wanted.append([slot, *map(int, answer.ravel())])
    data = b"".join(array.tobytes() for row in samples for array in row)
    said = subprocess.run([tmp_path / "program"], input=data, capture_output=True, check=True).stdout.decode()
    assert [list(map(int, line.split())) for line in said.splitlines()] == wanted
    assert {row[0] for row in wanted} == {0, 1}


def test_arena_and_constants_can_be_placed(sources: Path, tmp_path: Path) -> None:
    places = [f'-DNET_{what}_ATTR=__attribute__((section(".{what.lower()}_here")))' for what in ("DATA", "ARENA")]
    call(tool("gcc"), "-std=c99", *WARNINGS, *places, "-c", sources / "net.c", "-o", "net.o", cwd=tmp_path)
    assert all(name in (tmp_path / "net.o").read_bytes() for name in (b".data_here", b".arena_here"))


def undefined(folder: Path, core: str, *files: Path) -> set[str]:
    """Return what objects of C files need from elsewhere, but for redsc's own functions."""
    flags = (f"-mcpu={core}", "-mthumb", "-Os", "-std=c99", f"-I{FIRMWARE}")
    call(tool(CORTEX_M4.compiler), *flags, "-c", *files, cwd=folder)
    lines = call(tool("arm-none-eabi-nm"), "-u", *sorted(folder.glob("*.o")), cwd=folder).splitlines()
    found = {line.split()[1] for line in lines if line.strip().startswith("U ")}
    return {name for name in found if not name.startswith("redsc_")}


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
def test_int8_levels_need_no_heap_no_floats_and_three_functions_of_the_c_library(
    sources: Path, tmp_path: Path, core: str
) -> None:
    found = undefined(tmp_path, core, *sources.glob("*.c"))
    own = {name for name in found if name.startswith("__aeabi_")}  # the compiler's: divisions, 64-bit products
    assert found - own <= C_LIBRARY
    assert not {name for name in own if re.match("__aeabi_[fd]", name)}


def test_only_float_kernels_need_libm(tmp_path: Path) -> None:
    kernels = [path for path in FIRMWARE.glob("*.c") if "f32" not in path.name]
    assert {
        name for name in undefined(tmp_path, "cortex-m4", *kernels) if not name.startswith("__aeabi_")
    } <= C_LIBRARY


def test_a_switch_is_a_pointer_and_an_inference_takes_little_stack(sources: Path, tmp_path: Path) -> None:
    files = (HERE / "engine_cortex_m4.c", *sorted(path for path in sources.glob("*.c") if path.name != "stream.c"))
    program = build(CORTEX_M4, files, ("-std=gnu99", "-O2", *WARNINGS, f"-I{sources}"))
    rows = [list(map(int, line.split())) for line in run(CORTEX_M4, program, tmp_path).splitlines()]
    assert [level for level, *_ in rows] == [0, 1]
    assert 0 < max(ticks for _, ticks, _ in rows) * _INSTRUCTIONS_PER_TICK <= _MOST_TO_SWITCH
    assert 64 < max(stack for *_, stack in rows) <= _MOST_STACK_BYTES


def test_what_it_cannot_run_is_refused_before_levels_are_looked_for(tmp_path: Path) -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.conv(net.input(1, 4, 4, 2), 4)
    (tmp_path / "net.tflite").write_bytes(write_tflite(net.outputs(net.node("FLOOR_MOD", x, x))))
    stages: list[str] = []
    with pytest.raises(UnsupportedError, match="no kernel for 1 operator"):
        compile_model(tmp_path / "net.tflite", OPTIONS, lambda stage, done=0, total=0: stages.append(stage))
    assert stages == ["reading the model"]


def test_what_only_int8_lacks_is_refused_once_the_network_is_int8(tmp_path: Path) -> None:
    """In float a softmax is over as many elements as there are."""
    net = NetBuilder(DType.FLOAT32)
    data = write_model(tmp_path, net.outputs(net.node("SOFTMAX", net.dense(net.input(1, 4), 4096))))
    assert write_engine(tmp_path / "net.tflite", Options(budgets=BUDGETS)).files
    with pytest.raises(UnsupportedError) as caught:
        write_engine(tmp_path / "net.tflite", Options(budgets=BUDGETS, data=data))
    assert [line.split()[0] for line in caught.value.diagnostic.evidence] == ["SOFTMAX"]


def write_model(folder: Path, graph: Graph) -> Path:
    """Write a float network of one input as net.tflite, and return a file with data for it."""
    (folder / "net.tflite").write_bytes(write_tflite(graph))
    np.savez(folder / "x.npz", x=samples_of(graph, 8))
    return folder / "x.npz"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Artefact]:
    """Return a folder with a network whose int8 form needs a table, data and the plan, and what became of it."""
    folder, net = tmp_path_factory.mktemp("tables"), NetBuilder(DType.FLOAT32)
    x = net.conv(net.input(1, 6, 6, 3), 8)
    data = write_model(folder, net.outputs(net.conv(net.node("EXP", x), 8)))
    made = compile_model(folder / "net.tflite", replace(OPTIONS, data=data, selector="uniform"))
    (folder / "made.tflite").write_bytes(made.files["net.tflite"])
    (folder / "net.plan.json").write_bytes(made.files["net.plan.json"])
    return folder, made


def test_an_int8_function_by_table_is_one_call(tables: tuple[Path, Artefact]) -> None:
    pytest.importorskip("tflite_micro")
    _, made = tables
    assert made.files["net.c"].count(b": REDSC_LOOKUP") == 2
    assert made.files["net.c"].count(b"  redsc_lookup_s8(") == 2
    said = {item.result for item in made.report.verification if item.oracle.startswith("the C engine")}
    assert said == {"equal bit for bit"}


def test_the_tools_see_of_a_table_what_tflm_runs(tables: tuple[Path, Artefact]) -> None:
    folder, made = tables
    options = replace(OPTIONS, data=folder / "x.npz", levels=())
    plan = folder / "net.plan.json"
    sliced = slice_level(folder / "net.tflite", "100", plan, options)
    for data in (made.files["net.tflite"], sliced):
        ops = [node.op for node in read_tflite(data).nodes]
        assert ops == ["CONV_2D", "CAST", "ADD", "GATHER", "CONV_2D"]
    assert verify_container(folder / "made.tflite", folder / "net.tflite", plan, options=options)


def test_a_table_in_a_file_is_one_call(tables: tuple[Path, Artefact]) -> None:
    folder, _ = tables
    files = write_engine(folder / "made.tflite", Options(budgets=BUDGETS), "again").files
    assert files["again.c"].count(b"  redsc_lookup_s8(") == 1
