"""What the pages about options and about Python show is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import redsc
from redsc.cli.commands import cli
from redsc.formats import write_tflite
from tests.cli.conftest import Run, run
from tests.conftest import ROOT
from tests.helpers import small_net

__all__ = ["run"]  # a fixture

OPTIONS, PYTHON = ((ROOT / "docs" / name).read_text("utf-8") for name in ("configuration.md", "python.md"))


def test_the_program_of_the_page_writes_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.tflite").write_bytes(write_tflite(small_net()))
    (program,) = re.findall(r"```python\n(.*?)```", PYTHON, re.S)
    exec(program, {})
    assert capsys.readouterr().out.strip().isdecimal()
    assert Path("out/model.tflite").is_file()


def test_every_public_function_and_verb_is_on_the_page() -> None:
    functions = {name for name in redsc.__all__ if name[0].islower()}
    assert {name for name in functions if f"`{name}(" not in PYTHON and f" {name}(" not in PYTHON} <= INSIDE
    assert [verb for verb in cli.commands if f"redsc {verb}" not in PYTHON + OPTIONS] == []


INSIDE = {"grid", "input_files", "parse_ram", "read_logs", "read_model"}  # arguments of others


def test_the_file_of_the_page_is_one(run: Run) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", OPTIONS, re.S)
    Path("redsc.toml").write_text(text)
    code, out, _ = run("compile", "--print-config")
    assert code == 0
    assert out.count("# file redsc.toml") == len(re.findall(r"^[a-z-]+ = ", text.partition("[sweep]")[0], re.M))


def test_the_lines_of_the_page_are_printed(run: Run) -> None:
    Path("redsc.toml").write_text('target = "nano33ble"\nlevels = "50,100"\n')
    out = run("compile", "--print-config", "--ram", "60KB")[1]
    shown = re.search(r"\$ redsc compile --print-config.*?\n(.*?)\n    \.\.\.", OPTIONS, re.S)
    assert shown
    assert [line for line in shown[1].splitlines() if line.strip() not in out] == []
