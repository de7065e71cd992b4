"""Run a foreign model in a process of its own: runtimes crash on damaged files."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from redsc.errors import ExecutorError, RedscError
from redsc.ir import Array
from redsc.limits import DEFAULT_LIMITS
from redsc.runtime.executor import EXECUTORS, installed
from redsc.runtime.steps import Links

__all__ = ["run_isolated"]


def run_isolated(
    executor: str,
    model: bytes,
    samples: Sequence[Sequence[Array]],
    *,
    in_steps: bool = False,
    links: Links = (),
    timeout_seconds: int = DEFAULT_LIMITS.executor_seconds,
) -> list[list[Array]]:
    """Run a model like `Executor.run`, or `Executor.run_steps` with `links`, in a subprocess.

    Raises:
        ExecutorError: the runtime refuses the model, crashes or takes too long.
    """
    if not installed(executor):
        raise ExecutorError(f"{EXECUTORS[executor].package} is not installed")
    options = json.dumps({"links": list(links)} if in_steps else {})
    way = "run_steps" if in_steps else "run"
    command = [sys.executable, "-m", "redsc.runtime.isolated", executor, way, options]
    try:
        done = subprocess.run(
            command, input=_pack(samples, model), capture_output=True, timeout=timeout_seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ExecutorError(f"{executor} did not finish within {timeout_seconds} s") from error
    if done.returncode == ExecutorError.exit_code:
        raise ExecutorError(done.stdout.decode(errors="replace"))
    if done.returncode:
        raise ExecutorError(f"{executor} crashed on the model (status {done.returncode})")
    return _unpack(np.load(io.BytesIO(done.stdout)))


def _pack(rows: Sequence[Sequence[Array]], model: bytes = b"") -> bytes:
    """Return rows of arrays, and a model, as the bytes of a numpy archive."""
    arrays: dict[str, Any] = {f"{i}.{j}": array for i, row in enumerate(rows) for j, array in enumerate(row)}
    archive = io.BytesIO()
    np.savez(archive, model=np.frombuffer(model, np.uint8), **arrays)
    return archive.getvalue()


def _unpack(archive: np.lib.npyio.NpzFile) -> list[list[Array]]:
    """Return the rows of an archive that `_pack` made."""
    keys = sorted(tuple(map(int, key.split("."))) for key in archive.files if key != "model")
    return [[archive[f"{i}.{j}"] for i, j in row] for _, row in groupby(keys, key=lambda key: key[0])]


def _serve(executor: str, way: str, options: str) -> int:
    archive = np.load(io.BytesIO(sys.stdin.buffer.read()))
    try:
        run = getattr(EXECUTORS[executor], way)
        rows = run(archive["model"].tobytes(), _unpack(archive), **json.loads(options))
    except RedscError as error:
        sys.stdout.write(error.diagnostic.message)
        return error.exit_code
    sys.stdout.buffer.write(_pack(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(_serve(*sys.argv[1:]))
