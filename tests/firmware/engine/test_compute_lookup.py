"""Functions of one operand in the C engine, against TFLM's kernels: int8 for all 256 inputs."""

from __future__ import annotations

import numpy as np
import pytest

from redsc.choices import Kernels
from redsc.engine.program import Places
from redsc.engine.rows import emit_calls
from redsc.engine.shared import Shared
from redsc.formats.tables import CannotTranslate
from redsc.ir import NO_ATTRS, DType, LeakyRelu, Quant, Value
from tests.firmware.engine.compute_cases import MACHINES, Cases, check_equal_to_tflm
from tests.firmware.engine.harness import M4, Machine

OWN_SCALE = ("RELU", "ELU", "HARD_SWISH", "ABS", "LEAKY_RELU", "QUANTIZE")
FIXED = {"LOGISTIC": Quant.per_tensor(1 / 256, -128), "TANH": Quant.per_tensor(1 / 128, 0)}
FLOAT_OPS = ("RELU", "RELU6", "ELU", "HARD_SWISH", "ABS", "LEAKY_RELU", "LOGISTIC", "TANH", "EXP", "NEG", "SQUARE")
MORE_FLOAT_OPS = ("CEIL", "COS", "FLOOR", "SIN")
POSITIVE = ("LOG", "SQRT", "RSQRT")
EVERY = np.arange(-128, 128, dtype=np.int8)


def attrs_of(cases: Cases, op: str) -> object:
    alpha = float(np.float32(cases.random.choice([0.01, 0.25, 1.5, 0.0])))
    return LeakyRelu(alpha) if op == "LEAKY_RELU" else NO_ATTRS


def add_case(cases: Cases, op: str, least: float, most: float) -> None:
    quant = cases.quant(least, most)
    result = FIXED.get(op, quant if op == "RELU6" else cases.quant(quant.scale / 8, quant.scale * 8))
    cases.node(op, cases.operand((256,), quant=quant), attrs=attrs_of(cases, op), quant=result)


@pytest.mark.parametrize("op", [*OWN_SCALE, *FIXED, "RELU6"])
def test_all_inputs_are_bit_exact(op: str) -> None:
    cases = Cases(len(op))
    for least, most in ((0.003, 0.3), (0.02, 0.08), (1e-4, 5)):
        for _ in range(40):
            add_case(cases, op, least, most)
    graph = cases.graph()
    check_equal_to_tflm(graph, samples=[[EVERY] * len(graph.inputs)])


def own_table(cases: Cases, elements: int, *, constant: bool = True) -> Value:
    """Add a look-up in a random table, and return its result."""
    quant = cases.quant()
    table = cases.operand((256,), quant=quant, constant=constant)
    return cases.node("REDSC_LOOKUP", cases.operand((elements,)), table, quant=quant)


@MACHINES
def test_a_table_of_its_own_is_what_tflm_makes_of_three_ops(machine: Machine) -> None:
    cases = Cases(4)
    for elements in (256, 1, 2, 3, 5, 1001):
        own_table(cases, elements)
    graph = cases.graph()
    rest = [np.resize(EVERY, value.type.elements) for value in graph.inputs]
    check_equal_to_tflm(graph, machine, samples=[rest, [array[::-1].copy() for array in rest]])


@MACHINES
def test_a_look_up_may_lie_over_its_operand(machine: Machine) -> None:
    cases = Cases(5)
    own_table(cases, 259)
    graph = cases.graph()
    places = Places(dict.fromkeys(graph.activations(), 0), {})
    check_equal_to_tflm(graph, machine, samples=[[np.resize(EVERY, 259)]], layout=(places, 272))


def test_a_table_that_is_no_constant_is_refused() -> None:
    result = own_table(Cases(0), 4, constant=False)
    assert result.producer is not None
    with pytest.raises(CannotTranslate, match="its table is no constant"):
        list(emit_calls(result.producer, Shared({}), Kernels.ENGINE))


def test_all_inputs_of_an_inverse_square_root() -> None:
    cases = Cases(1)
    for _ in range(60):
        quant = Quant.per_tensor(float(cases.random.uniform(0.003, 0.3)), -128)
        cases.node("RSQRT", cases.operand((256,), quant=quant), quant=cases.quant(0.005, 0.3))
    graph = cases.graph()
    check_equal_to_tflm(graph, samples=[[EVERY] * len(graph.inputs)])


@MACHINES
def test_any_number_of_elements(machine: Machine) -> None:
    cases = Cases(6)
    for elements in (1, 2, 3, 4, 5, 7, 255, 1001):
        cases.node("QUANTIZE", cases.operand((elements,)), quant=cases.quant())
    check_equal_to_tflm(cases.graph(), machine)


@pytest.mark.parametrize("op", [*FLOAT_OPS, *MORE_FLOAT_OPS, *POSITIVE])
def test_float_is_what_tflm_computes(op: str) -> None:
    cases = Cases(2)
    cases.node(op, cases.operand((501,), DType.FLOAT32), attrs=attrs_of(cases, op))
    reals = np.concatenate([np.random.default_rng(0).normal(0, 5, 500), [0]]).astype(np.float32)
    sample = np.abs(reals) + np.float32(0.01) if op in POSITIVE else reals
    check_equal_to_tflm(cases.graph(), samples=[[sample]])


def test_a_function_of_libm_on_the_cortex_m4() -> None:
    cases = Cases(2)
    for op in ("LOGISTIC", "TANH", "HARD_SWISH"):
        cases.node(op, cases.operand((40,), DType.FLOAT32))
    check_equal_to_tflm(cases.graph(), M4)
