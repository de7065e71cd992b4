"""How long `redsc --help` takes, against importing click alone: both in turn, in the same run.

    python benchmarks/start_up.py

The bar is 2.0. CPU time, the least of 25 runs; modules are compiled to bytecode before, as an installed package is.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys

_RUNS = 25
_COMMANDS = {
    "import click": ["-c", "import click"],
    "redsc --version": ["-m", "redsc", "--version"],
    "redsc --help": ["-m", "redsc", "--help"],
    "redsc compile --help": ["-m", "redsc", "compile", "--help"],
}


def main() -> None:
    """Print the least CPU time of every command, and how many times that of importing click it is."""
    least = dict.fromkeys(_COMMANDS, float("inf"))
    for _ in range(_RUNS):
        for name, arguments in _COMMANDS.items():
            least[name] = min(least[name], cpu_seconds(arguments))
    alone = least["import click"]
    for name, seconds in least.items():
        print(f"{name:<24} {1000 * seconds:6.0f} ms  {seconds / alone:5.2f}x")


def cpu_seconds(arguments: list[str]) -> float:
    """Return the CPU time that a run of Python takes."""
    cached = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=cached)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
