"""Run a tool as a user would, in a process of its own, and say what that takes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Failed", "Taken", "redsc", "run", "task"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process with its children took: seconds of a core, and the most memory of one of them in 10^6 B."""

    seconds: float
    megabytes: float


class Failed(Exception):
    """A tool that did not do it: why, in a few words."""


def run(command: Sequence[str | Path], folder: Path, limit: float) -> Taken:
    """Return what a command took, run in a folder.

    Raises:
        Failed: it exits with an error, or is not done after `limit` seconds of clock.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(),
        )
        timer = threading.Timer(limit, process.kill)
        timer.start()
        _, status, used = os.wait4(process.pid, 0)
        is_late = not timer.is_alive()
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            lines = log.read().decode(errors="replace").strip().splitlines() or ["no word"]
            raise Failed(f"not done after {limit:.0f} s" if is_late else f"fails: {lines[-1][:60]}")
    return Taken(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)


def redsc(*arguments: str | Path) -> list[str | Path]:
    """Return the command line of redsc with these arguments."""
    return [sys.executable, "-m", "redsc", *arguments]


def task(name: str, *arguments: str | Path) -> list[str | Path]:
    """Return the command line of a part of redsc that has no verb of its own, see `tasks`."""
    return [sys.executable, "-m", "benchmarks.side_by_side.tasks", name, *arguments]


def _environment() -> dict[str, str]:
    """Return this environment with redsc's sources in front, and one thread per library, as those are measured."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
