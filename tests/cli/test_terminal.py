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

from redsc.formats import write_tflite
from redsc.ir import DType
from redsc.runtime.compare import random_samples
from tests.helpers import small_net


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
    np.savez(tmp_path / "x.npz", x=np.concatenate([row[0] for row in random_samples(graph, 20)]))
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
