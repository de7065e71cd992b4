"""The cells of LSTM layers in int8: their scale, and what the layer then answers."""

from __future__ import annotations

import numpy as np
import pytest

from redsc.formats import write_tflite
from redsc.ir import LSTM, DType, Graph, Node
from redsc.options import Quantization
from redsc.passes.base import Log
from redsc.passes.quantize.cell_scales import with_cell_scales
from redsc.passes.quantize.ptq import is_quantizable, quantize_network
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import random_samples, signal_to_noise_db
from redsc.runtime.ports import dequantize_rows, quantize_samples
from tests.helpers import NetBuilder
from tests.recurrent import lstm

LEAST_DB = 30.0


def net(*, time_major: bool = True, clip: float = 0.0, starts_anew: bool = True) -> Graph:
    net = NetBuilder(DType.FLOAT32)
    x = net.input(12, 2, 6) if time_major else net.input(2, 12, 6)
    return net.outputs(lstm(net, x, 10, time_major=time_major, starts_anew=starts_anew, cell_clip=clip))


def layer(graph: Graph) -> Node:
    (node,) = [node for node in graph.nodes if node.op == LSTM]
    return node


def scale(graph: Graph, gain: float = 1.0) -> float:
    samples = [[row[0] * np.float32(gain)] for row in random_samples(graph, 8)]
    found: float = layer(with_cell_scales(graph, samples)).attrs.cell_scale
    return found


def test_the_scale_is_a_power_of_two_that_grows_with_the_cells() -> None:
    quiet, loud = scale(net(), 0.01), scale(net(), 30.0)
    assert quiet < loud
    assert all(np.frexp(found)[0] == 0.5 for found in (quiet, loud))
    assert scale(net(clip=0.5), 30.0) == 2.0**-15  # int16 holds all below 1


def test_no_samples_or_a_layer_that_stays_float_have_none() -> None:
    graph = net()
    assert layer(with_cell_scales(graph, [])).attrs.cell_scale == 2.0**-22
    kept = with_cell_scales(graph, random_samples(graph, 2), {layer(graph).name})
    assert layer(kept).attrs.cell_scale == 1.0


@pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")
@pytest.mark.parametrize("time_major", [False, True])
def test_an_lstm_in_int8_comes_close_to_float(time_major: bool) -> None:
    graph = net(time_major=time_major)
    made = quantize_network(graph, random_samples(graph, 64), Quantization(), Log()).graph
    assert not [value for value in made.values() if value.type.dtype is DType.FLOAT32]
    samples = random_samples(graph, 8, seed=1)
    wanted = EXECUTORS["litert"].run(write_tflite(graph), samples)
    found = EXECUTORS["tflm"].run_steps(write_tflite(made), quantize_samples(made, samples))
    assert signal_to_noise_db(wanted, dequantize_rows(made, found)) > LEAST_DB


def test_a_layer_that_keeps_its_state_stays_float() -> None:
    assert is_quantizable(net(), True, Quantization())
    assert not is_quantizable(net(starts_anew=False), True, Quantization())
