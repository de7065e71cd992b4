"""Where an int8 network loses precision: the signal-to-quantisation-noise ratio of every activation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from redsc.formats import tensor_numbers, write_tflite
from redsc.ir import Array, Graph, Value
from redsc.runtime.compare import decibels
from redsc.runtime.ports import quantize_samples, to_real

__all__ = ["LayerSQNR", "measure_sqnr"]


@dataclass(frozen=True, slots=True)
class LayerSQNR:
    """One result of the int8 network: who makes it, and its SQNR in dB against the float network."""

    node: str
    op: str
    value: str
    sqnr_db: float
    is_output: bool

    def cells(self) -> list[str]:
        """Return the row of a table: node, op, SQNR."""
        return [self.node + (" (output)" if self.is_output else ""), self.op, f"{self.sqnr_db:.1f}"]


def measure_sqnr(original: Graph, quantized: Graph, samples: Sequence[Sequence[Array]]) -> list[LayerSQNR]:
    """Return a row per result that both networks have under the same name, in the order of the schedule.

    SQNR = 10 log10(sum r^2 / sum (r - q)^2) over all samples, r of the float network and q of the int8 one, both in
    LiteRT's reference kernels. `samples` are those of the float network.

    Raises:
        ExecutorError: LiteRT refuses a network.
    """
    from redsc.runtime.litert import trace

    wanted = {value.name: value for value in original.activations()}
    pairs = [
        (wanted[value.name], value)
        for node in quantized.nodes
        for value in node.outputs
        if value.name in wanted and wanted[value.name].type.shape == value.type.shape
    ]
    signal, noise = np.zeros(len(pairs)), np.zeros(len(pairs))
    references = trace(write_tflite(original), samples, _numbers(original, [pair[0] for pair in pairs]))
    integers = quantize_samples(quantized, samples)
    found = trace(write_tflite(quantized), integers, _numbers(quantized, [pair[1] for pair in pairs]))
    for reference_row, found_row in zip(references, found, strict=True):
        for index, (reference, array) in enumerate(zip(reference_row, found_row, strict=True)):
            real = to_real(array, pairs[index][1].type).astype(np.float64)
            signal[index] += np.square(reference, dtype=np.float64).sum()
            noise[index] += np.square(reference - real).sum()
    outputs = {value.name for value in quantized.outputs}
    return [
        _row(value, decibels(signal[index], noise[index]), value.name in outputs)
        for index, (_, value) in enumerate(pairs)
    ]


def _numbers(graph: Graph, values: Sequence[Value]) -> list[int]:
    """Return the tensor numbers of values."""
    numbers = tensor_numbers(graph)
    return [numbers[value.name] for value in values]


def _row(value: Value, sqnr_db: float, is_output: bool) -> LayerSQNR:
    node = value.producer
    assert node is not None
    return LayerSQNR(node.name, node.op, value.name, sqnr_db, is_output)
