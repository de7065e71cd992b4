"""How good a network is on data: accuracy against labels, else how well it agrees with the model file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, sqrt

import numpy as np

from redsc.formats import write_tflite
from redsc.ir import Array, Graph
from redsc.runtime.compare import signal_to_noise_db
from redsc.runtime.data.dataset import DataSet
from redsc.runtime.data.view import WHOLE, View
from redsc.runtime.evaluate.divergence import Judge
from redsc.runtime.evaluate.task import Task, find_task
from redsc.runtime.executor import interpreter_of
from redsc.runtime.ports import dequantize_rows, quantize_samples

__all__ = ["Quality", "measure_levels", "wilson_interval"]

_Z95 = 1.959963984540054  # the normal distribution has 95 % of its mass within so many deviations
_LEAST_DB = -300.0  # stands for minus infinity, which JSON does not know


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of one level.

    Attributes:
        metric: `accuracy` (the fraction of labels that it hits), `agreement` (the fraction of samples in which it
            takes the class that the original takes) or `sqnr_db`.
        value: the figure; None for an SQNR of outputs that are all equal.
        samples: how many.
        interval: the 95 % confidence interval of a fraction.
        sqnr_db: signal to noise of all outputs against the original's, in dB; None where they are equal.
        loss: what it loses against the original on the same samples: accuracy or agreement, as a fraction; of a
            regression the share of the variance that it does not explain, None where it misses a constant.
        divergence: how far its answers are from the original's (`Judge.divergence`): of a classifier in nats, of a
            regression the same as `loss`.
    """

    metric: str
    value: float | None
    samples: int
    interval: tuple[float, float] | None = None
    sqnr_db: float | None = None
    loss: float | None = None
    divergence: float | None = None

    @property
    def margin(self) -> float | None:
        """Half of the interval."""
        return None if self.interval is None else (self.interval[1] - self.interval[0]) / 2


def measure_levels(
    original: Graph, levels: Sequence[Graph], data: DataSet, views: Sequence[View] = ()
) -> list[Quality]:
    """Return the quality of every level, in LiteRT's reference kernels; with state, samples are steps.

    `views` are what each level sees of an image, without them all of it.

    Raises:
        ExecutorError: LiteRT refuses a network.
    """
    task = find_task(original, data.labels is not None)
    whole = _real_outputs(original, data)
    seen = (view.of_data(data) for view in views or [WHOLE] * len(levels))
    found = (_real_outputs(*pair) for pair in zip(levels, seen, strict=True))
    judge = Judge.of_outputs(original, whole, task)
    measure = _regression if task is Task.REGRESS else _classification
    return [measure(judge, whole, rows, data.labels) for rows in found]


def wilson_interval(hits: int, count: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a fraction hits / count.

    The score interval of E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927): all p with |hits / count - p| <= z sqrt(p (1 - p) / count). It holds for few samples and near 1.
    """
    fraction, weight = hits / count, _Z95**2 / count
    middle = (fraction + weight / 2) / (1 + weight)
    half = sqrt(fraction * (1 - fraction) * weight + weight**2 / 4) / (1 + weight)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _classification(
    judge: Judge, whole: list[list[Array]], found: list[list[Array]], labels: Array | None
) -> Quality:
    original, classes = _classes(whole), _classes(found)
    wanted, metric = (original, "agreement") if labels is None else (labels, "accuracy")
    hits, count = int(np.sum(classes == wanted)), len(classes)
    low, high = wilson_interval(hits, count)
    loss = (int(np.sum(original == wanted)) - hits) / count
    return Quality(
        metric,
        round(hits / count, 6),
        count,
        (round(low, 6), round(high, 6)),
        _decibels(whole, found),
        round(loss, 6),
        _divergence(judge, found),
    )


def _regression(judge: Judge, whole: list[list[Array]], found: list[list[Array]], _labels: Array | None) -> Quality:
    noise, loss = _decibels(whole, found), _divergence(judge, found)
    return Quality("sqnr_db", noise, len(whole), None, noise, loss, loss)


def _divergence(judge: Judge, found: list[list[Array]]) -> float | None:
    value = judge.divergence(found)
    return round(value, 6) if isfinite(value) else None


def _decibels(whole: list[list[Array]], found: list[list[Array]]) -> float | None:
    value = signal_to_noise_db(whole, found)
    return None if value == inf else round(max(_LEAST_DB, value), 2)


def _real_outputs(graph: Graph, data: DataSet) -> list[list[Array]]:
    """Return a row of real outputs per sample; a graph with int8 inputs gets them quantised."""
    model = write_tflite(graph)
    rows = interpreter_of(model).run_steps(model, quantize_samples(graph, data.samples))
    return dequantize_rows(graph, rows)


def _classes(rows: list[list[Array]]) -> Array:
    """Return the index of the largest element of the first output for every sample."""
    return np.array([int(np.argmax(row[0])) for row in rows])
