"""Some cases of every kind of `benchmarks/fuzzing.py`, and what that ever found."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

if sys.platform != "linux":
    pytest.skip("the guard of the fuzzer reads /proc", allow_module_level=True)

from tests.fuzz.kinds import KINDS, prepare_folder
from tests.fuzz.worker import run_cases

CASES = 60
CRASHERS = sorted((Path(__file__).parent / "crashers").iterdir())
QUICK = [kind for kind in KINDS if kind != "onnx-operators"]  # whose seeds take 20 s to load


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare_folder(tmp_path_factory.mktemp("fuzzing"))


@pytest.mark.parametrize("kind", QUICK)
def test_damaged_files_end_with_an_error_of_ours(kind: str, folder: Path) -> None:
    KINDS[kind].warm_up(folder)
    cases = [KINDS[kind].case(Random(f"suite {kind} {number}")) for number in range(CASES)]
    outcomes = list(run_cases(kind, cases, folder))
    assert [item for item in outcomes if item.is_finding] == []
    assert len({item.result for item in outcomes}) > 1


@pytest.mark.parametrize("path", CRASHERS, ids=lambda path: path.name)
def test_what_was_found_once_is_no_finding_any_more(path: Path, folder: Path) -> None:
    kind = path.stem.rpartition("-")[0]
    KINDS[kind].warm_up(folder)
    (outcome,) = run_cases(kind, [path.read_bytes()], folder)
    assert not outcome.is_finding, outcome


def test_the_guard_finds_what_it_looks_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that noticed nothing would let everything pass."""

    def bad(path: Path) -> object:
        way = path.read_bytes().decode()
        exec(way)
        return None

    ways = {
        "raise KeyError('x')": "escaped KeyError",
        "while True: pass": "too slow",
        "x = bytearray(600 << 20)": "took",
        "import os; os._exit(3)": "process ended: 3",
        "open('/etc/passwd').close()": "open /etc/passwd",
        "import socket; socket.socket()": "socket.",
        "from redsc.errors import InternalError; raise InternalError('x')": "internal I700",
        "from redsc.errors import UsageError; raise UsageError('x')": "U200",
        "pass": "sound",
    }
    monkeypatch.setattr("tests.fuzz.worker.KINDS", {"bad": replace(KINDS["log"], check=bad)})
    outcomes = list(run_cases("bad", [way.encode() for way in ways], folder))
    for outcome, wanted in zip(outcomes, ways.values(), strict=True):
        assert outcome.result.startswith(wanted), outcome
    assert [item.is_finding for item in outcomes] == [*[True] * 7, False, False]
