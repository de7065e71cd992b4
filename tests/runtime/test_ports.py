from __future__ import annotations

import numpy as np
import pytest

from redsc.ir import Array, DType, Quant, TensorType, parse_graph
from redsc.runtime.ports import dequantize_rows, from_integers, quantize_samples, to_integers

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


INT8 = TensorType((3,), DType.INT8, Quant.per_tensor(0.5, -1))
INT32 = TensorType((3,), DType.INT32)
FLOAT32 = TensorType((3,), DType.FLOAT32)


@pytest.mark.parametrize(
    ("of_file", "kind", "of_graph"),
    [
        (np.array([0, 128, 255], np.uint8), INT8, np.array([-128, 0, 127], np.int8)),
        (np.array([0.0, 1.0, -2.5], np.float32), INT8, np.array([-1, 1, -6], np.int8)),
        (np.array([-128, 0, 127], np.int8), INT8, np.array([-128, 0, 127], np.int8)),
        (np.array([-3, 0, 7], np.int64), INT32, np.array([-3, 0, 7], np.int32)),
        (np.array([-3, 0, 7], np.int32), INT32, np.array([-3, 0, 7], np.int32)),
        (np.array([0.25, 0, -1], np.float32), FLOAT32, np.array([0.25, 0, -1], np.float32)),
    ],
)
def test_the_numbers_of_a_file_become_those_of_a_graph_and_back(
    of_file: Array, kind: TensorType, of_graph: Array
) -> None:
    made = to_integers(of_file, kind)
    assert made.dtype == of_graph.dtype
    assert np.array_equal(made, of_graph)
    back = from_integers(of_graph, kind, of_file.dtype.name)
    assert back.dtype == of_file.dtype
    assert np.array_equal(back, of_file)


def test_uint8_samples_of_a_graph_are_moved() -> None:
    samples = [[np.array([[0, 128, 200, 255]], np.uint8)]]
    assert quantize_samples(parse_graph(GRAPH), samples)[0][0].tolist() == [[-128, 0, 72, 127]]


def test_class_numbers_have_no_scale_and_stay() -> None:
    graph = parse_graph(GRAPH.replace("%y: i8[1,4] q(0.25,2) = RELU(%x)", "%y: i32[1,4] = CAST(%x)"))
    rows = [[np.array([[1, 2, 3, 4]], np.int32)]]
    assert dequantize_rows(graph, rows)[0][0] is rows[0][0]
    assert from_integers(rows[0][0], graph.outputs[0].type, "int64").dtype == np.int64
