"""LSTM as one operator, LSTM, GRU and RNN unrolled, against onnxruntime.

The node suite has batch-first layouts, which that lacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from redsc.choices import Recurrent
from redsc.formats import write_tflite
from redsc.formats.onnx.ops.cells import CELLS
from redsc.formats.onnx.reader import OnnxImport, read_onnx
from redsc.ir import LSTM, Array, Lstm, keeps_state
from redsc.limits import DEFAULT_LIMITS
from redsc.passes.spaces.groups import find_channel_groups
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import difference, random_samples
from tests.conftest import Golden
from tests.formats.onnx.models import Attributes, check_answers, check_refusal, make_node, onnx_model, weights

STEPS, FEATURES, UNITS = 3, 5, 4
DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}
OPERANDS = ("w", "r", "b", "lengths", "h0", "c0", "p")
RESETS_SUMS: Attributes = {"linear_before_reset": 1}


def layer(
    op: str,
    *,
    batch: int = 1,
    steps: int = STEPS,
    direction: str = "forward",
    outputs: Sequence[str] = ("y",),
    inputs: dict[str, list[Any]] | None = None,
    constants: dict[str, Array] | None = None,
    **attributes: Any,
) -> bytes:
    """Return a model of one layer over `x`; `constants` are more operands, `inputs` those that are graph inputs."""
    sides, rows = DIRECTIONS[direction], sum(CELLS[op].gates) * UNITS
    known = {
        "w": weights(sides, rows, FEATURES) / 2,
        "r": weights(sides, rows, UNITS) / 2,
        "b": weights(sides, 2 * rows),
    }
    known |= constants or {}
    fed = inputs or {}
    operands = OPERANDS if op == "LSTM" else OPERANDS[:5]
    names = [name if name in known or name in fed else "" for name in operands]
    node = make_node(
        op, ["x", *names], list(outputs), name="node", hidden_size=UNITS, direction=direction, **attributes
    )
    read = {name: array for name, array in known.items() if name not in fed}
    return onnx_model([node], {"x": [steps, batch, FEATURES], **fed}, read, outputs=[n for n in outputs if n])


def unrolled(data: bytes) -> OnnxImport:
    return read_onnx(data, recurrent=Recurrent.UNROLL)


def state(sides: int = 1, batch: int = 1) -> Array:
    return weights(sides, batch, UNITS)


BOTH: Attributes = {"direction": "bidirectional"}
EARLY = np.array([2, 2], np.int32)
FED = {"h0": [1, 1, UNITS], "c0": [1, 1, UNITS]}
CASES: dict[str, bytes] = {
    **{
        f"{op}-{direction}": layer(op, direction=direction, batch=2, outputs=["y", "h"])
        for op in CELLS
        for direction in DIRECTIONS
    },
    "gru-resets-sums": layer("GRU", outputs=["y", "h"], **BOTH, **RESETS_SUMS),
    "gru-initial": layer("GRU", constants={"h0": state()}),
    "gru-initial-resets-sums": layer("GRU", batch=2, constants={"h0": state(1, 2)}, **RESETS_SUMS),
    "lstm-one-step": layer("LSTM", steps=1, outputs=["y", "h", "c"]),
    "lstm-many-steps": layer("LSTM", steps=12, outputs=["y", "h", "c"]),
    "lstm-last-only": layer("LSTM", outputs=["", "h"]),
    "lstm-memory-only": layer("LSTM", outputs=["", "", "c"], direction="reverse"),
    "lstm-both-states": layer("LSTM", outputs=["y", "h", "c"], batch=2, **BOTH),
    "lstm-initial": layer("LSTM", constants={"h0": state(2), "c0": state(2) / 2}, outputs=["y", "h", "c"], **BOTH),
    "lstm-initial-zeros": layer("LSTM", constants={"h0": 0 * state(), "c0": 0 * state()}),
    "lstm-states-come-in": layer("LSTM", outputs=["y", "h", "c"], inputs=FED),
    "gru-state-comes-in": layer("GRU", outputs=["y", "h"], inputs={"h0": [2, 1, UNITS]}, **BOTH),
    "lstm-starts-elsewhere": layer("LSTM", constants={"h0": state()}),
    "lstm-peepholes-only": layer("LSTM", constants={"p": weights(1, 3 * UNITS)}),
    "lstm-early-only": layer("LSTM", constants={"lengths": EARLY}, batch=2),
    "lstm-peepholes": layer("LSTM", constants={"p": weights(1, 3 * UNITS)}, outputs=["y", "h", "c"]),
    "lstm-without-bias": layer("LSTM", constants={"b": np.zeros((1, 8 * UNITS), np.float32)}),
    "lstm-ends-early": layer("LSTM", constants={"lengths": EARLY}, batch=2, outputs=["y", "h", "c"]),
    "gru-ends-early-reversed": layer(
        "GRU", constants={"lengths": np.array([1], np.int32)}, outputs=["y", "h"], **BOTH
    ),
    "lstm-other-functions": layer("LSTM", activations=["Sigmoid", "Relu", "Tanh"]),
    "rnn-two-functions": layer("RNN", activations=["Relu", "Tanh"], **BOTH),
}


@pytest.mark.parametrize("data", CASES.values(), ids=CASES)
def test_an_unrolled_layer_answers_as_in_onnxruntime(data: bytes) -> None:
    check_answers(data, unrolled(data))


ONE_OPERATOR = {
    **{name: CASES[name] for name in ("lstm-initial-zeros", "lstm-without-bias", "lstm-last-only")},
    "several": layer("LSTM", batch=2, outputs=["y", "h"]),
    "one step": layer("LSTM", steps=1, outputs=["y", "h"]),
    "many steps": layer("LSTM", steps=5000, outputs=["", "h"]),
    "no peepholes": layer("LSTM", constants={"p": np.zeros((1, 3 * UNITS), np.float32)}),
    "all steps count": layer("LSTM", batch=2, constants={"lengths": np.array([STEPS, STEPS], np.int32)}),
}


@pytest.mark.parametrize("data", ONE_OPERATOR.values(), ids=ONE_OPERATOR)
def test_an_lstm_is_one_operator_that_starts_anew_in_every_inference(data: bytes) -> None:
    found = read_onnx(data)
    (node,) = [node for node in found.graph.nodes if node.op == LSTM]
    assert node.attrs == Lstm(time_major=True, starts_anew=True)
    assert not found.notes
    assert not keeps_state(found.graph)
    check_answers(data, found)
    samples = random_samples(found.graph, 1) * 3
    for name in ("litert", "tflm") if installed("tflm") else ("litert",):
        first, *others = EXECUTORS[name].run_steps(write_tflite(found.graph), samples)
        assert all(difference([first], [row]) is None for row in others)


WHY: dict[str, str] = {
    "LSTM-reverse": "the operator runs forward",
    "LSTM-bidirectional": "the operator runs forward",
    "GRU-forward": "tflite-micro has no operator for it",
    "lstm-one-step": "the operator does not tell its cell state",
    "lstm-initial": "the operator runs forward",
    "lstm-states-come-in": "the operator does not tell its cell state",
    "lstm-starts-elsewhere": "the operator starts with zeros",
    "lstm-peepholes-only": "the operator has no peepholes",
    "lstm-early-only": "its sequences end early",
    "lstm-other-functions": "the operator has other functions",
}


@pytest.mark.parametrize("name", WHY)
def test_what_the_operator_does_not_compute_is_unrolled(name: str) -> None:
    (note,) = read_onnx(CASES[name]).notes
    assert note.code == "L113"
    assert note.evidence == (WHY[name],)


UNEQUAL = np.array([1, 2], np.int32)
ROWS = 4 * UNITS
REFUSED: dict[str, bytes] = {
    "computed-weights": layer("LSTM", inputs={"w": [1, ROWS, FEATURES]}),
    "unequal-lengths": layer("GRU", batch=2, constants={"lengths": UNEQUAL}),
    "clipped": layer("LSTM", clip=3.0),
    "coupled-gates": layer("LSTM", input_forget=1),
    "unknown-function": layer("RNN", activations=["Elu"]),
    "too-many-steps": layer("GRU", steps=1000, outputs=["", "h"]),
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_no_step_knows_is_refused(data: bytes, golden: Golden) -> None:
    check_refusal(data, golden)


def test_hidden_and_cell_state_of_zeros_take_no_operators() -> None:
    wanted = Counter(node.op for node in unrolled(layer("LSTM")).graph.nodes)
    found = Counter(node.op for node in unrolled(CASES["lstm-initial-zeros"]).graph.nodes)
    assert found == wanted


@pytest.mark.parametrize(
    ("data", "first", "others"),
    [(layer("LSTM", outputs=["", "h"]), 8, 13), (layer("GRU", outputs=["", "h"]), 7, 13), (layer("RNN"), 2, 4)],
)
def test_the_note_says_what_unrolling_costs(data: bytes, first: int, others: int) -> None:
    found = unrolled(data)
    (note,) = found.notes
    made = len(found.graph.nodes)
    assert note.code == "L113"
    assert f"{STEPS} steps make {made} operators" in note.message
    once = sum(node.op in ("RESHAPE", "CONCATENATION") for node in found.graph.nodes)
    dense = len(CELLS[note.message.split()[0]].gates)
    assert made == once + dense + first + (STEPS - 1) * others


def test_the_limit_is_on_operators() -> None:
    steps = DEFAULT_LIMITS.unrolled // 13
    data = layer("LSTM", steps=steps - 1, outputs=["", "h"])
    assert len(unrolled(data).graph.nodes) <= DEFAULT_LIMITS.unrolled


@pytest.mark.parametrize(("op", "quantum"), [("LSTM", 4), ("GRU", 1), ("RNN", 1)])
def test_units_are_a_channel_space(op: str, quantum: int) -> None:
    """GRU has them twice in one layer and once in another."""
    node = make_node(op, ["x", "w", "r"], ["", "h"], name="node", hidden_size=UNITS)
    rows = sum(CELLS[op].gates) * UNITS
    constants = {"w": weights(1, rows, FEATURES), "r": weights(1, rows, UNITS), "k": weights(UNITS, 2)}
    dense = "[dense] y = MatMul(h, k)"
    data = onnx_model([node, dense], {"x": [STEPS, 1, FEATURES]}, constants)
    for found, rows in ((unrolled(data), quantum), (read_onnx(data), 1 if op == "LSTM" else quantum)):
        free = find_channel_groups(found.graph).free
        assert [(space.size, space.quantum) for space in free] == [(UNITS, rows)]
