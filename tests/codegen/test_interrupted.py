"""A write that does not come to its end: the old file is whole, whatever stopped it."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from tests.cost.test_bench_log import BEGIN, SMALL, lines

BOTH = (b"a" * 3_000_000, b"b" * 2_000_000)
WRITER = """
import itertools, pathlib, sys
from redsc.codegen.files import write_files
for letter, size in itertools.cycle((("b", 2_000_000), ("a", 3_000_000))):
    write_files(pathlib.Path(sys.argv[1]), {"x": letter.encode() * size})
    print(flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_stopped_leaves_one_file_or_the_other(number: signal.Signals, tmp_path: Path) -> None:
    chance = Random(0)
    for _ in range(8):
        (tmp_path / "x").write_bytes(BOTH[0])
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as writer:
            assert writer.stdout
            writer.stdout.readline()  # from the first whole file on it writes without a pause
            time.sleep(chance.uniform(0, 0.02))
            writer.send_signal(number)
        assert writer.returncode
        assert (tmp_path / "x").read_bytes() in BOTH


def test_a_full_disk_is_an_output_error_and_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(lines(BEGIN, SMALL))
    (tmp_path / "table.json").write_text("old")
    done = subprocess.run(
        [sys.executable, "-m", "redsc", "measure", "--read", "log", "-o", "table.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert "O701" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "table.json"]
    assert (tmp_path / "table.json").read_text() == "old"
