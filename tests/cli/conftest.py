from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from redsc import cli
from redsc.codegen.files import write_files
from redsc.compile import compile_model
from redsc.formats import write_tflite
from redsc.ir import DType
from redsc.options import Options
from tests.helpers import samples_of, small_net

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.tflite"
    path.write_bytes(write_tflite(small_net()))
    return path


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what `compile` makes of `model`; copy it."""
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "net.tflite").write_bytes(write_tflite(small_net()))
    write_files(folder / "out", compile_model(folder / "net.tflite", Options()).files)
    return folder / "out"


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command line in this process; return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["redsc", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        captured = capfd.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return call


def write_float(folder: Path) -> None:
    """Write a float model and data files for it."""
    graph = small_net(DType.FLOAT32)
    (folder / "real.tflite").write_bytes(write_tflite(graph))
    good = samples_of(graph, 12)
    for name, data in (("good", good), ("wrong", good[..., :2]), ("nan", good * np.float32("nan"))):
        np.savez(folder / f"{name}.npz", x=data)
