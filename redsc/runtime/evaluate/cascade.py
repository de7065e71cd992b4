"""A cascade of levels: run a small one, go on to a larger one while its margin is below a fitted threshold.

The margin is the largest element of the int8 output minus the second largest, an integer from 0 to 255. Each level
has a threshold of its own, so no scale is needed on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from redsc.formats import write_tflite
from redsc.ir import Array, DType, Graph
from redsc.runtime.data.dataset import DataSet
from redsc.runtime.data.view import WHOLE, View
from redsc.runtime.evaluate.cascade_search import Step, find_steps
from redsc.runtime.evaluate.quality import wilson_interval
from redsc.runtime.executor import EXECUTORS
from redsc.runtime.ports import quantize_samples

__all__ = [
    "MOST_LOST",
    "Answers",
    "Cascade",
    "Measured",
    "fit_cascade",
    "has_margin",
    "least_samples",
    "read_answers",
]

MOST_LOST = Fraction(1, 200)
"""The share of right answers that a cascade may lose against the largest level."""

_MOST_SAMPLES = 1000  # they tell a point of accuracy; each is run in every level
_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What every level says about samples, both [levels, samples], the largest level first.

    `margins` are integers from 0 to 255. `hits` say whether the level takes the class of the label, which makes the
    metric `accuracy`; without labels that of the largest level, which makes it `agreement`.
    """

    margins: Array
    hits: Array
    metric: str

    @property
    def samples(self) -> int:
        """How many samples."""
        return int(self.hits.shape[1])


@dataclass(frozen=True, slots=True)
class Measured:
    """A cascade on samples: the fraction that is right, its 95 % interval, and `loss` against the largest level.

    `shares` are the fractions of the samples that each step answers; `macs` those of one inference, on average.
    """

    metric: str
    value: float
    interval: tuple[float, float]
    loss: float
    macs: int
    shares: tuple[float, ...]
    samples: int


@dataclass(frozen=True, slots=True)
class Cascade:
    """Which levels run, in order, fitted on so many samples and measured on others."""

    steps: tuple[Step, ...]
    fitted_on: int
    measured: Measured


def has_margin(graph: Graph) -> bool:
    """Whether the first output is int8 and has two elements or more, which are taken for classes."""
    kind = graph.outputs[0].type
    return kind.dtype is DType.INT8 and kind.elements > 1


def least_samples(most_lost: Fraction = MOST_LOST) -> int:
    """Return how many samples it takes to fit a cascade that loses no more than this share."""
    return int(-(-1 // most_lost)) - 1


def read_answers(graphs: Sequence[Graph], data: DataSet, views: Sequence[View] = ()) -> Answers:
    """Run every level on samples, at most a thousand drawn at random, in LiteRT's reference kernels.

    Args:
        graphs: the levels, the largest first; their outputs have margins (`has_margin`).
        data: samples in the layout of the graphs' inputs; floats are quantised for int8 inputs.
        views: what each level sees of an image, without them all of it.

    Raises:
        ExecutorError: LiteRT refuses a level.
    """
    drawn = np.random.default_rng(_SEED).permutation(len(data.samples))[:_MOST_SAMPLES]
    samples, labels = (
        [data.samples[number] for number in drawn],
        None if data.labels is None else data.labels[drawn],
    )
    seen = (view.of_rows(samples) for view in views or [WHOLE] * len(graphs))
    outputs = np.stack([_first_outputs(*pair) for pair in zip(graphs, seen, strict=True)])
    classes = outputs.argmax(axis=2)
    highest = np.sort(outputs, axis=2)[:, :, -2:]
    wanted, metric = (classes[0], "agreement") if labels is None else (labels, "accuracy")
    return Answers(highest[:, :, 1] - highest[:, :, 0], classes == wanted, metric)


def _first_outputs(graph: Graph, samples: Sequence[Sequence[Array]]) -> Array:
    """Return the first outputs as [samples, elements]."""
    rows = EXECUTORS["litert"].run(write_tflite(graph), quantize_samples(graph, samples))
    return np.stack([row[0].ravel() for row in rows]).astype(np.int64)


def fit_cascade(
    calibration: Answers, held: Answers, macs: Sequence[int], most_lost: Fraction = MOST_LOST
) -> Cascade | None:
    """Return the cascade with the least MACs on average, None where nothing is cheaper than the largest level.

    On n calibration samples it may lose so many right answers against the largest level that
    (lost + 1) / (n + 1) <= most_lost: the expected share on new samples is then bounded as well, for one threshold
    (Angelopoulos, Bates, Fisch, Lei and Schuster, "Conformal risk control", ICLR 2024). Too few samples give None.

    Args:
        calibration: what the thresholds are fitted to.
        held: what the cascade is measured on.
        macs: of one inference, by level.
        most_lost: the share of right answers that may be lost.
    """
    allowed = most_lost * (calibration.samples + 1) - 1
    if allowed < 0:
        return None
    least_hits = int(calibration.hits[0].sum()) - int(allowed)
    steps = find_steps(calibration.margins, calibration.hits, macs, least_hits)
    if steps == (Step(0),):
        return None
    return Cascade(steps, calibration.samples, _measure(steps, held, macs))


def _measure(steps: Sequence[Step], answers: Answers, macs: Sequence[int]) -> Measured:
    """Walk through a cascade with all samples at once."""
    count = answers.samples
    rows, cost, hits = np.arange(count), 0, 0
    shares = []
    for step in steps:
        cost += macs[step.slot] * len(rows)
        stays = answers.margins[step.slot, rows] >= step.threshold
        hits += int(answers.hits[step.slot, rows[stays]].sum())
        shares.append(round(int(stays.sum()) / count, 6))
        rows = rows[~stays]
    low, high = wilson_interval(hits, count)
    return Measured(
        metric=answers.metric,
        value=round(hits / count, 6),
        interval=(round(low, 6), round(high, 6)),
        loss=round((int(answers.hits[0].sum()) - hits) / count, 6),
        macs=round(cost / count),
        shares=tuple(shares),
        samples=count,
    )
