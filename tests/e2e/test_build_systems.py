"""CMake and Make build from model files: everything once, then nothing, then exactly what an edit changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from redsc.codegen.firmware import tflm_files
from redsc.formats import write_tflite
from redsc.version import __version__
from tests.conftest import ROOT
from tests.firmware.build import tool
from tests.helpers import residual_net, small_net

REDSC = Path(sys.executable).with_name("redsc")
GENERATORS = {"Ninja": "ninja", "Unix Makefiles": "make"}
QUICK = ("--recover", "off", "--select", "uniform")
PRODUCTS = {".a", ".o", ".c", ".h", ".tflite", ".json", ""}
GENERATED = {
    f"fashion{end}" for end in (".c", ".h", "_manager.h", "_tflm.h", ".tflite", ".plan.json", ".report.json")
}

KERNELS = set(tflm_files())

TWO_MODELS = """
cmake_minimum_required(VERSION 3.20)
project(firmware LANGUAGES C)
find_package(redsc 0.1 REQUIRED)
add_subdirectory(vision)
redsc_add_model(kws MODEL "my models/kws.tflite" RAM 20KB LEVELS 50 100 SHARE strided ARRAY incbin OBJECT)
add_executable(firmware main.c)
target_link_libraries(firmware PRIVATE kws vision)
"""
VISION = """
redsc_add_model(vision NAME see MODEL ../vision.tflite RESIDENT one SHARE strided PLAN see.json
  ARGS --importance weights)
"""
MAIN = """
#include <stdio.h>
#include "kws_manager.h"
#include "redsc_kernels.h"
#include "see_manager.h"
int main(void) {
  redsc_options options;
  kws_budget budget = KWS_BUDGET_UNLIMITED;
  budget.macs = kws_levels[1].macs;
  printf("%d %c %d %d", kws_select(&budget), ((const char *)KWS_MODEL(KWS_LEVEL_50))[4], SEE_LEVEL_COUNT,
         redsc_read_options(see_model, 0, &options));
  return 0;
}
"""


def call(*command: str | Path, cwd: Path) -> str:
    """Run a command, and return what it printed; it must succeed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cmake_dir(cwd: Path) -> str:
    if not REDSC.exists():
        pytest.skip("redsc is not installed beside this python")
    return call(REDSC, "--cmake-dir", cwd=cwd).strip()


def configure(folder: Path, generator: str, *flags: str) -> Path:
    """Configure a project with a build tool, and return its build folder."""
    tool(GENERATORS[generator])
    found = (f"-Dredsc_DIR={cmake_dir(folder)}", f"-DREDSC_EXECUTABLE={REDSC}")
    call(tool("cmake"), "-S", folder, "-B", folder / "build", "-G", generator, *found, *flags, cwd=folder)
    return folder / "build"


def times(build: Path) -> dict[str, int]:
    """Return when each product was made, by its path without the folders that the generator makes."""
    paths = (path for path in build.rglob("*") if path.is_file() and path.suffix in PRODUCTS)
    return {
        str(path.relative_to(build)): path.stat().st_mtime_ns
        for path in paths
        if "redsc" in str(path.relative_to(build)) or path.suffix in (".o", ".a") or os.access(path, os.X_OK)
    }


def rebuilt(build: Path, *command: str | Path) -> set[str]:
    """Build, and return the names of the files that were made."""
    before = times(build)
    call(*command, cwd=build.parent)
    after = times(build)
    return {Path(path).name for path, time in after.items() if before.get(path) != time}


@pytest.fixture(scope="module")
def few_samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "fashion_calib.npz"
    np.savez(path, x=np.load(ROOT / "examples" / "fashion_calib.npz")["x"][:16])
    return path


@pytest.fixture
def examples(tmp_path: Path, few_samples: Path) -> Path:
    """Return a copy of the examples, with few samples to be quick."""
    folder = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", folder, ignore=shutil.ignore_patterns("build", "model", "*.npz", "train.py"))
    shutil.copy(few_samples, folder)
    return folder


def edit(path: Path) -> None:
    """Change the bytes of a model file, not the network."""
    model = onnx.load(path)
    model.producer_name += " edited"
    onnx.save(model, path)


def said_by_levels(folder: Path, report: Path) -> list[str]:
    """Return what the program of the examples should say, from the report."""
    found = json.loads(report.read_text())
    levels = found["levels"]
    arena = found["arena"]["resident_all_bytes"]
    rows = [
        f"level {level['name']}: {level['macs']} MACs, "
        f"arena {level['arena']['total_bytes']} B, model at {16 * slot}"
        for slot, level in enumerate(levels)
    ]
    return [
        f"{found['flash']['container_bytes']} B of models, arena {arena} B",
        *rows,
        f"within any budget: {levels[0]['name']}",
        f"within the MACs of the smallest level: {levels[-1]['name']}",
        "within one MAC less: no level",
    ]


@pytest.mark.parametrize("generator", GENERATORS)
def test_the_cmake_example_builds_once_and_after_an_edit(examples: Path, generator: str) -> None:
    build = configure(examples / "cmake", generator, f"-DARGS={';'.join(QUICK)}")
    command = (tool("cmake"), "--build", build)
    objects = {"fashion.c.o", "libfashion.a", "levels.c.o", "levels"}
    assert rebuilt(build, *command) >= GENERATED | objects | {"libredsc_kernels.a"}
    said = call(build / "levels", cwd=examples)
    assert said.splitlines() == said_by_levels(examples, build / "redsc" / "fashion" / "fashion.report.json")

    assert rebuilt(build, *command) == set()

    os.utime(examples / "fashion_calib.npz")
    assert rebuilt(build, *command) == {"fashion.report.json"}
    assert rebuilt(build, *command) == set()

    edit(examples / "fashion_dscnn.onnx")
    same = {"fashion.tflite", "fashion.plan.json", "fashion_tflm.h"}  # the network is the same
    assert rebuilt(build, *command) == (GENERATED - same) | objects
    assert rebuilt(build, *command) == set()


def test_the_example_of_the_c_engine_switches_levels(examples: Path) -> None:
    strict = "-DCMAKE_C_FLAGS=-std=c99 -Wall -Wextra -Werror -pedantic"
    build = configure(examples / "firmware", "Ninja", f"-DARGS={';'.join(QUICK)}", strict)
    command = (tool("cmake"), "--build", build)
    first = rebuilt(build, *command)
    assert {"fashion.c.o", "libfashion.a", "redsc_conv.c.o", "libredsc_kernels.a", "firmware"} <= first
    assert not {name for name in first if "tflm" in name}
    levels = json.loads((build / "redsc" / "fashion" / "fashion.report.json").read_text())["levels"]
    said = call(build / "firmware", cwd=examples).splitlines()
    assert [line.split(" B,")[0].split() for line in said[: len(levels)]] == [
        ["level", f"{level['name']}:", str(level["macs"]), "MACs,", "arena", str(level["arena"]["total_bytes"])]
        for level in levels
    ]
    chosen = [line.split(" sees")[0].partition(": ")[2].split()[-1] for line in said[len(levels) :]]
    assert chosen == ["100", "75", "50", "50", "25", "25", "level", "level", "50", "50", "75"]  # "no level" twice
    assert rebuilt(build, *command) == set()


def test_the_images_of_the_example_are_those_of_the_data_file() -> None:
    folder = ROOT / "examples"
    made = call(sys.executable, folder / "firmware" / "images.py", folder / "fashion_eval.npz", cwd=folder)
    assert made == (folder / "firmware" / "images.h").read_text()


def test_the_make_example_builds_once_and_after_an_edit(examples: Path) -> None:
    if not REDSC.exists():
        pytest.skip("redsc is not installed beside this python")
    folder = examples / "make"
    build, command = folder / "build", (tool("make"), f"REDSC={REDSC}", f"ARGS={' '.join(QUICK)}")
    programs = {"fashion.o", "levels.o", "levels"}
    kernels = KERNELS | {Path(name).with_suffix(".o").name for name in KERNELS if name.endswith(".c")}

    def made() -> set[str]:
        before = {path: path.stat().st_mtime_ns for path in build.rglob("*.*")}
        before |= {path: path.stat().st_mtime_ns for path in build.glob("levels")}
        call(*command, cwd=folder)
        paths = [*build.rglob("*.*"), build / "levels"]
        return {path.name for path in paths if path.suffix != ".d" and before.get(path) != path.stat().st_mtime_ns}

    assert made() == GENERATED | kernels | programs
    said = call(build / "levels", cwd=folder)
    assert said.splitlines() == said_by_levels(folder, build / "fashion" / "fashion.report.json")
    assert made() == set()
    os.utime(examples / "fashion_calib.npz")
    assert made() == {"fashion.report.json"}
    assert made() == set()
    edit(examples / "fashion_dscnn.onnx")
    same = {"fashion.tflite", "fashion.plan.json", "fashion_tflm.h"}
    assert made() == (GENERATED - same) | programs
    assert made() == set()


@pytest.fixture
def two_models(tmp_path: Path) -> Path:
    """Return a project with two models: one as objects, read by the assembler, one of a plan in a folder below."""
    folder = tmp_path / "two models"
    for name in ("my models", "vision"):
        (folder / name).mkdir(parents=True)
    (folder / "my models" / "kws.tflite").write_bytes(write_tflite(small_net()))
    (folder / "vision.tflite").write_bytes(write_tflite(residual_net()))
    cmake_dir(folder)
    plan = call(REDSC, "levels", "vision.tflite", "--levels", "100,60,50", cwd=folder)
    (folder / "vision" / "see.json").write_text(plan)
    (folder / "vision" / "CMakeLists.txt").write_text(VISION)
    (folder / "CMakeLists.txt").write_text(TWO_MODELS)
    (folder / "main.c").write_text(MAIN)
    return folder


def test_an_edit_of_one_model_leaves_the_other_and_the_kernels_alone(two_models: Path) -> None:
    build = configure(two_models, "Ninja", "-DCMAKE_C_FLAGS=-flto -Wall -Wextra -Werror")
    command = (tool("cmake"), "--build", build)
    first = rebuilt(build, *command)
    assert {"kws.c.o", "kws.tflite", "libvision.a", "see.c.o", "redsc_conv_2d.c.o", "firmware"} <= first
    assert len(list(build.rglob("redsc_conv_2d.c.o"))) == 1
    assert call(build / "firmware", cwd=build) == "1 T 2 1"
    assert rebuilt(build, *command) == set()

    (two_models / "my models" / "kws.tflite").write_bytes(write_tflite(small_net(seed=1)))
    second = rebuilt(build, *command)
    assert {"kws.c", "kws.tflite", "kws.c.o", "main.c.o", "firmware"} <= second
    assert not {name for name in second if "see" in name or "vision" in name or name.startswith("redsc_")}

    (two_models / "vision" / "see.json").write_text((two_models / "vision" / "see.json").read_text() + "\n")
    assert rebuilt(build, *command) == {"see.report.json"}


BAD_CALLS = {
    "redsc_add_model(kws RAM 20KB)": "MODEL is missing",
    "redsc_add_model(kws MODEL a.onnx SIZE 3)": "unknown argument SIZE;3",
    "redsc_add_model(kws MODEL a.onnx RAM)": "no value for RAM",
    "redsc_add_model(a-b MODEL a.onnx)": "a-b is no C identifier",
    "redsc_add_model(kws MODEL a.onnx)": "add C to the languages",
    "find_package(redsc 99 REQUIRED)": "compatible with requested version",
}


def test_lists_and_parts_of_images_become_flags(tmp_path: Path) -> None:
    script = "redsc_add_model(kws MODEL a.onnx LEVELS 50 25 RESOLUTION 50=64 25=48 CROP 0,8,64,48 50=1,2,3,4)"
    (tmp_path / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.20)\nproject(p LANGUAGES C)\nfind_package(redsc REQUIRED)\n{script}\n"
    )
    (tmp_path / "a.onnx").touch()
    command = (configure(tmp_path, "Ninja") / "build.ninja").read_text()
    assert "--levels 50,25 --resolution 50=64,25=48 --crop 0,8,64,48 --crop 50=1,2,3,4" in command


@pytest.mark.parametrize("script", BAD_CALLS)
def test_cmake_says_what_is_wrong(tmp_path: Path, script: str) -> None:
    settings = f'set(redsc_DIR "{cmake_dir(tmp_path)}")\nset(REDSC_EXECUTABLE "{REDSC}")\n'
    (tmp_path / "script.cmake").write_text(f"{settings}find_package(redsc {__version__} REQUIRED)\n{script}\n")
    done = subprocess.run([tool("cmake"), "-P", "script.cmake"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0
    assert BAD_CALLS[script] in " ".join(done.stderr.decode().split())


def test_a_program_of_another_installation_is_refused(tmp_path: Path) -> None:
    package = Path(cmake_dir(tmp_path)).parents[1]
    copy = tmp_path / "redsc" / "codegen" / "cmake"
    shutil.copytree(package / "codegen" / "cmake", copy)
    shutil.copy(package / "version.py", tmp_path / "redsc")
    settings = f'set(redsc_DIR "{copy}")\nset(REDSC_EXECUTABLE "{REDSC}")\n'
    (tmp_path / "script.cmake").write_text(f"{settings}find_package(redsc REQUIRED)\n")
    done = subprocess.run([tool("cmake"), "-P", "script.cmake"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0
    assert "belongs to another installation" in " ".join(done.stderr.decode().split())
