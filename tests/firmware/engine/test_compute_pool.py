"""Pools in the C engine, against TFLM's kernels."""

from __future__ import annotations

import numpy as np
import pytest

from redsc.ir import Activation, DType, Graph, Padding, Pool2D, Quant
from tests.firmware.engine.compute_cases import MACHINES, Cases, check_equal_to_tflm, overlapping
from tests.firmware.engine.harness import Machine

OPS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
DTYPES = pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])


def add_case(cases: Cases, op: str, dtype: DType) -> None:
    shape = tuple(int(cases.random.integers(1, most)) for most in (3, 10, 10, 11))
    most = (3, 3, min(shape[1], 5), min(shape[2], 5))
    stride_h, stride_w, filter_h, filter_w = (int(cases.random.integers(1, n + 1)) for n in most)
    padding = list(Padding)[cases.random.integers(len(Padding))]
    activation = list(Activation)[cases.random.integers(len(Activation))]
    operand = cases.operand(shape, dtype)
    attrs = Pool2D(padding, stride_h, stride_w, filter_h, filter_w, activation)
    cases.node(op, operand, attrs=attrs, quant=operand.type.quant)


def pools(op: str, dtype: DType, seed: int, count: int = 24) -> Graph:
    cases = Cases(seed)
    for _ in range(count):
        add_case(cases, op, dtype)
    operand = cases.operand((1, 25, 5, 64), dtype)
    cases.node(op, operand, attrs=Pool2D(Padding.VALID, 25, 5, 25, 5), quant=operand.type.quant)
    return cases.graph()


@pytest.mark.parametrize("op", OPS)
@DTYPES
@MACHINES
def test_pools_are_those_of_tflm(op: str, dtype: DType, machine: Machine) -> None:
    check_equal_to_tflm(pools(op, dtype, 5), machine)


def one_pool(op: str, dtype: DType, attrs: Pool2D, channels: int) -> Graph:
    cases = Cases(2)
    quant = Quant.per_tensor(0.05, 3) if dtype is DType.INT8 else None
    cases.node(op, cases.operand((1, 9, 8, channels), dtype, quant), attrs=attrs, quant=quant)
    return cases.graph()


OVERLAPS = (Pool2D(Padding.SAME, 1, 1, 3, 3), Pool2D(Padding.VALID, 2, 2, 3, 2), Pool2D(Padding.SAME, 1, 2, 4, 1))


@pytest.mark.parametrize("op", OPS)
@DTYPES
@pytest.mark.parametrize("attrs", OVERLAPS)
@pytest.mark.parametrize("channels", [16, 13])
def test_a_result_may_lie_over_its_operand(op: str, dtype: DType, attrs: Pool2D, channels: int) -> None:
    graph = one_pool(op, dtype, attrs, channels)
    check_equal_to_tflm(graph, layout=overlapping(graph))


@pytest.mark.parametrize("op", OPS)
@DTYPES
def test_a_result_that_lies_nearer_spoils_its_operand(op: str, dtype: DType) -> None:
    graph = one_pool(op, dtype, OVERLAPS[0], 16)
    with pytest.raises(AssertionError, match="POOL"):
        check_equal_to_tflm(graph, layout=overlapping(graph, nearer=16))


def test_the_average_of_halves_goes_away_from_zero() -> None:
    cases, quant = Cases(0), Quant.per_tensor(1.0)
    cases.node(
        "AVERAGE_POOL_2D",
        cases.operand((1, 4, 128, 2), quant=quant),
        attrs=Pool2D(Padding.VALID, 4, 2, 4, 2),
        quant=quant,
    )
    elements = np.random.default_rng(0).integers(-2, 3, (1, 4, 128, 2), np.int8)
    check_equal_to_tflm(cases.graph(), samples=[[elements], [-elements]])
