"""Run a tool as a user would, in a process of its own, and say what that takes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Failed", "Taken", "redsc", "run", "task"]

ROOT = Path(__file__).resolve().parents[2]
_LAUNCH = Path(__file__).with_name("launch.py")
_PATIENCE = 30  # seconds of clock for one of a core: the machine has other work


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process with its children took: seconds of a core, and the most memory of one of them in 10^6 B."""

    seconds: float
    megabytes: float


class Failed(Exception):
    """A tool that did not do it: why, in a few words."""


def run(command: Sequence[str | Path], folder: Path, limit: int) -> Taken:
    """Return what a command took, run in a folder.

    Raises:
        Failed: it exits with an error, or is not done after `limit` seconds of a core.
    """
    with tempfile.TemporaryDirectory() as name:
        figures, log = Path(name) / "figures", Path(name) / "log"
        words = [sys.executable, "-S", str(_LAUNCH), str(figures), str(limit), *map(str, command)]
        with log.open("wb") as said:
            process = subprocess.Popen(
                words,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=_environment(),
                start_new_session=True,
            )
            try:
                process.wait(_PATIENCE * limit)
            except subprocess.TimeoutExpired as late:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise Failed(f"sleeps, after {_PATIENCE * limit} s of clock") from late
        seconds, kibibytes, status = figures.read_text().split()
        if int(status) == -signal.SIGXCPU:
            raise Failed(f"not done after {limit} s")
        if status != "0":
            lines = log.read_text(errors="replace").strip().splitlines() or ["no word"]
            raise Failed(f"fails: {lines[-1][:60]}")
    return Taken(float(seconds), int(kibibytes) * 1024 / 1e6)


def redsc(*arguments: str | Path) -> list[str | Path]:
    """Return the command line of redsc with these arguments."""
    return [sys.executable, "-m", "redsc", *arguments]


def task(name: str, *arguments: str | Path) -> list[str | Path]:
    """Return the command line of a part of redsc that has no verb of its own, see `tasks`."""
    return [sys.executable, "-m", "benchmarks.side_by_side.tasks", name, *arguments]


def _environment() -> dict[str, str]:
    """Return this environment with redsc's sources in front, and one thread per library, as those are measured."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
