"""The same model, options and version give the same bytes: in any process, folder, threads, cached or not.

And no part of a compile opens a socket.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from redsc.formats import write_tflite
from redsc.ir import DType
from redsc.store import Store
from tests.helpers import small_net

COMPILES = 8
FLAGS = ("--levels", "100,50", "--data", "samples.npz", "--name", "net")
# Python runs it at the start of the compile, and of every Python process that this starts.
GUARD = """
import atexit, os, pathlib, sys
LOG = pathlib.Path(os.environ["SOCKETS"])
def refuse(event, args):
    if event.startswith("socket."):
        with LOG.open("a") as file:
            file.write(f"{event} {args}\\n")
        raise OSError("no network")
def look():
    for entry in os.scandir("/proc/self/fd"):  # native code asks no hook
        if os.path.islink(entry.path) and os.readlink(entry.path).startswith("socket:"):
            refuse("socket.open", entry.path)
sys.addaudithook(refuse)
atexit.register(look)
with LOG.open("a") as file:
    file.write("guarded\\n")
"""
# Imports once, then compiles in so many processes at the same time, each into a folder of its own.
AT_ONCE = f"""
import os, sys
from pathlib import Path
import redsc
from redsc.cli.commands import cli
from redsc.compile import compile_model
children = []
for number in range({COMPILES}):
    if not (child := os.fork()):
        arguments = ["compile", "net.tflite", *{FLAGS!r}, "-o", f"out{{number}}"]
        os._exit(cli.main(arguments, standalone_mode=False) or 0)
    children.append(child)
sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a float network and samples for it."""
    made: Path = tmp_path_factory.mktemp("same")
    (made / "net.tflite").write_bytes(write_tflite(small_net(DType.FLOAT32)))
    generator = np.random.default_rng(0)
    np.savez(made / "samples.npz", x=generator.random((24, 8, 8, 3), np.float32), y=np.arange(24) % 2)
    return made


def run(folder: Path, *command: str, **variables: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **variables}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def files_of(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def alone(folder: Path) -> tuple[Mapping[str, bytes], list[str]]:
    """Return the files of a compile without a cache in a folder elsewhere, and what it did with sockets."""
    elsewhere = folder / "else" / "where"
    elsewhere.mkdir(parents=True)
    (elsewhere / "sitecustomize.py").write_text(GUARD)
    names = {"net.tflite": "../../net.tflite", "samples.npz": str(folder / "samples.npz")}
    flags = [names.get(flag, flag) for flag in ("net.tflite", *FLAGS)]
    path = os.pathsep.join([str(elsewhere), *(path for path in sys.path if path)])
    variables = {"PYTHONPATH": path, "SOCKETS": str(elsewhere / "log"), "REDSC_CACHE": "", "OMP_NUM_THREADS": "3"}
    run(elsewhere, "-m", "redsc", "compile", *flags, "-o", "out", **variables, PYTHONHASHSEED="7")
    return files_of(elsewhere / "out"), (elsewhere / "log").read_text().splitlines()


def test_compiles_at_the_same_time_share_a_cache_and_agree(
    folder: Path, alone: tuple[Mapping[str, bytes], list[str]]
) -> None:
    cache = folder / "cache"
    run(folder, "-c", AT_ONCE, REDSC_CACHE=str(cache), PYTHONHASHSEED="1", OMP_NUM_THREADS="1")
    for number in range(COMPILES):
        assert files_of(folder / f"out{number}") == alone[0]
    kept = [path.name.partition(".") for path in cache.iterdir()]
    assert kept
    assert all(Store(cache).get(key) is not None for key, _, _ in kept)


def test_no_socket_is_opened(alone: tuple[Mapping[str, bytes], list[str]]) -> None:
    assert set(alone[1]) == {"guarded"}
    assert len(alone[1]) > 1  # the processes in which foreign models run are guarded too
