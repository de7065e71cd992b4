"""How far the answers of a cut network are from those of the whole one: what sensitivity and guards measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log

import numpy as np

from redsc.formats import write_tflite
from redsc.ir import Array, DType, Graph
from redsc.runtime.evaluate.task import Task, output_op
from redsc.runtime.ports import dequantize_rows, quantize_samples

__all__ = ["Judge", "unexplained_variance"]

_LEAST_LIKELY = 1e-4  # below it nobody cares by how much a class is unlikely
_LEAST_PROBABILITY = 1e-7  # int8 has steps of 1/256: a zero must not cost an infinity

Rows = Sequence[Sequence[Array]]


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """The answers of the whole network on samples, to compare others with.

    `expected` has an array [samples, elements] per output; of a classifier one, with the logarithms of its
    probabilities. `ending` is the op that makes the output.
    """

    task: Task
    ending: str | None
    expected: tuple[Array, ...]
    labels: Array | None = None

    @staticmethod
    def of(graph: Graph, samples: Rows, task: Task, labels: Array | None = None) -> Judge:
        """Return the judge that a network is on samples: in LiteRT's reference kernels, or its faster float ones.

        Args:
            graph: the whole network, float or int8.
            samples: one array per graph input each; floats are quantised for an int8 input.
            task: what the outputs mean.
            labels: one class number per sample, of a classifier.

        Raises:
            ExecutorError: LiteRT refuses the network.
        """
        from redsc.runtime.litert import run

        is_float = all(value.type.dtype is DType.FLOAT32 for value in graph.activations())
        rows = run(write_tflite(graph), quantize_samples(graph, samples), optimized=is_float)
        return Judge.of_outputs(graph, dequantize_rows(graph, rows), task, labels)

    @staticmethod
    def of_outputs(graph: Graph, outputs: Rows, task: Task, labels: Array | None = None) -> Judge:
        """Return the judge whose network gave these outputs: one row per sample, real numbers."""
        ending = output_op(graph)
        if task is Task.REGRESS:
            return Judge(task, ending, tuple(_column(outputs, index) for index in range(len(graph.outputs))))
        return Judge(task, ending, (_log_probabilities(_column(outputs, 0), ending),), labels)

    def divergence(self, outputs: Rows) -> float:
        """Return the mean of `each`: how far outputs are from those of the whole network."""
        return float(self.each(outputs).mean())

    def each(self, outputs: Rows) -> Array:
        """Return how far the outputs for every sample are from those of the whole network [samples].

        A classifier: KL(p || q) = sum p log(p / q) in nats, p the whole network's probabilities, q those of the
        outputs, both at temperature 1 and not below 1e-7. Else the squared error as a share of the variance over
        all samples, the mean over all outputs; infinite where an output is a constant and is missed.
        """
        if self.task is Task.REGRESS:
            pairs = ((wanted, _column(outputs, index)) for index, wanted in enumerate(self.expected))
            result: Array = np.mean([unexplained_variance(wanted, found) for wanted, found in pairs], axis=0)
            return result
        (wanted,) = self.expected
        found = _log_probabilities(_column(outputs, 0), self.ending)
        divergences: Array = (np.exp(wanted) * (wanted - found)).sum(axis=1)
        return divergences

    def error(self, outputs: Rows) -> float:
        """Return the squared error of outputs as a share of their variance: what independent cuts add up to.

        A classifier's numbers are the logarithms of its probabilities, those below 1e-4 as 1e-4, about their mean:
        a divergence saturates where a cut alone is already bad, errors add. Else the divergence.
        """
        if self.task is Task.REGRESS:
            return self.divergence(outputs)
        wanted = _centred(self.expected[0])
        found = _centred(_log_probabilities(_column(outputs, 0), self.ending))
        return float(unexplained_variance(wanted, found).mean())

    def expected_loss(self, outputs: Rows) -> float:
        """Return what outputs lose.

        A classifier: accuracy, counted on the labels, which may be negative; without labels as the whole network
        expects it: the mean of p[its class] - p[the class of the outputs]. Else the divergence.
        """
        if self.task is Task.REGRESS:
            return self.divergence(outputs)
        (wanted,) = self.expected
        found = _column(outputs, 0).argmax(axis=1)
        if self.labels is not None:
            return float(np.mean(wanted.argmax(axis=1) == self.labels) - np.mean(found == self.labels))
        return float(np.exp(wanted).max(axis=1).mean() - np.exp(wanted[np.arange(len(found)), found]).mean())


def unexplained_variance(expected: Array, found: Array) -> Array:
    """Return, per sample, mean (e - f)^2 / variance of e over all elements: the mean is 1 - R^2.

    Infinite where a constant is missed.
    """
    errors, variance = np.square(expected - found).mean(axis=1), float(expected.var())
    result: Array = np.where(errors == 0, 0.0, errors / variance if variance > 0 else inf)
    return result


def _column(rows: Rows, index: int) -> Array:
    """Return output `index` of all samples as [samples, elements], in float64."""
    return np.stack([np.asarray(row[index], np.float64).reshape(-1) for row in rows])


def _log_probabilities(outputs: Array, ending: str | None) -> Array:
    """Return the logarithms of the probabilities [samples, classes] that outputs stand for; others are logits."""
    logits = np.log(np.maximum(outputs, _LEAST_PROBABILITY)) if ending == "SOFTMAX" else outputs
    return _normalised(np.maximum(_normalised(logits), log(_LEAST_PROBABILITY)))


def _centred(logarithms: Array) -> Array:
    above = np.maximum(logarithms, log(_LEAST_LIKELY))
    result: Array = above - above.mean(axis=1, keepdims=True)
    return result


def _normalised(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
