"""Results that lie where an operand does: the alias rules of the ops hold for the C engine's kernels."""

from __future__ import annotations

import numpy as np
import pytest

from redsc.engine.compute.rows import COMPUTE
from redsc.engine.program import Places
from redsc.ir import OPS, DType, Graph
from redsc.ir.rules import InPlace
from redsc.ir.signatures import Signature
from tests.firmware.engine.compute_cases import Cases, check_equal_to_tflm
from tests.firmware.engine.harness import HOST_SANITIZED, M4, Machine
from tests.op_samples import sample_graph, sample_inputs

TYPES = (DType.FLOAT32, DType.INT8)
NO_KERNEL = {("DIV", DType.INT8), ("SQUARED_DIFFERENCE", DType.INT8)}


def is_known(row: Signature) -> bool:
    """Whether operands and result are int8 and float32, or it is a comparison of float32."""
    kinds = {*row.inputs, row.output}
    return kinds <= set(TYPES) or (set(row.inputs), row.output) == ({DType.FLOAT32}, DType.BOOL)


def cases() -> list[tuple[str, Signature, int]]:
    """Return every op with a kernel, its signatures of int8 and float32, and the operands that it may lie over."""
    found = []
    for name in COMPUTE:
        rule = OPS[name].alias
        rows = [row for row in OPS[name].signatures if is_known(row) and (name, row.output) not in NO_KERNEL]
        if isinstance(rule, InPlace):
            found += [(name, row, index) for row in rows for index in rule.inputs if index < len(row.inputs)]
    return found


def in_place(graph: Graph, index: int) -> tuple[Places, int]:
    """Return places with the result of the only node where an operand begins, the others apart."""
    (node,) = graph.nodes
    at, tensors = 0, {}
    for value in graph.inputs:
        tensors[value] = at
        at += -(-value.type.nbytes // 16) * 16
    tensors[node.outputs[0]] = tensors[node.operand(index)]
    return Places(tensors, {}), at


@pytest.mark.parametrize(("name", "row", "index"), cases(), ids=str)
def test_a_result_may_lie_over_an_operand(name: str, row: Signature, index: int) -> None:
    graph = sample_graph(name, row)
    (node,) = graph.nodes
    operand, result = node.operand(index), node.outputs[0]
    if operand.is_constant or operand.type.shape != result.type.shape:
        pytest.skip("the sample's operand repeats")
    check_equal_to_tflm(graph, samples=sample_inputs(graph), layout=in_place(graph, index))


@pytest.mark.parametrize("index", [1, 2])
@pytest.mark.parametrize("dtype", TYPES)
def test_a_choice_may_lie_over_what_it_chooses_from(dtype: DType, index: int) -> None:
    cases, random = Cases(0), np.random.default_rng(0)
    quant = cases.quant()
    condition = cases.builder.input("condition", (3, 37), DType.BOOL)
    operands = [cases.operand((3, 37), dtype, quant) for _ in range(2)]
    cases.node("SELECT_V2", condition, *operands, quant=operands[0].type.quant, dtype=dtype)
    sample = [random.integers(-99, 99, (3, 37)).astype(dtype.numpy) for _ in operands]
    graph = cases.graph()
    samples = [[random.integers(0, 2, (3, 37)).astype(bool), *sample]]
    check_equal_to_tflm(graph, samples=samples, layout=in_place(graph, index))


@pytest.mark.parametrize("machine", [HOST_SANITIZED, M4], ids=["host", "m4"])
def test_all_operands_may_be_one_tensor(machine: Machine) -> None:
    for dtype in TYPES:
        builder = Cases(0)
        operand = builder.operand((3, 37), dtype)
        quant = builder.quant(0.05, 0.2) if dtype is DType.INT8 else None
        builder.node("MAXIMUM", operand, operand, quant=operand.type.quant)
        builder.node("PRELU", operand, operand, quant=quant)
        check_equal_to_tflm(builder.graph(), machine)
