from __future__ import annotations

import numpy as np
import pytest

from redsc.ir import Array, DType
from redsc.runtime.compare import difference, random_samples
from tests.helpers import small_net

ONE = np.array([[1, -2, 3]], np.int8)
REAL = np.array([[1.0, -200.0]], np.float32)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (ONE + np.int8(1), "3 of 3 elements differ, by up to 1"),
        (ONE.astype(np.int16), "int8[1, 3] became int16[1, 3]"),
        (ONE[:, :2], "int8[1, 3] became int8[1, 2]"),
    ],
)
def test_integers_must_be_equal(other: Array, words: str) -> None:
    assert difference([[ONE]], [[ONE]], 1.0) is None
    assert words in str(difference([[ONE]], [[other]], 1.0))


def test_floats_may_differ_relative_to_the_largest_output() -> None:
    assert difference([[REAL]], [[REAL + np.float32(0.0015)]], 1e-5) is None
    assert difference([[REAL]], [[REAL + np.float32(0.0025)]], 1e-5) is not None
    assert difference([[REAL]], [[REAL + np.float32(0.001)]]) is not None


def test_a_nan_is_a_difference() -> None:
    assert difference([[REAL]], [[REAL * np.float32("nan")]], 1.0) is not None


def test_the_place_of_a_difference_is_named() -> None:
    assert str(difference([[ONE], [ONE, ONE]], [[ONE], [ONE, -ONE]])).startswith("sample 1, output 1: ")
    assert difference([[ONE]], [[ONE, ONE]]) == "the number of outputs differs"


def test_random_inputs_reach_both_ends_and_repeat() -> None:
    graph = small_net(DType.INT8)
    samples = random_samples(graph, 40)
    values = np.concatenate([row[0].reshape(-1) for row in samples])
    assert (values.min(), values.max()) == (-128, 127)
    assert difference(samples, random_samples(graph, 40)) is None
    assert difference(samples, random_samples(graph, 40, seed=1)) is not None


def test_a_floor_allows_small_differences_of_small_floats_only() -> None:
    wanted, found = [[np.array([1e-4, 0], np.float32)]], [[np.array([1e-4, 3e-7], np.float32)]]
    assert difference(wanted, found, 1e-5) is not None
    assert difference(wanted, found, 1e-5, 5e-7) is None
    assert difference([[np.array([1], np.int8)]], [[np.array([2], np.int8)]], 1.0, 5.0) is not None
