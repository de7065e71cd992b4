"""The page for newcomers, tried as one would: its commands in order, in an empty folder, with an own redsc."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "getting-started.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
TOLERANCE = 0.1  # other processors and compilers round, and so choose, a little otherwise
MARK = "--- the next step of the page ---"


@dataclass(frozen=True, slots=True)
class Step:
    """Commands, and what the page says that they print; `...` stands for what it leaves out."""

    commands: str
    expected: str


def steps() -> list[Step]:
    """Return the steps of the page; without a compiler for Arm or an emulator those that need them are left out."""
    has_board = all(map(shutil.which, ("arm-none-eabi-gcc", "qemu-system-arm")))
    blocks = [match.groups() for match in BLOCK.finditer(PAGE.read_text("utf-8"))]
    following = [*blocks[1:], ("", "")]
    found = [
        Step(text, then if next_kind == "text" else "")
        for (kind, text), (next_kind, then) in zip(blocks, following, strict=True)
        if kind == "sh"
    ]
    return [step for step in found if has_board or "qemu" not in step.commands]


def is_like(line: str, expected: str) -> bool:
    """Whether a line has the words of another, and numbers near its own; confidence intervals may be any."""
    line, expected = (re.sub(r"±[\d.]+", "±", " ".join(text.split())) for text in (line, expected))
    pattern = NUMBER.sub("#", re.escape(expected.replace("...", "\0")).replace("\\,", ",").replace("\\.", "."))
    pattern = pattern.replace("#", f"({NUMBER.pattern})").replace(re.escape("\0"), ".*")
    match = re.fullmatch(pattern, line)
    numbers = NUMBER.findall(expected)
    return match is not None and all(map(_is_near, match.groups(), numbers))


def _is_near(found: str, expected: str) -> bool:
    one, other = (float(text.replace(",", "")) for text in (found, expected))
    return math.isclose(one, other, rel_tol=TOLERANCE)


def missing(output: str, expected: str) -> list[str]:
    """Return the expected lines that do not come in their order."""
    left = iter(output.splitlines())
    wanted = (line for line in expected.splitlines() if line.strip() != "...")
    return [line for line in wanted if not any(is_like(found, line) for found in left)]


def newcomer(folder: Path) -> dict[str, str]:
    """Return the environment of somebody who has what redsc depends on at hand: nothing is downloaded."""
    packages = [path for path in sys.path if path.endswith("site-packages")]
    return {
        **os.environ,
        "HOME": str(folder),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "PYTHONPATH": os.pathsep.join(packages),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # which is how pip's environment says that there is none
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def test_every_command_does_what_the_page_says(tmp_path: Path) -> None:
    for program in ("make", "cc"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    page = steps()
    (tmp_path / "redsc").symlink_to(ROOT)
    script = "set -e\n" + f"echo '{MARK}'\n".join(step.commands for step in page)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=newcomer(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    outputs = done.stdout.split(f"{MARK}\n")
    lost = {step.commands: missing(output, step.expected) for step, output in zip(page, outputs, strict=True)}
    assert not any(lost.values()), f"{lost}\n{done.stdout}"
    python, program = tmp_path / ".venv" / "bin" / "python", "import redsc; print(redsc.__file__)"
    environment = newcomer(tmp_path)
    where = subprocess.run(
        [python, "-P", "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert Path(where.stdout).is_relative_to(tmp_path / ".venv")


def test_what_the_readme_shows_is_what_the_page_shows() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    command, shown = re.findall(r"^    \$ ([^\n]*)$|^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    page = PAGE.read_text("utf-8").splitlines()
    assert any(line.startswith(command[0]) for line in page)
    assert [line for line in shown[1].splitlines() if line and line not in page] == []


@pytest.mark.parametrize(
    ("line", "expected", "alike"),
    [
        ("RAM     14,448 B", "RAM 14,448 B", True),
        ("RAM 14,600 B", "RAM 14,448 B", True),
        ("RAM 18,000 B", "RAM 14,448 B", False),
        ("ROM 14,448 B", "RAM 14,448 B", False),
        ("0.98 ±0.020 (a)", "0.99 ±0.018 (a)", True),
        ("took 31.5 us", "took ... us", True),
        ("took 31.5 ms", "took ... us", False),
        ("1 2 3", "1 2", False),
    ],
)
def test_lines_are_alike_by_their_words_and_nearly_by_their_numbers(line: str, expected: str, alike: bool) -> None:
    assert is_like(line, expected) is alike


def test_lines_have_to_come_in_their_order() -> None:
    assert missing("a\nb 2\nc\n", "a\n...\nc\n") == []
    assert missing("a\nb 2\nc\n", "c\nb 2\n") == ["b 2"]
