"""Many small graphs as one, so that one compilation serves all: samples, places and expected outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from redsc.choices import Kernels
from redsc.cost.buffer import aligned
from redsc.cost.overlap import overlap_distance
from redsc.engine.program import Places
from redsc.errors import ExecutorError
from redsc.formats import write_tflite
from redsc.ir import Array, DType, Graph, Value, Variable
from redsc.runtime import litert, tflm

__all__ = [
    "expected",
    "merged",
    "merged_samples",
    "results_over_operands",
    "samples_of",
    "split_outputs",
]


def merged(graphs: Sequence[Graph]) -> Graph:
    """Return one graph that computes all: one compilation for many. Variables become those of their graph."""
    whole = Graph()
    for number, graph in enumerate(graphs):
        whole.inputs += graph.inputs
        whole.outputs += graph.outputs
        whole.nodes += graph.nodes
        for node in graph.nodes:
            if isinstance(node.attrs, Variable):
                node.attrs = Variable(f"{node.attrs.variable}{number}")
    return whole


def samples_of(graphs: Sequence[Graph], count: int = 2) -> list[list[list[Array]]]:
    """Return samples for each graph, all different."""
    random = np.random.default_rng(1)
    return [[[_elements(random, value) for value in graph.inputs] for _ in range(count)] for graph in graphs]


def _elements(random: np.random.Generator, value: Value) -> Array:
    kind = value.type
    if kind.dtype is DType.FLOAT32:
        return random.standard_normal(kind.shape, np.float32)
    if kind.dtype is DType.BOOL:
        return random.integers(0, 2, kind.shape).astype(np.bool_)
    limits = np.iinfo(kind.dtype.numpy)
    return random.integers(limits.min, limits.max, kind.shape, kind.dtype.numpy)


def merged_samples(samples: Sequence[Sequence[Sequence[Array]]]) -> list[list[Array]]:
    """Return samples of the merged graph."""
    return [[array for row in rows for array in row] for rows in zip(*samples, strict=True)]


def split_outputs(graphs: Sequence[Graph], rows: Sequence[Sequence[Array]]) -> list[list[list[Array]]]:
    """Return the outputs of each graph from those of the merged one."""
    found, start = [], 0
    for graph in graphs:
        end = start + len(graph.outputs)
        found.append([list(row[start:end]) for row in rows])
        start = end
    return found


def expected(graph: Graph, samples: Sequence[Sequence[Array]]) -> list[list[Array]]:
    """Return what TFLM computes in consecutive steps, or LiteRT's reference kernels where TFLM has none."""
    model = write_tflite(graph)
    try:
        return tflm.run_steps(model, samples)
    except ExecutorError:
        return litert.run_steps(model, samples)


def results_over_operands(graphs: Sequence[Graph], nearer: int = 0) -> tuple[Places, int]:
    """Return places where the result of each node lies over operand 0 as far as plans let it lie, or nearer."""
    tensors, at = dict[Value, int](), 0
    for graph in graphs:
        (node,) = graph.nodes
        x, y, distance = node.operand(0), node.outputs[0], overlap_distance(node, 0, Kernels.ENGINE)
        assert distance is not None
        distance -= nearer
        tensors[x], tensors[y] = at + max(distance, 0), at + max(-distance, 0)
        at = aligned(max(tensors[value] + value.type.nbytes for value in (x, y)))
    return Places(tensors, {}), at
