"""Recurrent layers in the C engine: int8 as tflite-micro's reference kernels compute them, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from redsc.formats import load_model, write_tflite
from redsc.ir import DType, Graph
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import random_samples
from tests.conftest import Zoo
from tests.firmware.engine.harness import HOST_SANITIZED, M4, Machine, run_engine
from tests.helpers import NetBuilder
from tests.recurrent import lstm, recurrent_net, svdf
from tests.zoo_models import RECURRENT

pytest.importorskip("tflite_micro", reason="the oracle is TFLM's interpreter")
STEPS = 20

both = pytest.mark.parametrize("machine", [HOST_SANITIZED, M4], ids=["host", "cortex-m4"])


def _svdf(dtype: DType, time: DType, **shape: int) -> Graph:
    net = NetBuilder(dtype)
    return net.outputs(svdf(net, net.input(2, 7), 5, time=time, **shape))


def _lstm(dtype: DType, *, bits: int = 11, **attrs: Any) -> Graph:
    net = NetBuilder(dtype)
    return net.outputs(lstm(net, net.input(3, 4, 9), 6, bits=bits, **attrs))


I8, I16, F32 = DType.INT8, DType.INT16, DType.FLOAT32
GRAPHS: dict[str, Callable[[], Graph]] = {
    "svdf int8 state": lambda: _svdf(I8, I8),
    "svdf int8 state, one inference": lambda: _svdf(I8, I8, memory=1),
    "svdf int16 state": lambda: _svdf(I8, I16),
    "svdf int16 state, rank 1": lambda: _svdf(I8, I16, rank=1),
    "svdf float": lambda: _svdf(F32, F32),
    "lstm": lambda: _lstm(I8),
    "lstm, clipped": lambda: _lstm(I8, cell_clip=0.25),
    "lstm, time first": lambda: _lstm(I8, time_major=True),
    "lstm, coarse cell": lambda: _lstm(I8, bits=8),
    "lstm, fine cell": lambda: _lstm(I8, bits=14),
    "lstm float": lambda: _lstm(F32, cell_clip=0.25),
    "lstm float, time first": lambda: _lstm(F32, time_major=True),
    "lstm, from zeros": lambda: _lstm(I8, starts_anew=True),
    "lstm float, from zeros": lambda: _lstm(F32, starts_anew=True),
    "network": recurrent_net,
    "network, int8 state": lambda: recurrent_net(I8, I8),
    "network, float": lambda: recurrent_net(F32),
}


def check(graph: Graph, machine: Machine) -> None:
    samples = random_samples(graph, STEPS)
    wanted = EXECUTORS["tflm"].run_steps(write_tflite(graph), samples)
    assert len({row[0].tobytes() for row in wanted}) > STEPS // 4
    for step, (row, wanted_row) in enumerate(zip(run_engine(graph, samples, machine), wanted, strict=True)):
        for array, wanted_array in zip(row, wanted_row, strict=True):
            if array.dtype == np.float32:
                np.testing.assert_allclose(array, wanted_array, rtol=1e-5, atol=1e-5, err_msg=f"step {step}")
            else:
                np.testing.assert_array_equal(array, wanted_array, f"step {step}")


@both
@pytest.mark.parametrize("name", GRAPHS)
def test_twenty_steps(name: str, machine: Machine) -> None:
    check(GRAPHS[name](), machine)


@pytest.mark.parametrize("path", RECURRENT[1:])
def test_twenty_steps_of_an_lstm_of_the_zoo(zoo: Zoo, path: str) -> None:
    check(load_model(zoo(path)).graph, HOST_SANITIZED)
