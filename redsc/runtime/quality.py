"""How good a network is on data: accuracy against labels, or agreement with the model file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from redsc.errors import UsageError
from redsc.formats import Model, write_tflite
from redsc.ir import Array, Graph
from redsc.runtime.executor import EXECUTORS

__all__ = ["DataSet", "Quality", "load_data", "measure_levels"]


@dataclass(frozen=True, slots=True)
class DataSet:
    """Samples in the graph's layout, one array per graph input each, and labels where the file has them."""

    samples: list[list[Array]]
    labels: Array | None


@dataclass(frozen=True, slots=True)
class Quality:
    """A measured fraction: `accuracy` or `agreement`."""

    metric: str
    value: float
    samples: int


def load_data(path: Path, model: Model) -> DataSet:
    """Read an `.npz`: `x` (or one array per input, by its name) in the model file's layout and range, maybe `y`.

    Raises:
        UsageError: the file is no such archive, or its arrays do not fit the model.
    """
    arrays = _read_arrays(path)
    keys = ["x"] if len(model.inputs) == 1 else [port.name for port in model.inputs]
    columns = [_column(arrays, key, index, model) for index, key in enumerate(keys)]
    samples = [list(row) for row in zip(*columns, strict=False)]
    if not samples or any(len(column) != len(samples) for column in columns):
        raise UsageError(f"{path} has no samples, or not one per input", code="U207")
    return DataSet(samples, _labels(arrays.get("y"), len(samples), model.graph.outputs[0].type.elements))


def _read_arrays(path: Path) -> dict[str, Array]:
    hint = "numpy.savez(path, x=samples, y=labels) writes one"
    try:
        archive = np.load(path, allow_pickle=False)
        arrays = {name: archive[name] for name in getattr(archive, "files", ())}
    except Exception as error:  # numpy, zipfile and zlib raise families of their own on damaged files
        reason = getattr(error, "strerror", None) or "it is no .npz of plain arrays"
        raise UsageError(f"cannot read the data file {path}: {reason}", code="U207", hint=hint) from error
    if not arrays:
        raise UsageError(f"{path} is no archive of named arrays", code="U207", hint=hint)
    return arrays


def _labels(labels: Array | None, count: int, classes: int) -> Array | None:
    """Check labels: one class number per sample."""
    if labels is None:
        return None
    found = f"array 'y' is {labels.dtype}{list(labels.shape)}"
    if labels.shape != (count,) or labels.dtype.kind not in "iuf":
        raise UsageError(f"{found}, it needs one class number for each of {count} samples", code="U207")
    if not np.isin(labels, np.arange(classes)).all():
        raise UsageError(f"{found}, its numbers must be classes from 0 to {classes - 1}", code="U207")
    return labels


def measure_levels(original: Graph, levels: Sequence[Graph], data: DataSet) -> list[Quality]:
    """Return the quality of every level: accuracy where there are labels, else agreement with the original."""
    metric = "agreement" if data.labels is None else "accuracy"
    wanted = _classes(original, data) if data.labels is None else data.labels
    return [
        Quality(metric, round(float(np.mean(_classes(graph, data) == wanted)), 6), len(data.samples))
        for graph in levels
    ]


def _classes(graph: Graph, data: DataSet) -> Array:
    """Return the index of the largest output for every sample."""
    rows = EXECUTORS["litert"].run(write_tflite(graph), data.samples)
    return np.array([int(np.argmax(row[0])) for row in rows])


def _column(arrays: dict[str, Array], key: str, index: int, model: Model) -> list[Array]:
    """Return the samples for one input, in the graph's layout."""
    port, kind = model.inputs[index], model.graph.inputs[index].type
    if key not in arrays:
        known = ", ".join(sorted(arrays))
        raise UsageError(f"the data file has no array {key!r}", code="U207", hint=f"it has {known or 'none'}")
    array = arrays[key]
    if array.ndim == 0 or array.dtype != kind.dtype.numpy or prod(array.shape[1:]) != kind.elements:
        raise UsageError(
            f"array {key!r} is {array.dtype}{list(array.shape)}, input {port.name!r} takes "
            f"{kind.dtype.numpy}{list(port.source_shape)} per sample",
            code="U207",
            hint="data files are in the model file's own layout and range",
        )
    return [np.ascontiguousarray(port.to_graph(sample.reshape(port.source_shape))) for sample in array]
