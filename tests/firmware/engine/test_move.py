"""What moves elements in the C engine, against TFLM's kernels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import pytest

from redsc.choices import Kernels
from redsc.engine.call import Call, Part
from redsc.engine.move.box import turns
from redsc.engine.move.rows import MOVE
from redsc.engine.rows import emit_calls
from redsc.engine.shared import find_shared
from redsc.formats.tables import CannotTranslate
from redsc.ir import (
    NO_ATTRS,
    Concatenation,
    DType,
    Gather,
    Graph,
    GraphBuilder,
    Split,
    StridedSlice,
    TensorType,
    Value,
)
from tests.firmware.build import FIRMWARE
from tests.firmware.engine.harness import HOST_SANITIZED, M4, Machine, run_engine
from tests.firmware.engine.merging import (
    expected,
    merged,
    merged_samples,
    samples_of,
    split_outputs,
)
from tests.firmware.engine.move_cases import CASES, Draw, random_graphs
from tests.op_samples import sample_graph, signature_cases

pytest.importorskip("tflite_micro", reason="the oracle is TFLM's interpreter")


def check_graphs(graphs: Sequence[Graph], machine: Machine = HOST_SANITIZED, steps: int = 2) -> None:
    samples = samples_of(graphs, steps)
    wanted = [expected(graph, rows) for graph, rows in zip(graphs, samples, strict=True)]
    found = split_outputs(graphs, run_engine(merged(graphs), merged_samples(samples), machine))
    for graph, rows, wanted_rows in zip(graphs, found, wanted, strict=True):
        node = graph.nodes[-1]
        where = f"{node.op} of {list(node.inputs)}, {node.attrs}"
        for array, wanted_array in zip(chain(*rows), chain(*wanted_rows), strict=True):
            if node.op == "RESIZE_BILINEAR" and array.dtype == np.float32:
                np.testing.assert_allclose(array, wanted_array, rtol=1e-5, atol=1e-6, err_msg=where)
            else:
                np.testing.assert_array_equal(array, wanted_array, where)


@pytest.mark.parametrize("machine", [HOST_SANITIZED, M4], ids=["host", "cortex-m4"])
def test_every_element_type_of_every_op(machine: Machine) -> None:
    cases = [(name, row) for name, row in signature_cases() if name in MOVE]
    assert {DType.INT64, DType.BOOL, DType.FLOAT32, DType.INT8} <= {row.output for _, row in cases}
    check_graphs([sample_graph(name, row) for name, row in cases], machine, steps=3)


@pytest.mark.parametrize("op", CASES)
def test_random_nodes(op: str) -> None:
    check_graphs(random_graphs(op, seed=list(CASES).index(op), count=60))


def test_random_nodes_on_a_cortex_m4() -> None:
    check_graphs([graph for seed, op in enumerate(CASES) for graph in random_graphs(op, 100 + seed, 5)], M4)


def test_turns_fill_what_kernels_have_for_them() -> None:
    most = int(re.findall(r"REDSC_MOST_TURNS = (\d+)", (FIRMWARE / "redsc_turn.h").read_text())[0])
    assert turns([(2, 0, 8)] * most)["turn_count"] == most
    with pytest.raises(CannotTranslate, match=f"along {most + 2} axes, kernels know {most + 1}"):
        turns([(2, 0, 8)] * (most + 1))


def test_constants_are_cut_in_flash() -> None:
    builder, data = GraphBuilder(), np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    whole, axis = builder.constant("whole", data), builder.constant("axis", np.array(1, np.int32))
    graph = builder.output(*builder.split_op("SPLIT", axis, whole, attrs=Split(3), names=("a", "b", "c")))
    (found,) = run_engine(graph, [[]])
    for array, wanted in zip(found, np.split(data, 3, axis=1), strict=True):
        np.testing.assert_array_equal(array, wanted)


def emitted(graph: Graph) -> list[Call]:
    return [call for node in graph.nodes for call in emit_calls(node, find_shared([graph]), Kernels.ENGINE)]


def test_what_is_contiguous_is_a_plain_copy() -> None:
    draw = Draw(0)
    joined = draw.node("CONCATENATION", DType.INT8, [(1, 1, 3, 4), (1, 1, 5, 4)], Concatenation(2))
    assert [(call.is_copy, call.operands[1]) for call in emitted(joined)] == [
        (True, joined.outputs[0]),
        (True, Part(joined.outputs[0], 12)),
    ]
    apart = draw.node("CONCATENATION", DType.INT8, [(1, 3, 4), (1, 3, 2)], Concatenation(2))
    assert [call.is_copy for call in emitted(apart)] == [False, False]


def test_a_permutation_of_axes_of_one_element_is_a_plain_copy() -> None:
    graph = Draw(0).node("TRANSPOSE", DType.INT8, [(1, 6, 1, 3), np.array([2, 1, 0, 3], np.int32)])
    assert [call.is_copy for call in emitted(graph)] == [True]


def test_axes_that_are_one_are_merged() -> None:
    """NHWC to NCHW: a line of the pixels of a channel, and the channels."""
    graph = Draw(0).node("TRANSPOSE", DType.INT8, [(1, 9, 8, 5), np.array([0, 3, 1, 2], np.int32)])
    (call,) = emitted(graph)
    assert call.params is not None
    line = {"bytes": 1, "steps": 72, "x_stride": 5, "y_stride": 1, "turn_count": 1}
    assert {name: call.params.fields[name] for name in line} == line


def test_an_empty_slice_needs_no_call() -> None:
    numbers = [np.array([number], np.int32) for number in (2, 1, 1)]
    assert emitted(Draw(0).node("STRIDED_SLICE", DType.INT8, [(4,), *numbers], StridedSlice())) == []


@pytest.mark.parametrize(
    ("op", "operands", "attrs", "reason"),
    [
        ("GATHER", [(4, 3), Value("i", TensorType((2,), DType.INT32))], Gather(), "the indices are not constant"),
        ("GATHER", [(70000,), np.array([1], np.int32)], Gather(), "an axis of more than 65536 places"),
        (
            "PADV2",
            [(4,), np.array([[1, 1]], np.int32), Value("v", TensorType((1,), DType.FLOAT32))],
            NO_ATTRS,
            "the padding value is not constant",
        ),
    ],
)
def test_refusals_say_why(op: str, operands: list[Any], attrs: Any, reason: str) -> None:
    with pytest.raises(CannotTranslate, match=reason):
        emitted(Draw(0).node(op, DType.FLOAT32, operands, attrs))
