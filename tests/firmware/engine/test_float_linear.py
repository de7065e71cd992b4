"""Float32 convolutions and dense layers in the C engine, against TFLM's kernels."""

from __future__ import annotations

import numpy as np
import pytest

from redsc.choices import Kernels
from redsc.codegen.engine_image import build_image
from redsc.cost.buffer import ALIGNMENT_BYTES
from redsc.engine.program import lower_graph
from redsc.engine.rows import emit_calls
from redsc.engine.shared import find_shared
from redsc.formats.tables import CannotTranslate
from redsc.ir import DType, FullyConnected, Value
from tests.firmware.engine.harness import HOST_SANITIZED, M4, Machine, places_apart
from tests.firmware.engine.linear_cases import LAYERS, check_layers
from tests.firmware.engine.merging import results_over_operands
from tests.firmware.engine.move_cases import Draw

pytest.importorskip("tflite_micro", reason="the oracle is TFLM's interpreter")
MACHINES = pytest.mark.parametrize("machine", [HOST_SANITIZED, M4], ids=["host", "cortex-m4"])


@MACHINES
@pytest.mark.parametrize("kind", LAYERS)
def test_layers_are_what_tflm_computes(kind: str, machine: Machine) -> None:
    draw = Draw(1)
    check_layers([LAYERS[kind](draw) for _ in range(60)], machine)


@MACHINES
@pytest.mark.parametrize("kind", LAYERS)
def test_smaller_layers_read_the_weights_of_the_largest(kind: str, machine: Machine) -> None:
    draw = Draw(2)
    graphs = [LAYERS[kind](draw, cut=True) for _ in range(20)]
    for graph in graphs:
        weight, *_ = (node.operand(1).type for node in graph.nodes)
        biases = sum(value.type.nbytes for node in graph.nodes for value in node.inputs[2:] if value is not None)
        image = build_image("t", [lower_graph(graph, places_apart(graph)[0], find_shared([graph]))])
        assert image.constant_bytes <= weight.nbytes + biases
    check_layers(graphs, machine)


@MACHINES
@pytest.mark.parametrize("kind", LAYERS)
def test_results_may_lie_over_operands_as_plans_let_them(kind: str, machine: Machine) -> None:
    draw = Draw(3)
    graphs = [LAYERS[kind](draw) for _ in range(40)]
    check_layers(graphs, machine, results_over_operands(graphs))


@pytest.mark.parametrize("kind", LAYERS)
def test_results_that_lie_nearer_spoil_the_operands(kind: str) -> None:
    draw = Draw(3)
    graphs = [LAYERS[kind](draw) for _ in range(40)]
    with pytest.raises(AssertionError, match=r"CONV|FULLY"):
        check_layers(graphs, HOST_SANITIZED, results_over_operands(graphs, ALIGNMENT_BYTES))


@pytest.mark.parametrize("place", [0, 1])
def test_weights_and_biases_that_are_not_constant_are_refused(place: int) -> None:
    weight, bias = (Value.constant("c", np.zeros(shape, np.float32)) for shape in ((3, 4), (3,)))
    constants = [weight, bias]
    constants[place] = Value("v", constants[place].type)
    graph = Draw(0).node("FULLY_CONNECTED", DType.FLOAT32, [(2, 4), *constants], FullyConnected())
    with pytest.raises(CannotTranslate, match="not constant"):
        emit_calls(graph.nodes[0], find_shared([graph]), Kernels.ENGINE)
