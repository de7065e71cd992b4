from __future__ import annotations

import numpy as np
import pytest

from redsc.choices import Calibration
from redsc.errors import UsageError
from redsc.ir import Graph, parse_graph
from redsc.runtime.observe.ranges import Range, observe_ranges

NET = """graph @g {
  input %x: f32[1,10000]
  %y: f32[1,10000] = RELU(%x)
  output %y
}
"""


def net() -> Graph:
    return parse_graph(NET)


def sample(*outliers: float) -> list[list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]]:
    data = np.linspace(-1, 1, 10000, dtype=np.float32).reshape(1, -1).copy()
    data[0, : len(outliers)] = outliers
    return [[data]]


def test_a_union_is_around_both() -> None:
    assert Range(-1.0, 2.0).union(Range(-3.0, 1.0)) == Range(-3.0, 2.0)


def test_rule_1_minmax_takes_the_extremes_of_all_samples() -> None:
    found = observe_ranges(net(), [*sample(5.0), *sample(-7.0)], Calibration.MINMAX)
    assert found == {"x": Range(-7.0, 5.0), "y": Range(0.0, 5.0)}


def test_rule_2_percentile_leaves_out_the_rarest_values() -> None:
    found = observe_ranges(net(), sample() * 9 + sample(100.0), Calibration.PERCENTILE)
    assert found["x"].high == pytest.approx(1.0, abs=0.05)
    assert found["x"].low == pytest.approx(-1.0, abs=0.05)
    assert found["y"].low == 0.0


def test_rule_2_percentile_takes_all_of_a_small_tensor() -> None:
    graph = parse_graph(NET.replace("10000", "4"))
    found = observe_ranges(graph, [[np.array([[-1, 0, 1, 9]], np.float32)]], Calibration.PERCENTILE)
    assert found["x"] == Range(-1.0, 9.0)


def test_rule_3_entropy_cuts_a_long_tail() -> None:
    normal = np.random.default_rng(0).standard_normal((20, 1, 10000)).astype(np.float32)
    normal[0, 0, 0] = 100.0
    found = observe_ranges(net(), [[row] for row in normal], Calibration.ENTROPY)
    assert 2.0 < found["x"].high < 40.0


@pytest.mark.parametrize("method", list(Calibration))
def test_a_constant_tensor_has_a_range(method: Calibration) -> None:
    zeros = [[np.zeros((1, 10000), np.float32)]]
    assert observe_ranges(net(), zeros, method)["y"] == Range(0.0, 0.0)


def test_infinity_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="'x' becomes infinite or NaN"):
        observe_ranges(net(), sample(float("inf")))
