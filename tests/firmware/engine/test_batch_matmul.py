"""Products of matrices in the C engine, against TFLM's kernel."""

from __future__ import annotations

import itertools

import numpy as np

from redsc.ir import Array, BatchMatMul, DType, Graph, Quant, Shape
from tests.firmware.engine.compute_cases import MACHINES, Cases, check_equal_to_tflm
from tests.firmware.engine.harness import Machine

BATCHES = (
    ((), ()),
    ((3,), (3,)),
    ((1,), (3,)),
    ((3,), (1,)),
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((2, 1, 3), (1, 4, 1)),
)
SIZES = ((1, 1, 1), (5, 8, 3), (4, 7, 4), (1, 13, 9), (6, 2, 1), (3, 33, 10))
TURNED = (BatchMatMul(), BatchMatMul(adj_y=True), BatchMatMul(True), BatchMatMul(True, True))


def add_product(cases: Cases, dtype: DType, batches: tuple[Shape, Shape], size: Shape, attrs: BatchMatMul) -> None:
    """Multiply matrices of rows x depth and depth x columns, one of them a constant in one of three cases."""
    rows, depth, columns = size
    left = (depth, rows) if attrs.adj_x else (rows, depth)
    right = (columns, depth) if attrs.adj_y else (depth, columns)
    constant = int(cases.random.integers(6))
    operands = [
        cases.operand((*batch, *matrix), dtype, constant=constant == index)
        for index, (batch, matrix) in enumerate(zip(batches, (left, right), strict=True))
    ]
    quant = cases.quant(0.01, 30) if dtype is DType.INT8 else None
    cases.node("BATCH_MATMUL", *operands, attrs=attrs, quant=quant)


def products(dtype: DType) -> Graph:
    cases = Cases(5)
    for batches, attrs in itertools.product(BATCHES, TURNED):
        for size in cases.random.permutation(SIZES)[:2].tolist():
            add_product(cases, dtype, batches, tuple(size), attrs)
    return cases.graph()


@MACHINES
def test_int8_is_bit_exact(machine: Machine) -> None:
    check_equal_to_tflm(products(DType.INT8), machine)


@MACHINES
def test_float_is_what_tflm_computes(machine: Machine) -> None:
    check_equal_to_tflm(products(DType.FLOAT32), machine)


@MACHINES
def test_sums_of_the_largest_products(machine: Machine) -> None:
    """On both sides of the depth up to which redsc_rescale.h has a faster way, and far above it."""
    cases, sample = Cases(6), list[Array]()
    for depth in (4112, 4132, 20_000):
        operands = [cases.operand((1, depth), quant=Quant.per_tensor(0.01, 127)) for _ in range(2)]
        sample += [np.full((1, depth), -128, np.int8), np.full((1, depth), -128, np.int8)]
        cases.node("BATCH_MATMUL", *operands, attrs=BatchMatMul(adj_y=True), quant=Quant.per_tensor(depth / 30, 3))
    check_equal_to_tflm(cases.graph(), machine, [sample])
