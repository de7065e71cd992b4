"""What a compile depends on, read back by real Make and Ninja."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import numpy as np
import onnx
import pytest

from redsc.codegen.depfile import input_files, render_depfile, write_depfile
from redsc.errors import OutputError
from redsc.formats import Model, load_model
from redsc.options import Options, Searching
from tests.firmware.build import tool
from tests.formats.onnx.models import onnx_model

SECOND = 1_000_000_000
NAMES = ["plain.onnx", "with space.npz", "with#hash", "with$dollar", "dir with space/a.b", "back\\ slash"]
MAKEFILE = """
target: ; @echo made >> log; touch target
include target.d
"""
NINJA = """
rule make
  command = echo made >> log; touch target
  depfile = target.d
build target: make
"""
TOOLS = {"make": ("Makefile", MAKEFILE), "ninja": ("build.ninja", NINJA)}


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """Return an ONNX model of one dense layer with its weights in a file beside it."""
    data = onnx_model(["y = MatMul(x, w)"], {"x": [1, 4]}, {"w": np.ones((4, 4), np.float32)})
    path = tmp_path / "net.onnx"
    onnx.save(
        onnx.load_model_from_string(data),
        path,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    return load_model(path)


def builds(builder: str, folder: Path) -> int:
    """Build, and return how many times the target was made."""
    log = folder / "log"
    log.write_text("")
    subprocess.run([tool(builder)], cwd=folder, check=True, capture_output=True)
    return log.read_text().count("made")


@pytest.fixture(params=TOOLS)
def builder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return a build tool, in whose folder the target depends on files of all names."""
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    name, text = TOOLS[request.param]
    (tmp_path / name).write_text(text)
    (tmp_path / "target.d").write_bytes(render_depfile(Path("target"), map(Path, NAMES)))
    return str(request.param)


def test_a_build_tool_reads_every_name(tmp_path: Path, builder: str) -> None:
    assert [builds(builder, tmp_path) for _ in range(2)] == [1, 0]
    for name in NAMES:
        time.sleep(0.01)  # longer than the steps of a file's time
        os.utime(tmp_path / name)
        assert [builds(builder, tmp_path) for _ in range(2)] == [1, 0], name


def test_a_file_that_went_away_is_no_error(tmp_path: Path, builder: str) -> None:
    builds(builder, tmp_path)
    (tmp_path / NAMES[1]).unlink()
    assert builds(builder, tmp_path) == 1


def test_a_compile_depends_on_the_model_its_weights_and_all_data(tmp_path: Path, model: Model) -> None:
    given = {name: tmp_path / name for name in ("data", "evaluation", "plan")}
    files = input_files(model, Options(**given))  # type: ignore[arg-type]
    assert files == (tmp_path / "net.onnx", tmp_path / "weights.bin", *given.values())
    ratios = tmp_path / "ratios.toml"
    assert input_files(model, Options(searching=Searching(ratios=ratios)))[2:] == (ratios,)
    same = tmp_path / "same.npz"
    assert input_files(model, Options(data=same, evaluation=same))[2:] == (same,)


def test_the_report_gets_a_new_time_and_the_depfile_only_where_it_differs(tmp_path: Path, model: Model) -> None:
    report, depfile = tmp_path / "net.report.json", tmp_path / "new" / "net.d"
    report.touch()
    write_depfile(depfile, report, input_files(model, Options()))
    for path in (report, depfile):
        os.utime(path, ns=(SECOND, SECOND))
    write_depfile(depfile, report, input_files(model, Options()))
    assert report.stat().st_mtime_ns > SECOND
    assert depfile.stat().st_mtime_ns == SECOND
    assert depfile.read_text().startswith(f"{report}: \\\n  {tmp_path}/net.onnx \\\n  {tmp_path}/weights.bin\n")


def test_no_report_is_an_output_error(tmp_path: Path, model: Model) -> None:
    with pytest.raises(OutputError, match="cannot set the time"):
        write_depfile(tmp_path / "net.d", tmp_path / "missing.json", ())
