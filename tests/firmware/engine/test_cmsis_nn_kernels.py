from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.firmware.build import CORTEX_M4, tool

ROOT = Path(__file__).resolve().parents[3]
_SECONDS = 300


def bakenn() -> Path:
    spec = importlib.util.find_spec("bakenn")
    if spec is None or spec.origin is None:
        pytest.skip("bakenn is not installed: it has the sources of CMSIS-NN")
    return Path(spec.origin).parent


def run_benchmark(*first_on_path: Path) -> subprocess.CompletedProcess[str]:
    """Return the end of `python -m benchmarks.firmware --only-kernels`; skips where a tool is missing."""
    CORTEX_M4.find()
    tool("qemu-system-arm")
    path = os.pathsep.join([*map(str, first_on_path), str(ROOT), *sys.path])
    command = [sys.executable, "-m", "benchmarks.firmware", "--only-kernels"]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def test_every_kernel_is_exact_and_no_slower_than_that_of_cmsis_nn() -> None:
    bakenn()
    done = run_benchmark()
    assert done.returncode == 0, done.stderr
    assert "all are met" in done.stdout, done.stdout


def test_other_sources_of_cmsis_nn_are_refused(tmp_path: Path) -> None:
    shutil.copytree(bakenn(), tmp_path / "bakenn")
    source = next((tmp_path / "bakenn").rglob("arm_convolve_s8.c"))
    source.write_text(source.read_text() + "\n")
    done = run_benchmark(tmp_path)
    assert done.returncode == 1
    assert "not those of bakenn" in done.stderr
