from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from redsc.cli.commands import cli
from redsc.cli.help_groups import GROUPS
from redsc.formats import write_tflite
from redsc.ir import DType
from tests.cli.conftest import Run
from tests.helpers import samples_of, small_net


@pytest.mark.parametrize("flag", ["--help", "--version", "compile --help"])
def test_help_and_version_import_nothing_heavy(flag: str) -> None:
    program = (
        "import sys; from redsc.cli import main; sys.argv = ['redsc', *sys.argv[1:]]\n"
        "try: main()\nfinally: print(sorted(set(sys.modules) & {'numpy', 'onnx', 'tflite', 'networkx', 'rich',"
        " 'jinja2', 'onnxruntime', 'ortools', 'ai_edge_litert'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *flag.split()], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_on_a_terminal_stages_that_count_have_a_bar(tmp_path: Path) -> None:
    graph = small_net(DType.FLOAT32)
    (tmp_path / "net.tflite").write_bytes(write_tflite(graph))
    np.savez(tmp_path / "x.npz", x=samples_of(graph, 20))
    command = [
        sys.executable,
        "-m",
        "redsc",
        "levels",
        "net.tflite",
        "--levels",
        "100,50",
        "--data",
        "x.npz",
        "--no-cache",
    ]
    reader, writer = os.openpty()
    wide = {**os.environ, "COLUMNS": "160", "TERM": "xterm"}
    with subprocess.Popen(command, cwd=tmp_path, env=wide, stdout=subprocess.PIPE, stderr=writer) as process:
        os.close(writer)
        shown = _read_all(reader)
        assert json.loads(process.stdout.read() if process.stdout else b"")
    assert "choosing levels" in shown
    assert re.search(r"measuring what each cut costs .*━.* 0/\d+ .*-:--:--", shown)


def _read_all(terminal: int) -> str:
    """Return what is written to a terminal until it is closed."""
    parts = []
    with contextlib.suppress(OSError):  # Linux says so when the last writer is gone
        while part := os.read(terminal, 4096):
            parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()


@pytest.fixture
def colors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test ask for colours; afterwards the environment is as it was."""
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.setenv(name, "")


@pytest.mark.usefixtures("colors")
@pytest.mark.parametrize(
    ("environment", "flag", "is_colored"),
    [
        ({}, "auto", False),
        ({"FORCE_COLOR": "1"}, "auto", True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, "auto", False),
        ({"NO_COLOR": "1"}, "always", True),
        ({"FORCE_COLOR": "1"}, "never", False),
    ],
)
def test_colors_are_by_flag_then_environment_then_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], flag: str, is_colored: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code, _, err = run("analyze", "missing.tflite", "--color", flag)
    assert code == 3
    assert err.startswith("\x1b[31m" if is_colored else "error[M305]: cannot read")
    assert ("\x1b[1m" in run("targets", "--color", flag)[1]) is is_colored


def test_quiet_is_silent_but_for_errors_and_what_was_asked_for(run: Run, model: Path) -> None:
    assert run("compile", model, "--levels", "50,100", "-q") == (0, "", "")
    assert run("levels", model, "--levels", "50,100", "-q")[1].startswith("{")
    assert run("slice", "out/net.tflite", "--level", "50", "-o", "half.tflite", "--quiet") == (0, "", "")
    assert run("compile", "missing.tflite", "-q")[2].startswith("error[M305]")


def test_verbose_names_the_stages_and_the_file_of_options(run: Run, model: Path) -> None:
    Path("redsc.toml").write_text('levels = "50,100"\n')
    _, _, err = run("levels", model, "-v")
    lines = err.splitlines()
    assert lines[0] == "options are from redsc.toml"
    assert re.fullmatch(r" +\d+\.\d\d s  reading the model", lines[1])
    assert any(line.endswith("choosing levels") for line in lines)


@pytest.mark.parametrize("name", [name for name, verb in cli.commands.items() if len(verb.params) > 20])
def test_every_option_of_a_long_help_is_in_a_group(run: Run, name: str) -> None:
    _, out, _ = run(name, "--help")
    titles = re.findall(r"^(\S.*):$", out, re.M)
    assert "Options" not in titles
    assert [title for title in titles if title not in GROUPS] == []
    assert titles[0] == next(iter(GROUPS))
    flags = {flag for verb in cli.commands.values() for option in verb.params for flag in option.opts}
    assert {flag for group in GROUPS.values() for flag in group} <= {*flags, "--help"}
