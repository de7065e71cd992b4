from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from redsc.errors import RedscError
from redsc.formats import write_tflite
from redsc.ir import DType, Graph
from tests.cli.conftest import Run, write_float
from tests.conftest import Golden
from tests.helpers import NetBuilder

ERRORS: dict[str, tuple[int, str]] = {
    "a size with a wrong unit": (2, "compile net.tflite --ram 200kb"),
    "a level of zero percent": (2, "compile net.tflite --levels 0,50"),
    "a space that is not there": (2, "compile net.tflite --freeze conv_2d"),
    "data that is not there": (2, "compile net.tflite --data none.npz"),
    "data that is no archive": (2, "compile net.tflite --data net.tflite"),
    "data of another shape": (2, "compile real.tflite --data wrong.npz"),
    "data of no numbers": (2, "compile real.tflite --data nan.npz"),
    "a node to keep float that is not there": (2, "compile real.tflite --data good.npz --keep-float conv2d0"),
    "an int8 container of a float model without its data": (
        2,
        "verify int8/real.tflite --model real.tflite --plan int8/real.plan.json",
    ),
    "a shape that is none": (2, "compile net.tflite --shape x=1x8x8x3"),
    "a shape for a tflite": (2, "analyze net.tflite --shape x=1,8,8,3"),
    "a state that is none": (2, "compile net.tflite --state x"),
    "a state of no input": (2, "analyze net.tflite --state y=y"),
    "a state of two types": (2, "analyze net.tflite --state x=dense4"),
    "a signature that there is not": (2, "analyze net.tflite --signature infer"),
    "a plan that is none": (2, "compile net.tflite --plan net.tflite"),
    "a plan for another model": (2, "compile net.tflite --plan other.plan.json"),
    "a plan and levels": (2, "compile net.tflite --plan other.plan.json --levels 50"),
    "a size that is none": (2, "compile net.tflite --resolution 6y"),
    "a part of an image that is none": (2, "compile net.tflite --crop 1,2,3"),
    "a size that a network does not take": (2, "compile net.tflite --levels 100,50 --resolution 50=6"),
    "sizes to choose from without data": (2, "compile net.tflite --levels 100,50 --resolution 6"),
    "an image of a level that is not there": (2, "compile net.tflite --levels 100,50 --crop 25=0,0,4,4"),
    "no levels at all": (2, "compile net.tflite --levels ,"),
    "a model without its plan": (2, "verify out/net.tflite --model net.tflite"),
    "a budget of no MACs": (5, "compile net.tflite --macs 0"),
    "a pipe for a model": (3, "analyze pipe"),
    "a model that is not there": (3, "compile missing.tflite"),
    "a damaged tflite": (3, "compile garbage.tflite"),
    "a damaged onnx": (3, "analyze garbage.onnx"),
    "a file of PyTorch": (3, "compile net.pt"),
    "half a file": (3, "compile half.tflite"),
    "a lossless model that does not fit": (5, "compile net.tflite --ram 1KB"),
    "a model that fits without an interpreter": (5, "compile net.tflite --ram 2KB"),
    "a float model that does not fit": (5, "compile real.tflite --ram 2KB"),
    "no level that fits": (5, "compile net.tflite --ram 1KB --levels 50,100"),
    "no level under its ceiling": (5, "compile net.tflite --levels 1"),
    "a flash budget": (5, "compile net.tflite --flash 1KB"),
    "kernels of TFLM for the C engine": (2, "compile net.tflite --backend c --kernels reference"),
    "a way to share for the C engine": (2, "compile net.tflite --backend c --share copies"),
    "one resident level of the C engine": (2, "levels net.tflite --backend c --resident one"),
    "an assembled array for the C engine": (2, "compile net.tflite --backend c --array incbin"),
    "a preference without the C engine": (2, "compile net.tflite --prefer ram"),
    "a network that the C engine has no kernels for": (4, "compile odd.tflite --backend c --levels 50,100"),
    "a slice of no level": (2, "slice out/net.tflite --level 10 -o x.tflite"),
    "a container that is none": (2, "verify foreign.tflite"),
    "a file of options that is not there": (2, "compile net.tflite --config none.toml"),
    "a project without options": (2, "compile net.tflite --config pyproject.toml"),
    "a file of wrong options": (2, "compile net.tflite --config wrong.toml"),
    "a node that is not there": (2, "compile net.tflite --explain conv2d0 --dry-run"),
    "a directory that is a file": (7, "compile net.tflite -o net.tflite"),
}


def odd_net() -> Graph:
    """Two operators that the C engine has no kernels for, and one that it has."""
    net = NetBuilder(DType.FLOAT32)
    x = net.dense(net.input(1, 4), 4)
    return net.outputs(net.node("L2_NORMALIZATION", net.node("FLOOR_MOD", x, x)))


WRONG_OPTIONS = """
rum = "4KB"
data = [["x"]]
jobs = 3
sweep = 3
tune = "yes"
kernels = "fast"
"tune-steps" = [1, 2]
[levels]
space = true
[compile]
depfile = { a = 1 }
"""
OTHER_PLAN = '{"plan_version": 1, "levels": [{"name": "100", "widths": {"dense": 7}}], "order": {}}'


@pytest.mark.parametrize("name", ERRORS)
def test_error(run: Run, model: Path, compiled: Path, golden: Golden, name: str) -> None:
    shutil.copytree(compiled, "out")
    Path("garbage.tflite").write_bytes(b"garbage!" * 9)
    Path("garbage.onnx").write_bytes(b"garbage!" * 9)
    Path("half.tflite").write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    Path("net.pt").write_bytes(b"PK\x03\x04 and so on")
    os.mkfifo("pipe")
    Path("other.plan.json").write_text(OTHER_PLAN)
    Path("wrong.toml").write_text(WRONG_OPTIONS)
    Path("pyproject.toml").write_text("[project]\n")
    Path("odd.tflite").write_bytes(write_tflite(odd_net()))
    if "real" in ERRORS[name][1]:
        write_float(Path())
        run("compile", "real.tflite", "--data", "good.npz", "--levels", "50,100", "-o", "int8")
    Path("foreign.tflite").write_bytes(model.read_bytes().replace(b"redsc", b"human"))
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    code, arguments = ERRORS[name]
    found, out, err = run(*arguments.split())
    assert found == code
    assert out == ""
    golden(err)
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == before


def test_a_wrong_command_suggests_the_nearest(run: Run) -> None:
    code, _, err = run("complie", "x")
    assert code == 2
    assert "Did you mean compile?" in err


def test_a_bug_of_ours_saves_what_reproduces_it(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("redsc.report.operators.print_operators", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, _, err = run("ops")
    assert code == 70
    (saved,) = tmp_path.glob("redsc-crash-*.txt")
    assert str(saved) in err
    assert "ZeroDivisionError" in saved.read_text()


def test_an_interrupt_is_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("redsc.report.operators.print_operators", interrupt)
    assert run("ops")[0] == 130


def test_exit_codes_belong_to_classes() -> None:
    codes = {kind.__name__: kind.exit_code for kind in RedscError.__subclasses__()}
    assert codes == {
        "UsageError": 2,
        "ModelError": 3,
        "UnsupportedError": 4,
        "BudgetError": 5,
        "VerificationError": 6,
        "OutputError": 7,
        "InternalError": 70,
    }


def test_a_closed_pipe_is_no_error(model: Path) -> None:
    command = [sys.executable, "-m", "redsc", "ops"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
