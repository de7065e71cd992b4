from __future__ import annotations

import numpy as np

from redsc.ir import parse_graph
from redsc.runtime.ports import dequantize_rows, quantize_samples

GRAPH = """graph @g {
  input %x: i8[1,4] q(0.5,-1)
  %y: i8[1,4] q(0.25,2) = RELU(%x)
  output %y
}
"""


def test_floats_become_integers_with_the_scale_of_the_input_and_saturate() -> None:
    samples = [[np.array([[0.0, 1.0, -100.0, 100.0]], np.float32)]]
    (row,) = quantize_samples(parse_graph(GRAPH), samples)
    assert row[0].dtype == np.int8
    assert row[0].tolist() == [[-1, 1, -128, 127]]


def test_integers_stay() -> None:
    samples = [[np.array([[0, 1, -100, 100]], np.int8)]]
    assert quantize_samples(parse_graph(GRAPH), samples)[0][0] is samples[0][0]


def test_outputs_become_real_numbers() -> None:
    (row,) = dequantize_rows(parse_graph(GRAPH), [[np.array([[2, 6, -2, 127]], np.int8)]])
    assert row[0].tolist() == [[0.0, 1.0, -1.0, 31.25]]


def test_a_float_output_stays() -> None:
    graph = parse_graph(GRAPH.replace("i8", "f32").replace(" q(0.5,-1)", "").replace(" q(0.25,2)", ""))
    rows = [[np.ones((1, 4), np.float32)]]
    assert dequantize_rows(graph, rows)[0][0] is rows[0][0]
