"""A sweep of four networks, eight RAM budgets and two selectors: stopped and resumed, and on a cluster.

    python benchmarks/sweeping.py [--jobs 2] [--measured]

1. `redsc sweep` is interrupted when a quarter of its points is there, and goes on by the same command.
2. The same command once more, with all its points there.
3. The same on a Dask cluster of as many workers on this machine, one of which is killed midway.

The files of all three must be equal: that is asserted. Nothing is cached from before. Seconds are those of the
clock, and those that cores worked. `--measured`: the networks of level_selectors.py, made int8, recovered and
measured on its samples.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

import numpy as np
from level_selectors import SUBJECTS
from models import LEVELS, TINY, TINY_NAMES

RAM, SELECTORS = "24KiB..192KiB", "joint,genetic"
POINTS = len(TINY_NAMES) * 8 * 2
IMAGES = 128  # to measure on
FILES = ("sweep.json", "sweep.svg")


def main() -> None:
    """Print the seconds of each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--measured", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        here, there = folder / "here", folder / "there"
        command = [*sweep_command(), *(subjects(folder) if given.measured else networks())]
        local = [*command, "--jobs", str(given.jobs), "-o", str(here)]
        timed("until it was interrupted", lambda: stop_midway(local, here, folder / "cache"))
        timed("resumed, to its end", lambda: finish(local, folder / "cache"))
        first = contents(here)
        timed("with all points there", lambda: finish(local, folder / "cache"))
        timed(f"{given.jobs} workers, one killed", lambda: on_cluster(command, there, given.jobs, folder / "other"))
        assert contents(here) == first == contents(there)
    print(f"{POINTS} points, the same bytes every time")


def sweep_command() -> list[str]:
    """Return the command without its models and its folder."""
    return [sys.executable, "-m", "redsc", "sweep", "--ram", RAM, "--levels", LEVELS, "--select", SELECTORS]


def networks() -> list[str]:
    """Return the networks of MLPerf Tiny."""
    return [str(TINY / f"{name}.tflite") for name in TINY_NAMES]


def subjects(folder: Path) -> list[str]:
    """Write samples, and return the networks with them."""
    for name in ("data", "eval"):
        (folder / name).mkdir()
    for model, samples_of in SUBJECTS.values():
        samples = samples_of()
        np.savez(folder / "data" / f"{model.stem}.npz", x=samples.seen)
        measured = {"x": samples.test} if samples.labels is None else {"x": samples.test, "y": samples.labels}
        few = {key: array[:IMAGES] for key, array in measured.items()}
        np.savez(folder / "eval" / f"{model.stem}.npz", allow_pickle=False, **few)
    data = ["--data", f"{folder}/data/{{name}}.npz", "--eval", f"{folder}/eval/{{name}}.npz"]
    return [*(str(model) for model, _ in SUBJECTS.values()), *data]


def stop_midway(command: Sequence[str], output: Path, cache: Path) -> None:
    """Start a sweep and interrupt it."""
    running = start(command, cache)
    wait_for_quarter(running, output)
    running.send_signal(signal.SIGINT)
    assert running.wait() == 130
    print(f"{count(output)} points kept")


def on_cluster(command: Sequence[str], output: Path, workers: int, cache: Path) -> None:
    """Sweep on a cluster, and kill one of its workers midway."""
    import distributed

    os.environ["REDSC_CACHE"] = str(cache)
    with distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0") as cluster:
        running = start([*command, "--scheduler", cluster.scheduler_address, "-o", str(output)], cache)
        wait_for_quarter(running, output)
        os.kill(cluster.workers[0].pid, signal.SIGKILL)
        print(f"a worker killed after {count(output)} points")
        assert running.wait() == 0


def finish(command: Sequence[str], cache: Path) -> None:
    """Run a sweep to its end."""
    assert start(command, cache).wait() == 0


def start(command: Sequence[str], cache: Path) -> subprocess.Popen[bytes]:
    """Start a sweep, with this folder for what it caches."""
    environment = {**os.environ, "REDSC_CACHE": str(cache)}
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells let background jobs ignore it
    )


def wait_for_quarter(running: subprocess.Popen[bytes], output: Path) -> None:
    """Wait until a quarter of the points is there."""
    while count(output) < POINTS // 4:
        assert running.poll() is None
        time.sleep(0.1)


def count(output: Path) -> int:
    """Return how many points are kept."""
    return len(list((output / "points").glob("*.redsc-entry")))


def contents(output: Path) -> list[bytes]:
    """Return what a sweep wrote."""
    return [(output / name).read_bytes() for name in FILES]


def timed(what: str, run: Callable[[], None]) -> None:
    """Print how long something takes, with the processes that it starts."""
    started, before = time.perf_counter(), getrusage(RUSAGE_CHILDREN)
    run()
    after = getrusage(RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{what:<32} {time.perf_counter() - started:>7.1f} s, cores worked {worked:>7.1f} s", flush=True)


if __name__ == "__main__":
    main()
