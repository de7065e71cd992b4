"""Softmax in the C engine, against TFLM's kernel."""

from __future__ import annotations

import numpy as np
import pytest

from redsc.choices import Kernels
from redsc.engine.rows import emit_calls
from redsc.engine.shared import Shared
from redsc.formats.tables import CannotTranslate
from redsc.ir import NO_ATTRS, DType, Graph, Quant, Shape, Softmax, Value
from tests.firmware.engine.compute_cases import MACHINES, Cases, check_equal_to_tflm
from tests.firmware.engine.harness import Machine

RESULTS = {"SOFTMAX": Quant.per_tensor(1 / 256, -128), "LOG_SOFTMAX": Quant.per_tensor(1 / 16, 127)}
OPS = pytest.mark.parametrize("op", list(RESULTS))


def softmaxes(op: str, dtype: DType) -> Graph:
    cases = Cases(9)
    for _ in range(30):
        shape = cases.shape(int(cases.random.integers(1, 5)), 12)
        beta = float(np.float32(cases.random.choice([1.0, 0.5, 3.7])))
        operand = cases.operand(shape, dtype, cases.quant(0.001, 2))
        add_softmax(cases, op, operand, beta)
    return cases.graph()


def add_softmax(cases: Cases, op: str, operand: Value, beta: float = 1.0) -> None:
    quant = RESULTS[op] if operand.type.dtype is DType.INT8 else None
    cases.node(op, operand, attrs=Softmax(beta) if op == "SOFTMAX" else NO_ATTRS, quant=quant)
    if op == "SOFTMAX" and quant is not None:
        cases.node(op, operand, attrs=Softmax(beta), quant=Quant.per_tensor(1 / 65536, -32768), dtype=DType.INT16)


@OPS
@MACHINES
def test_int8_is_bit_exact(op: str, machine: Machine) -> None:
    check_equal_to_tflm(softmaxes(op, DType.INT8), machine)


@OPS
def test_float_is_what_tflm_computes(op: str) -> None:
    check_equal_to_tflm(softmaxes(op, DType.FLOAT32))


def one(op: str, shape: Shape, scale: float) -> Graph:
    cases = Cases(0)
    add_softmax(cases, op, cases.operand(shape, quant=Quant.per_tensor(scale)))
    return cases.graph()


@OPS
@pytest.mark.parametrize("scale", [1e-4, 0.0123, 0.1, 0.25, 1.0, 1000.0])
def test_all_pairs_of_logits(op: str, scale: float) -> None:
    every = np.stack(np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)), axis=-1).astype(np.int8)
    check_equal_to_tflm(one(op, (256, 256, 2), scale), samples=[[every]])


@OPS
@pytest.mark.parametrize("depth", [1, 3, 77, 500])
def test_equal_logits(op: str, depth: int) -> None:
    check_equal_to_tflm(one(op, (1, depth), 0.1), samples=[[np.full((1, depth), 3, np.int8)]])


@OPS
@pytest.mark.parametrize(("shape", "scale", "reason"), [((4,), 1e-9, "too small"), ((5000,), 0.1, "more than")])
def test_what_does_not_fit_is_refused(op: str, shape: Shape, scale: float, reason: str) -> None:
    node, *_ = one(op, shape, scale).nodes
    with pytest.raises(CannotTranslate, match=reason):
        list(emit_calls(node, Shared({}), Kernels.ENGINE))
