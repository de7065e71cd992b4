from __future__ import annotations

import numpy as np
import pytest

from redsc.errors import UsageError
from redsc.formats import write_tflite
from redsc.ir import Array, DType, Graph, parse_graph
from redsc.runtime.compare import random_samples
from redsc.runtime.litert import trace
from redsc.runtime.observe.moments import Moments, observe_moments
from tests.helpers import NetBuilder, small_net

IMAGE = """graph @g {
  input %x: f32[1,3,4,5]
  %y: f32[1,3,4,5] = RELU(%x)
  output %y
}"""


def _rows(graph: Graph, name: str, samples: list[list[Array]], length: int) -> Array:
    """Return all rows of a value, from a trace that knows nothing of moments."""
    number = [value.name for value in graph.values()].index(name)
    arrays = [row[0] for row in trace(write_tflite(graph), samples, [number], optimized=True)]
    result: Array = np.concatenate([array.reshape(-1, length) for array in arrays]).astype(np.float64)
    return result


def _expected(rows: Array, channels: int) -> Moments:
    """Return moments by their definition, from all rows at once."""
    centred = (rows - rows.mean(axis=0)).reshape(-1, channels)
    return Moments(rows.mean(axis=0), rows.var(axis=0), centred.T @ centred / len(centred), len(rows))


def _assert_close(found: Moments, wanted: Moments) -> None:
    np.testing.assert_allclose(found.mean, wanted.mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.variance, wanted.variance, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(_gram(found), _gram(wanted), rtol=1e-9, atol=1e-12)
    assert found.count == wanted.count


def _gram(moments: Moments) -> Array:
    assert moments.gram is not None
    return moments.gram


@pytest.mark.parametrize("length", [5, 20, 60])
def test_moments_are_those_of_all_rows_at_once(length: int) -> None:
    graph = parse_graph(IMAGE)
    samples = random_samples(graph, 37)
    found = observe_moments(graph, samples, {"x": length, "y": length})
    assert found.keys() == {"x", "y"}
    for name, moments in found.items():
        _assert_close(moments, _expected(_rows(graph, name, samples, length), 5))


@pytest.mark.parametrize("length", [5, 20])
def test_long_rows_fold_to_the_moments_of_shorter_ones(length: int) -> None:
    graph = parse_graph(IMAGE)
    samples = random_samples(graph, 6, seed=1)
    long, short = (observe_moments(graph, samples, {"y": n})["y"] for n in (60, length))
    _assert_close(long.folded(length), short)
    _assert_close(short.folded(length), short)


def test_where_a_row_is_one_position_the_diagonal_is_the_variance() -> None:
    graph = parse_graph(IMAGE)
    found = observe_moments(graph, random_samples(graph, 4), {"y": 5})["y"]
    np.testing.assert_allclose(_gram(found).diagonal(), found.variance, rtol=1e-12)


def test_values_inside_a_network_are_observed() -> None:
    graph = small_net(DType.FLOAT32)
    samples = random_samples(graph, 5)
    wanted = {node.outputs[0].name: node.outputs[0].type.shape[-1] for node in graph.nodes}
    for name, found in observe_moments(graph, samples, wanted).items():
        _assert_close(found, _expected(_rows(graph, name, samples, wanted[name]), wanted[name]))


def test_a_large_mean_does_not_drown_a_small_variance() -> None:
    """Sums of squares would cancel: the squared mean is 1e12 times the variance."""
    graph = parse_graph(IMAGE)
    step = np.arange(60, dtype=np.float32).reshape(1, 3, 4, 5) % 2
    samples: list[list[Array]] = [[np.float32(524288) + step * (1 + index % 2)] for index in range(200)]
    found = observe_moments(graph, samples, {"x": 5})["x"]
    _assert_close(found, _expected(_rows(graph, "x", samples, 5), 5))
    assert found.variance.max() < 1


def test_too_many_channels_have_no_covariance() -> None:
    graph = parse_graph(IMAGE.replace("3,4,5", "2,1,4097"))
    samples = random_samples(graph, 3)
    long, short = (observe_moments(graph, samples, {"y": length})["y"] for length in (8194, 4097))
    rows = _rows(graph, "y", samples, 4097)
    for found in (short, long.folded(4097)):
        assert found.gram is None
        np.testing.assert_allclose(found.mean, rows.mean(axis=0), rtol=1e-9)
        np.testing.assert_allclose(found.variance, rows.var(axis=0), rtol=1e-9)


def test_integers_count_as_the_numbers_that_they_stand_for() -> None:
    net = NetBuilder(DType.INT8)
    x = net.input(1, 2, 2, 3)
    graph = net.outputs(net.unary("RELU", x))
    samples = random_samples(graph, 4)
    quant = x.type.quant
    assert quant is not None
    real = (_rows(graph, x.name, samples, 3) - quant.zero_point) * np.float64(np.float32(quant.scale))
    found, wanted = observe_moments(graph, samples, {x.name: 3})[x.name], _expected(real, 3)
    np.testing.assert_allclose(found.mean, wanted.mean, rtol=1e-5)
    np.testing.assert_allclose(_gram(found), _gram(wanted), rtol=1e-5, atol=1e-6)


def test_numbers_that_are_none_are_refused() -> None:
    graph = parse_graph(IMAGE)
    samples: list[list[Array]] = [[np.full((1, 3, 4, 5), np.inf, np.float32)]]
    with pytest.raises(UsageError, match="becomes infinite or NaN"):
        observe_moments(graph, samples, {"y": 5})
