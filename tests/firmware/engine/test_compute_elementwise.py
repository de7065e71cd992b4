"""Arithmetic on two operands in the C engine, against TFLM's kernels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from redsc.budgets import Kernels
from redsc.engine.rows import emit_calls
from redsc.engine.shared import Shared
from redsc.formats.tables import CannotTranslate
from redsc.ir import NO_ATTRS, Activation, Add, Div, DType, Graph, Mul, Quant, Shape, Sub
from tests.firmware.engine.compute_cases import MACHINES, Cases, check_equal_to_tflm
from tests.firmware.engine.harness import Machine

ATTRS = {"ADD": Add, "SUB": Sub, "MUL": Mul, "DIV": Div}
OPS = ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "PRELU")
BROADCASTS = (
    ((1, 5, 7, 6), (1, 5, 7, 6)),
    ((1, 5, 7, 6), (1, 1, 1, 6)),
    ((1, 1, 1, 6), (1, 5, 7, 6)),
    ((1, 5, 7, 6), (1, 5, 7, 1)),
    ((2, 5, 7, 6), (2, 1, 1, 6)),
    ((2, 5, 7, 6), (1,)),
    ((1,), (3, 4)),
    ((2, 1, 3, 1), (1, 4, 1, 5)),
    ((1, 1), (1, 1)),
    ((3, 1, 6), (2, 1, 5, 1)),
)


def broadcast_pair(cases: Cases, op: str) -> tuple[Shape, Shape]:
    """Return two shapes that broadcast; PRELU's slope keeps the shape of the other."""
    whole = cases.shape(int(cases.random.integers(1, 5)))
    first, second = (
        tuple(n if cases.random.random() < 0.7 else 1 for n in whole[int(cases.random.integers(len(whole))) :])
        for _ in range(2)
    )
    return (whole, second) if op == "PRELU" else (first, second)


def add_case(cases: Cases, op: str, dtype: DType, shapes: tuple[Shape, Shape]) -> None:
    constant = int(cases.random.integers(3))
    same = cases.quant() if op in ("MAXIMUM", "MINIMUM") else None
    operands = [cases.operand(shape, dtype, same, constant == index) for index, shape in enumerate(shapes)]
    activations = list(Activation) if op in ATTRS else [Activation.NONE]
    activation = activations[int(cases.random.integers(len(activations)))]
    attrs = ATTRS[op](activation) if op in ATTRS else NO_ATTRS
    cases.node(op, *operands, attrs=attrs, quant=(same or cases.quant()) if dtype is DType.INT8 else None)


def arithmetic(op: str, dtype: DType, seed: int, count: int = 24) -> Graph:
    cases = Cases(seed)
    fixed = [pair for pair in BROADCASTS if op != "PRELU" or np.broadcast_shapes(*pair) == pair[0]]
    for shapes in [*fixed, *(broadcast_pair(cases, op) for _ in range(count - len(fixed)))]:
        add_case(cases, op, dtype, shapes)
    return cases.graph()


@pytest.mark.parametrize("op", OPS)
@MACHINES
def test_int8_is_bit_exact(op: str, machine: Machine) -> None:
    check_equal_to_tflm(arithmetic(op, DType.INT8, OPS.index(op)), machine)


@pytest.mark.parametrize("op", [*OPS, "DIV"])
def test_float_is_what_tflm_computes(op: str) -> None:
    check_equal_to_tflm(arithmetic(op, DType.FLOAT32, 7))


@pytest.mark.parametrize("op", ["ADD", "SUB", "MUL", "PRELU"])
def test_all_pairs_of_elements(op: str) -> None:
    cases = Cases(3)
    for least, most in ((0.003, 0.3), (1e-6, 1e3), (0.01, 0.1)):
        for _ in range(8):
            operands = [cases.operand((256, 256), quant=cases.quant(least, most)) for _ in range(2)]
            scale = sum(value.type.quant.scale for value in operands if value.type.quant is not None)
            quant = cases.quant(scale / 4, scale * (4 if most < 1 else 1e4))
            cases.node(op, *operands, attrs=ATTRS[op]() if op in ATTRS else NO_ATTRS, quant=quant)
    every = np.meshgrid(np.arange(-128, 128, dtype=np.int8), np.arange(-128, 128, dtype=np.int8))
    check_equal_to_tflm(cases.graph(), samples=[[*every] * 24])


@MACHINES
def test_scales_that_differ_by_much(machine: Machine) -> None:
    cases = Cases(8)
    scales = itertools.product((1e-6, 0.02, 0.5, 1.0), (0.02, 1.0, 300.0), (1e-3, 0.04, 1e3, 1e6))
    for first, second, result in scales:
        operands = [cases.operand((64,), quant=cases.quant(scale, scale)) for scale in (first, second)]
        for op in ("ADD", "SUB", "MUL", "PRELU"):
            cases.node(
                op, *operands, attrs=ATTRS[op]() if op in ATTRS else NO_ATTRS, quant=cases.quant(result, result)
            )
    check_equal_to_tflm(cases.graph(), machine)


def test_scales_that_differ_too_much_are_refused() -> None:
    cases = Cases(0)
    operands = [cases.operand((4,), quant=Quant.per_tensor(1.0)) for _ in range(2)]
    value = cases.node("ADD", *operands, attrs=Add(), quant=Quant.per_tensor(1e-7))
    assert value.producer is not None
    with pytest.raises(CannotTranslate, match="differ too much"):
        list(emit_calls(value.producer, Shared({}), Kernels.ENGINE))


def test_operands_that_take_turns_along_too_many_axes_are_refused() -> None:
    cases = Cases(0)
    operands = [cases.operand(shape, DType.FLOAT32) for shape in ((2, 1, 2, 1, 2), (1, 2, 1, 2, 1))]
    value = cases.node("ADD", *operands, attrs=Add())
    assert value.producer is not None
    with pytest.raises(CannotTranslate, match="groups of axes"):
        list(emit_calls(value.producer, Shared({}), Kernels.ENGINE))
