"""Every operator is asked for more elements than any machine should hold: files of a few hundred bytes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

if sys.platform != "linux":
    pytest.skip("the guard of the fuzzer reads /proc", allow_module_level=True)

from redsc.errors import RedscError
from redsc.formats import write_tflite
from redsc.ir import DType, Graph, Value, copy_graph, op_def, verify_graph
from redsc.ir.ops.definition import ShapeError
from tests.fuzz.kinds import KINDS, prepare_folder
from tests.fuzz.worker import run_cases
from tests.op_samples import sample_graph, signature_cases

LARGE = 1 << 27  # elements; redsc refuses tensors of 2^28 and more
MOST_MEGABYTES = 150
KIND = "tflite-structure"
OPS = sorted({name for name, _ in signature_cases()})


def larger(value: Value) -> Iterator[Value]:
    """Yield a graph input with one axis made large, or a constant with one of few integers."""
    shape, kind = value.type.shape, value.type
    if not value.is_constant:
        for axis, size in enumerate(shape):
            length = size * (LARGE // kind.elements)
            yield Value(value.name, replace(kind, shape=(*shape[:axis], length, *shape[axis + 1 :])))
    elif kind.dtype is DType.INT32 and kind.elements <= 8:
        for place, number in product(range(kind.elements), (LARGE >> 8, LARGE >> 4, LARGE)):
            numbers = np.array(value.data)
            numbers.reshape(-1)[place] = number
            yield Value.constant(value.name, numbers, kind.quant)


def enlarged(graph: Graph) -> Iterator[Graph]:
    """Yield the graph with one value larger, where its operators take that."""
    for value in (*graph.inputs, *graph.constants()):
        for other in larger(value):
            try:
                yield replaced(graph, value, other)
            except (RedscError, ShapeError):
                continue


def replaced(graph: Graph, value: Value, other: Value) -> Graph:
    """Return a graph with another value in place of one, and the shapes that follow."""

    def copy(old: Value) -> Value:
        return other if old is value else replace(old, producer=None, uses=[])

    found = copy_graph(graph, copy)
    for node in found.nodes:
        for output, shape in zip(node.outputs, op_def(node.op).infer(node), strict=True):
            output.type = replace(output.type, shape=shape)
    verify_graph(found)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = prepare_folder(tmp_path_factory.mktemp("fuzzing"))
    KINDS[KIND].warm_up(made)
    return made


@pytest.mark.parametrize("op", OPS)
def test_large_operands_take_neither_time_nor_memory(op: str, folder: Path) -> None:
    rows = [row for name, row in signature_cases() if name == op]
    cases = [write_tflite(graph) for row in rows for graph in enlarged(sample_graph(op, row))]
    outcomes = list(run_cases(KIND, cases, folder))
    assert [item for item in outcomes if item.is_finding] == []
    assert max((item.megabytes for item in outcomes), default=0) < MOST_MEGABYTES
