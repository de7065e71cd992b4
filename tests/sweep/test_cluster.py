from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from redsc.errors import UsageError
from redsc.options import Options
from redsc.sweep import grid, run_sweep
from tests.conftest import Golden

OPTIONS = Options(levels=("100", "50"), width_multiple=2)
POINTS = grid(("4KB", "20KB"), ("joint", "uniform"))


@pytest.fixture
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed", reason="needs redsc[cluster]")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=":0") as found:
        yield found


def test_a_killed_worker_loses_nothing(cluster: Any, models: list[Path], tmp_path: Path) -> None:
    killed: list[int] = []

    def kill(stage: str, done: int = 0, total: int = 0) -> None:
        if stage == "sweeping" and 0 < done < total and not killed:
            killed.append(cluster.workers[0].pid)
            os.kill(killed[0], signal.SIGKILL)

    options = Options(levels=("100", "50"), width_multiple=2, data=tmp_path / "data" / "{name}.npz")
    address = cluster.scheduler_address
    found = run_sweep(models, options, POINTS, tmp_path / "there", scheduler=address, progress=kill)
    assert killed
    assert found == run_sweep(models, options, POINTS, tmp_path / "here", jobs=2)
    assert all(level.quality is not None for point in found.points for level in point.levels)


def test_nobody_at_the_address_is_an_error(models: list[Path], tmp_path: Path, golden: Golden) -> None:
    pytest.importorskip("distributed", reason="needs redsc[cluster]")
    with pytest.raises(UsageError) as error:
        run_sweep(models, OPTIONS, POINTS, tmp_path / "out", scheduler="elsewhere://1")
    golden(f"{error.value}\n")


def test_a_missing_package_is_an_error_that_says_what_to_install(
    models: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError) as error:
        run_sweep(models, OPTIONS, POINTS, tmp_path / "out", scheduler="tcp://localhost:8786")
    golden(f"{error.value}\n")
