from __future__ import annotations

from math import inf

import numpy as np
import pytest

from redsc.ir import parse_graph
from redsc.runtime.evaluate.sqnr import measure_sqnr

FLOAT = """graph @g {
  input %x: f32[1,2]
  %a: f32[1,2] = RELU(%x) @"first"
  %y: f32[1,2] = LEAKY_RELU(%a) {alpha=0.5}
  output %y
}
"""
INT8 = """graph @g {
  input %x: i8[1,2] q(0.5,0)
  %a: i8[1,2] q(1,0) = RELU(%x) @"first"
  %y: i8[1,2] q(0.5,0) = LEAKY_RELU(%a) {alpha=0.5}
  output %y
}
"""


def test_one_row_per_shared_result_in_the_order_of_the_schedule() -> None:
    samples = [[np.array([[1.0, 2.0]], np.float32)], [[np.array([[3.0, 0.5]], np.float32)]][0]]
    first, last = measure_sqnr(parse_graph(FLOAT), parse_graph(INT8), samples)
    # 1, 2, 3 are exact at scale 1; 0.5 becomes 1 there: 10 log10((1 + 4 + 9 + 0.25) / 0.25)
    assert (first.node, first.op, first.value, first.is_output) == ("first", "RELU", "a", False)
    assert first.sqnr_db == pytest.approx(10 * np.log10(14.25 / 0.25))
    assert (last.op, last.is_output) == ("LEAKY_RELU", True)
    assert last.cells() == ["y (output)", "LEAKY_RELU", f"{last.sqnr_db:.1f}"]


def test_no_noise_is_infinite() -> None:
    rows = measure_sqnr(parse_graph(FLOAT), parse_graph(INT8), [[np.array([[1.0, 2.0]], np.float32)]])
    assert [row.sqnr_db for row in rows] == [inf, inf]


def test_a_value_that_only_one_network_has_is_left_out() -> None:
    rows = measure_sqnr(parse_graph(FLOAT), parse_graph(INT8.replace("%a", "%b")), [[np.ones((1, 2), np.float32)]])
    assert [row.value for row in rows] == ["y"]
