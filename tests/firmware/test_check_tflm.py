"""`make check-tflm`: without TFLM's sources it skips and says why; with TFLM_DIR set it builds and runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.firmware.build import tool

MICRO = "tensorflow/lite/micro"
BUILD_SECONDS = 1800
SOURCES = ("micro_interpreter.h", "micro_common.h")
FLATBUFFERS = "tools/make/downloads/flatbuffers/include/flatbuffers/flatbuffers.h"
LACKING = {
    "has no tensorflow/lite/micro/micro_interpreter.h": (),
    "is older than TFLMRegistration": SOURCES[:1],
    "lacks flatbuffers gemmlowp ruy; this brings them: make -f": SOURCES,
    "lacks gemmlowp ruy; this brings them: make -f": (*SOURCES, FLATBUFFERS),
}


def check(*variables: str) -> subprocess.CompletedProcess[str]:
    """Run the target as a user would, with this Python; the tests may themselves be run by make."""
    from_make = {"TFLM_DIR", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"}
    environment = {name: text for name, text in os.environ.items() if name not in from_make}
    virtual = f"VENV={Path(sys.executable).parent.parent}"
    command = [tool("make"), "check-tflm", virtual, *variables]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )


def is_skipped(done: subprocess.CompletedProcess[str], reason: str) -> bool:
    return done.returncode == 0 and done.stdout.startswith("check-tflm skipped: ") and reason in done.stdout


def test_it_skips_without_a_tree() -> None:
    assert is_skipped(check(), "no TFLM_DIR")


@pytest.mark.parametrize("reason", LACKING)
def test_it_skips_where_something_is_missing(tmp_path: Path, reason: str) -> None:
    for name in LACKING[reason]:
        path = tmp_path / MICRO / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    before = sorted(tmp_path.rglob("*"))
    assert is_skipped(check(f"TFLM_DIR={tmp_path}"), f"TFLM_DIR {reason}")
    assert sorted(tmp_path.rglob("*")) == before


def test_it_skips_a_path_with_a_space(tmp_path: Path) -> None:
    assert is_skipped(check(f"TFLM_DIR={tmp_path}/a tree"), "TFLM_DIR has a space in it")


@pytest.fixture
def sources() -> str:
    if "TFLM_DIR" not in os.environ:
        pytest.skip("TFLM_DIR does not say where the sources of tflite-micro are")
    tool("g++")
    given = f"TFLM_DIR={os.environ['TFLM_DIR']}"
    said = check(given, "--dry-run").stdout
    if "check-tflm skipped" in said:
        pytest.skip(said)
    return given


# One test, as its parts build in one folder.
def test_levels_equal_stock_ones_in_both_namespaces_and_a_wrong_one_is_noticed(
    sources: str, tmp_path: Path
) -> None:
    for namespace in ("", "tflite::micro"):
        done = check(sources, f"NAMESPACE={namespace}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "check-tflm passed" in done.stdout, done.stdout
        assert ".cc\n" not in check(sources, f"NAMESPACE={namespace}").stdout  # nothing of TFLM is compiled twice

    made = ROOT / "out" / "check-tflm"
    program = max(made.glob("*/check"), key=lambda path: path.stat().st_mtime)
    for network in ("joined", "residual"):
        folder = shutil.copytree(made / "models", tmp_path / network)
        shutil.copy(folder / f"{network}_stock_50.tflite", folder / f"{network}_stock_25.tflite")
        done = subprocess.run([program, folder, tmp_path / "log"], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert f"FAILED: {network}, level 25" in done.stdout
