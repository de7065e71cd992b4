"""A network behind ops of tflite-micro's audio front end, in one file: levels of the one, the other untouched."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from redsc.compile import compile_model
from redsc.formats import write_tflite
from redsc.ir import DType, Graph, Reshape
from redsc.options import Options
from redsc.runtime import installed
from tests.helpers import NetBuilder
from tests.signal_ops import SAMPLES, signal_graph

LEVELS = ("100", "50")


def _with_network() -> Graph:
    """Return a graph that classifies a spectrum: float32 behind an FFT of floats, with a state before it."""
    framed, spectrum = signal_graph(SAMPLES["delay"]), signal_graph(SAMPLES["rfft float32"])
    net = NetBuilder(DType.FLOAT32)
    builder = net.builder
    x = builder.input("frame", (2, 8), DType.INT16)
    late = builder.op("SignalDelay", x, attrs=framed.nodes[0].attrs, dtype=DType.INT16)
    flat = builder.op("RESHAPE", late, attrs=Reshape((1, 16)))
    real = builder.op("CAST", flat, dtype=DType.FLOAT32)
    found = builder.op("SignalRfft", real, attrs=spectrum.nodes[0].attrs, dtype=DType.FLOAT32)
    return net.outputs(net.dense(net.dense(net.dense(found, 24), 16), 4))


@pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")
def test_levels_of_the_network_behind_a_front_end(tmp_path: Path) -> None:
    path, data = tmp_path / "net.tflite", tmp_path / "data.npz"
    path.write_bytes(write_tflite(_with_network()))
    np.savez(data, x=np.random.default_rng(0).integers(-99, 99, (24, 2, 8)).astype(np.int16))
    artefact = compile_model(path, Options(levels=LEVELS, data=data))
    assert [level.name for level in artefact.report.levels] == list(LEVELS)
    assert all(level.quality for level in artefact.report.levels)
    assert {note.code for note in artefact.report.diagnostics} == {"L111", "L112"}
    asked = [row for row in artefact.report.verification if row.oracle.startswith("tflm,")]
    assert all(row.result.startswith(("equal", "loads and runs")) for row in asked)
    state = json.loads(artefact.files[artefact.report_path])["state"]
    assert state["switching"] == "apart: audio front ends of every level have their own"
    header = artefact.files["net_tflm.h"].decode()
    assert "AddDelay()" in header
    assert "AddRfft()" in header
