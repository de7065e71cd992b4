"""Reductions in the C engine, against TFLM's kernels."""

from __future__ import annotations

import numpy as np
import pytest

from redsc.choices import Kernels
from redsc.engine.rows import emit_calls
from redsc.engine.shared import Shared
from redsc.formats.tables import CannotTranslate
from redsc.ir import ArgExtreme, DType, Graph, Mean, Reduce, Value
from tests.firmware.engine.compute_cases import MACHINES, Cases, check_equal_to_tflm
from tests.firmware.engine.harness import Machine

AXES = ((1, 2), (2, 1), (3,), (0,), (1,), (2,), (1, 3), (0, 2), (0, 1, 2, 3), (-1, -2, -3), (1, 2, 3))
INT8_OPS = ("MEAN", "REDUCE_MAX", "REDUCE_MIN")


def add_reduction(cases: Cases, op: str, operand: Value, axes: tuple[int, ...]) -> None:
    keeps = bool(cases.random.integers(2))
    is_int8 = operand.type.dtype is DType.INT8
    quant = (cases.quant() if op == "MEAN" else operand.type.quant) if is_int8 else None
    constant = cases.builder.constant("axes", np.array(axes, np.int32))
    cases.node(op, operand, constant, attrs=(Mean if op == "MEAN" else Reduce)(keeps), quant=quant)


def reductions(op: str, dtype: DType, seed: int) -> Graph:
    cases = Cases(seed)
    for axes in AXES:
        for most in (4, 9):
            add_reduction(cases, op, cases.operand(cases.shape(4, most), dtype), axes)
    for rank in (1, 2, 3):
        axis = int(cases.random.integers(-rank, rank))
        add_reduction(cases, op, cases.operand(cases.shape(rank), dtype), (axis,))
    add_reduction(cases, op, cases.operand((1, 25, 5, 64), dtype), (1, 2))
    return cases.graph()


@pytest.mark.parametrize("op", INT8_OPS)
@MACHINES
def test_int8_is_bit_exact(op: str, machine: Machine) -> None:
    check_equal_to_tflm(reductions(op, DType.INT8, INT8_OPS.index(op)), machine)


@pytest.mark.parametrize("op", [*INT8_OPS, "SUM"])
def test_float_is_what_tflm_computes(op: str) -> None:
    check_equal_to_tflm(reductions(op, DType.FLOAT32, 3))


def places(op: str, dtype: DType) -> Graph:
    cases = Cases(4)
    for rank in (1, 2, 3, 4):
        for axis in range(-1, rank):
            constant = cases.builder.constant("axis", np.array([axis], np.int32))
            cases.node(op, cases.operand(cases.shape(rank, 7), dtype), constant, attrs=ArgExtreme())
    return cases.graph()


@pytest.mark.parametrize("op", ["ARG_MAX", "ARG_MIN"])
@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_places_of_extremes(op: str, dtype: DType) -> None:
    check_equal_to_tflm(places(op, dtype))


def test_the_first_of_equals_is_the_place() -> None:
    graph = places("ARG_MAX", DType.INT8)
    random = np.random.default_rng(0)
    samples = [[random.integers(-2, 0, value.type.shape, np.int8) for value in graph.inputs] for _ in range(4)]
    check_equal_to_tflm(graph, samples=samples)


def test_axes_that_take_turns_too_often_are_refused() -> None:
    cases = Cases(0)
    add_reduction(cases, "MEAN", cases.operand((2, 2, 2, 2, 2), DType.FLOAT32), (0, 2, 4))
    (node,) = cases.graph().nodes
    with pytest.raises(CannotTranslate, match="groups of axes"):
        list(emit_calls(node, Shared({}), Kernels.ENGINE))
