"""How good a network is on data: accuracy against labels, or agreement with the model file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from redsc.formats import write_tflite
from redsc.ir import Array, Graph
from redsc.runtime.dataset import DataSet
from redsc.runtime.executor import EXECUTORS
from redsc.runtime.ports import quantize_samples

__all__ = ["Quality", "measure_levels"]


@dataclass(frozen=True, slots=True)
class Quality:
    """A measured fraction: `accuracy` or `agreement`."""

    metric: str
    value: float
    samples: int


def measure_levels(original: Graph, levels: Sequence[Graph], data: DataSet) -> list[Quality]:
    """Return the quality of every level: accuracy where there are labels, else agreement with the original."""
    metric = "agreement" if data.labels is None else "accuracy"
    wanted = _classes(original, data) if data.labels is None else data.labels
    return [
        Quality(metric, round(float(np.mean(_classes(graph, data) == wanted)), 6), len(data.samples))
        for graph in levels
    ]


def _classes(graph: Graph, data: DataSet) -> Array:
    """Return the index of the largest output for every sample; a graph with int8 inputs gets them quantised."""
    rows = EXECUTORS["litert"].run(write_tflite(graph), quantize_samples(graph, data.samples))
    return np.array([int(np.argmax(row[0])) for row in rows])
