"""Softmax in the C engine, against TFLM's kernel."""

from __future__ import annotations

import numpy as np
import pytest

from redsc.engine.rows import emit_calls
from redsc.engine.shared import Shared
from redsc.formats.tables import CannotTranslate
from redsc.ir import DType, Graph, Quant, Shape, Softmax
from redsc.options import Kernels
from tests.firmware.engine.compute_cases import MACHINES, Cases, check_equal_to_tflm
from tests.firmware.engine.harness import Machine

RESULT = Quant.per_tensor(1 / 256, -128)


def softmaxes(dtype: DType) -> Graph:
    cases = Cases(9)
    for _ in range(30):
        shape = cases.shape(int(cases.random.integers(1, 5)), 12)
        attrs = Softmax(float(np.float32(cases.random.choice([1.0, 0.5, 3.7]))))
        quant = cases.quant(0.001, 2)
        cases.node(
            "SOFTMAX",
            cases.operand(shape, dtype, quant),
            attrs=attrs,
            quant=RESULT if dtype is DType.INT8 else None,
        )
    return cases.graph()


@MACHINES
def test_int8_is_bit_exact(machine: Machine) -> None:
    check_equal_to_tflm(softmaxes(DType.INT8), machine)


def one(shape: Shape, scale: float) -> Graph:
    cases = Cases(0)
    cases.node("SOFTMAX", cases.operand(shape, quant=Quant.per_tensor(scale)), attrs=Softmax(), quant=RESULT)
    return cases.graph()


@pytest.mark.parametrize("scale", [1e-4, 0.0123, 0.1, 0.25, 1.0, 1000.0])
def test_all_pairs_of_logits(scale: float) -> None:
    every = np.stack(np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)), axis=-1).astype(np.int8)
    check_equal_to_tflm(one((256, 256, 2), scale), samples=[[every]])


def test_equal_logits() -> None:
    sample = np.full((1, 500), 3, np.int8)
    check_equal_to_tflm(one((1, 500), 0.1), samples=[[sample]])


@pytest.mark.parametrize("op", ["SOFTMAX", "LOG_SOFTMAX"])
def test_float_is_what_tflm_computes(op: str) -> None:
    if op == "SOFTMAX":
        check_equal_to_tflm(softmaxes(DType.FLOAT32))
    cases = Cases(3)
    cases.node("LOG_SOFTMAX", cases.operand((3, 4, 7), DType.FLOAT32))
    check_equal_to_tflm(cases.graph())


@pytest.mark.parametrize(("shape", "scale", "reason"), [((4,), 1e-9, "too small"), ((5000,), 0.1, "more than")])
def test_what_does_not_fit_is_refused(shape: Shape, scale: float, reason: str) -> None:
    (node,) = one(shape, scale).nodes
    with pytest.raises(CannotTranslate, match=reason):
        list(emit_calls(node, Shared({}), Kernels.ENGINE))
