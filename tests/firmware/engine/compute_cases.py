"""Many small nodes in one graph: one compilation and one run of the oracle for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from redsc.choices import Kernels
from redsc.cost.overlap import overlap_distance
from redsc.engine.program import Places
from redsc.formats import write_tflite
from redsc.ir import NO_ATTRS, Array, DType, Graph, GraphBuilder, Quant, Shape, Value
from redsc.runtime import tflm
from tests.firmware.engine.harness import HOST_SANITIZED, M4, Machine, run_engine

__all__ = ["M4_PORTABLE", "MACHINES", "Cases", "check_equal_to_tflm", "expect", "overlapping", "random_samples"]

M4_PORTABLE = replace(M4, flags=(*M4.flags, "-DREDSC_NO_DSP"))
MACHINES = pytest.mark.parametrize("machine", [HOST_SANITIZED, M4, M4_PORTABLE], ids=["host", "dsp", "portable"])


class Cases:
    """Builds a graph of independent nodes with random numbers."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.builder = GraphBuilder()
        self.outputs: list[Value] = []

    def quant(self, least: float = 0.003, most: float = 0.3) -> Quant:
        """Return a random scale between two, in even proportions, and a zero point.

        Half of the scales are short decimals: their ratios are where float32 and float64 give other multipliers.
        """
        scale = float(np.exp(self.random.uniform(np.log(least), np.log(most))))
        scale = float(f"{scale:.1g}") if self.random.integers(2) else scale
        return Quant.per_tensor(scale, int(self.random.choice([-128, 0, 127, *self.random.integers(-128, 128, 3)])))

    def shape(self, rank: int, most: int = 6) -> Shape:
        """Return a random shape."""
        return tuple(int(n) for n in self.random.integers(1, most + 1, rank))

    def operand(
        self, shape: Shape, dtype: DType = DType.INT8, quant: Quant | None = None, constant: bool = False
    ) -> Value:
        """Return a graph input, or a constant with random elements."""
        quant = (quant or self.quant()) if dtype is DType.INT8 else None
        if not constant:
            return self.builder.input("x", shape, dtype, quant)
        return self.builder.constant("w", random_elements(self.random, shape, dtype), quant)

    def node(
        self,
        op: str,
        *operands: Value | None,
        attrs: object = NO_ATTRS,
        quant: Quant | None = None,
        dtype: DType | None = None,
    ) -> Value:
        """Append a node whose output is one of the graph, of the type of its first operand or of another."""
        value = self.builder.op(op, *operands, attrs=attrs, quant=quant, dtype=dtype)
        self.outputs.append(value)
        return value

    def graph(self) -> Graph:
        """Return the graph."""
        return self.builder.output(*self.outputs)


def random_elements(random: np.random.Generator, shape: Shape, dtype: DType) -> Array:
    """Return int8 elements of the whole range, or normal float32 ones."""
    if dtype is DType.INT8:
        return random.integers(-128, 128, shape, np.int8)
    return np.asarray(2 * random.standard_normal(shape), np.float32)


def random_samples(graph: Graph, count: int = 3) -> list[list[Array]]:
    """Return inputs of a graph."""
    random = np.random.default_rng(1)
    return [
        [random_elements(random, value.type.shape, value.type.dtype) for value in graph.inputs]
        for _ in range(count)
    ]


def check_equal_to_tflm(
    graph: Graph,
    machine: Machine = HOST_SANITIZED,
    samples: Sequence[Sequence[Array]] | None = None,
    layout: tuple[Places, int] | None = None,
) -> None:
    """Check the engine against the tflite-micro wheel: integers bit for bit, float32 within rounding."""
    pytest.importorskip("tflite_micro", reason="the oracle is TFLM's interpreter")
    samples = samples or random_samples(graph)
    expect(graph, run_engine(graph, samples, machine, layout), tflm.run_steps(write_tflite(graph), samples))


def overlapping(graph: Graph, nearer: int = 0) -> tuple[Places, int]:
    """Return places for a graph of one node, its result as near to its operand as plans may put it, or nearer."""
    (node,), (source,), (result,) = graph.nodes, graph.inputs, graph.outputs
    distance = overlap_distance(node, 0, Kernels.ENGINE)
    assert distance is not None
    distance -= nearer
    tensors = {source: max(distance, 0), result: max(-distance, 0)}
    return Places(tensors, {}), max(at + value.type.nbytes for value, at in tensors.items())


def expect(graph: Graph, found: Sequence[Sequence[Array]], wanted: Sequence[Sequence[Array]]) -> None:
    """Compare the outputs of all samples; the message names the node."""
    for row, wanted_row in zip(found, wanted, strict=True):
        for value, array, wanted_array in zip(graph.outputs, row, wanted_row, strict=True):
            assert value.producer is not None
            shapes = [operand.type.shape for operand in value.producer.present_inputs()]
            where = f"{value.producer.op} {value.name} of {shapes}"
            if value.type.dtype is DType.FLOAT32:
                np.testing.assert_allclose(array, wanted_array, rtol=2e-6, atol=1e-6, err_msg=where)
            else:
                np.testing.assert_array_equal(array, wanted_array, where)
