"""Two small models, and what sweeps of them have in common."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from redsc.formats import write_tflite
from tests.helpers import residual_net, samples_of, small_net


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    """Return two models; the folder `data` beside them has samples for each, by its name."""
    (tmp_path / "data").mkdir()
    nets = {"small": small_net(), "residual": residual_net()}
    for name, graph in nets.items():
        (tmp_path / f"{name}.tflite").write_bytes(write_tflite(graph))
        np.savez(tmp_path / "data" / f"{name}.npz", x=samples_of(graph, 24))
    return [tmp_path / f"{name}.tflite" for name in nets]
