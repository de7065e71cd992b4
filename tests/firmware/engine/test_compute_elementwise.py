"""Arithmetic on two operands in the C engine, against TFLM's kernels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from redsc.choices import Kernels
from redsc.engine.rows import emit_calls
from redsc.engine.shared import Shared
from redsc.formats.tables import CannotTranslate
from redsc.ir import NO_ATTRS, Activation, Add, Array, Div, DType, Graph, Mul, Quant, Shape, Sub, Value
from tests.firmware.engine.compute_cases import MACHINES, Cases, check_equal_to_tflm, random_samples
from tests.firmware.engine.harness import Machine, run_engine

ATTRS = {"ADD": Add, "SUB": Sub, "MUL": Mul, "DIV": Div}
OPS = ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "PRELU", "SQUARED_DIFFERENCE")
COMPARISONS = ("GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "EQUAL", "NOT_EQUAL")
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
    quant = (same or cases.quant()) if dtype is DType.INT8 and op not in COMPARISONS else None
    cases.node(op, *operands, attrs=attrs, quant=quant, dtype=DType.BOOL if op in COMPARISONS else dtype)


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


@MACHINES
def test_int8_comparisons_are_bit_exact(machine: Machine) -> None:
    cases = Cases(12)
    for op, shapes in itertools.product(COMPARISONS, BROADCASTS):
        add_case(cases, op, DType.INT8, shapes)
    check_equal_to_tflm(cases.graph(), machine)


@pytest.mark.parametrize("op", [*OPS, "DIV", *COMPARISONS])
def test_float_is_what_tflm_computes(op: str) -> None:
    check_equal_to_tflm(arithmetic(op, DType.FLOAT32, 7))


@pytest.mark.parametrize("op", COMPARISONS)
@MACHINES
def test_equal_numbers_infinities_and_nan_compare_as_in_tflm(op: str, machine: Machine) -> None:
    numbers = np.array([0, -0.0, 1, -1, 1e-40, np.inf, -np.inf, np.nan], np.float32)
    cases = Cases(0)
    operands = [cases.operand((64,), DType.FLOAT32) for _ in range(2)]
    cases.node(op, *operands, dtype=DType.BOOL)
    check_equal_to_tflm(cases.graph(), machine, [[np.repeat(numbers, 8), np.tile(numbers, 8)]])


def add_choice(cases: Cases, dtype: DType, *shapes: Shape) -> Value:
    """Choose between operands of the last two shapes where numbers of the first one are above 0."""
    zero = cases.builder.constant("zero", np.zeros(1, np.float32))
    numbers = cases.operand(shapes[0], DType.FLOAT32)
    condition = cases.builder.op("GREATER", numbers, zero, dtype=DType.BOOL)
    quant = cases.quant()
    operands = [cases.operand(shape, dtype, quant) for shape in shapes[1:]]
    return cases.node("SELECT_V2", condition, *operands, quant=operands[0].type.quant, dtype=dtype)


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.INT8])
@MACHINES
def test_a_choice_takes_every_element_from_one_of_two(dtype: DType, machine: Machine) -> None:
    cases, whole = Cases(4), (2, 3, 7)
    for shapes in itertools.product((whole, (1,)), repeat=3):
        add_choice(cases, dtype, *shapes)
    check_equal_to_tflm(cases.graph(), machine)


def test_a_choice_whose_operands_broadcast_is_refused() -> None:
    value = add_choice(Cases(0), DType.FLOAT32, (2, 3), (2, 3), (3,))
    assert value.producer is not None
    with pytest.raises(CannotTranslate, match="operands that repeat"):
        list(emit_calls(value.producer, Shared({}), Kernels.ENGINE))


@pytest.mark.parametrize("op", ["ADD", "SUB", "MUL", "PRELU", "SQUARED_DIFFERENCE"])
def test_all_pairs_of_elements(op: str) -> None:
    cases = Cases(3)
    for least, most in ((0.003, 0.3), (1e-6, 1e3), (0.01, 0.1)):
        for _ in range(8):
            operands = [cases.operand((256, 256), quant=cases.quant(least, most)) for _ in range(2)]
            scale = sum(value.type.quant.scale for value in operands if value.type.quant is not None)
            quant = cases.quant(scale / 4, scale * (4 if most < 1 else 1e4))
            cases.node(op, *operands, attrs=ATTRS[op]() if op in ATTRS else NO_ATTRS, quant=quant)
    check_equal_to_tflm(cases.graph(), samples=[every_pair() * 24])


def every_pair() -> list[Array]:
    """Return two images of all pairs of int8 numbers."""
    every = np.arange(-128, 128, dtype=np.int8)
    return [*np.meshgrid(every, every)]


@pytest.mark.parametrize("op", COMPARISONS)
def test_all_pairs_compared(op: str) -> None:
    cases = Cases(9)
    for quants in [(cases.quant(0.003, 0.9), cases.quant(0.003, 0.9)) for _ in range(8)] + [(cases.quant(),) * 2]:
        cases.node(op, *(cases.operand((256, 256), quant=quant) for quant in quants), dtype=DType.BOOL)
    check_equal_to_tflm(cases.graph(), samples=[every_pair() * 9])


def test_a_comparison_of_whole_steps_is_refused() -> None:
    cases = Cases(0)
    operands = [cases.operand((4,), quant=Quant.per_tensor(1.0)) for _ in range(2)]
    value = cases.node("GREATER", *operands, dtype=DType.BOOL)
    assert value.producer is not None
    with pytest.raises(CannotTranslate, match="scales below 1"):
        list(emit_calls(value.producer, Shared({}), Kernels.ENGINE))


def quotients(cases: Cases, shapes: tuple[Shape, Shape], *, signed: bool = True) -> Value:
    """Divide, with scales for which TFLM's kernel is right: 1 is 64 steps or more, 32 without signs."""
    quants = [cases.quant() for _ in shapes]
    least = 6.01 if signed else 5.01
    if not signed:
        quants = [Quant.per_tensor(quant.scale, -128) for quant in quants]
    a, b = (cases.operand(shape, quant=quant) for shape, quant in zip(shapes, quants, strict=True))
    assert a.type.quant is not None
    assert b.type.quant is not None
    steps = 2 ** cases.random.uniform(least, 22 if signed else 6)
    scale = a.type.quant.scale / b.type.quant.scale / steps
    activation = list(Activation)[int(cases.random.integers(3))]
    return cases.node("DIV", a, b, attrs=Div(activation), quant=cases.quant(scale, scale))


def divisible(sample: list[Array], graph: Graph) -> list[Array]:
    """Return a sample of which no divisor, every second operand, is 0."""
    for place in range(1, len(sample), 2):
        quant, array = graph.inputs[place].type.quant, sample[place]
        assert quant is not None
        other = np.int8(quant.zero_point ^ 1)
        sample[place] = np.where(array == quant.zero_point, other, array)
    return sample


@MACHINES
def test_int8_quotients_are_bit_exact(machine: Machine) -> None:
    cases = Cases(13)
    for shapes in BROADCASTS:
        quotients(cases, shapes)
    graph = cases.graph()
    check_equal_to_tflm(graph, machine, [divisible(row, graph) for row in random_samples(graph)])


def test_all_pairs_divided() -> None:
    cases = Cases(14)
    for place in range(24):
        quotients(cases, ((256, 256), (256, 256)), signed=place % 4 > 0)
    graph = cases.graph()
    check_equal_to_tflm(graph, samples=[divisible(every_pair() * 24, graph)])


@MACHINES
def test_a_division_by_zero_saturates(machine: Machine) -> None:
    cases = Cases(0)
    a, b = (cases.operand((3,), quant=Quant.per_tensor(0.01, zero)) for zero in (5, -3))
    cases.node("DIV", a, b, attrs=Div(), quant=Quant.per_tensor(0.01, -7))
    rows = [np.array([127, 5, -128], np.int8), np.full(3, -3, np.int8)]
    ((found,),) = run_engine(cases.graph(), [rows], machine)
    assert found.tolist() == [127, -7, -128]


def test_quotients_with_coarse_results_are_refused() -> None:
    cases = Cases(0)
    operands = [cases.operand((4,), quant=Quant.per_tensor(0.1)) for _ in range(2)]
    value = cases.node("DIV", *operands, attrs=Div(), quant=Quant.per_tensor(0.1))
    assert value.producer is not None
    with pytest.raises(CannotTranslate, match="1 is 10 steps"):
        list(emit_calls(value.producer, Shared({}), Kernels.ENGINE))


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
