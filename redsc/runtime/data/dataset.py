"""Samples from the user's data file: read once, checked, in the graph's layout.

docs/data.md has the conventions: key `x` (inputs by name where there are several), `y` for labels, everything in
the MODEL FILE's own layout and range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from redsc.errors import Diagnostic, UsageError
from redsc.formats import Model
from redsc.ir import Array, DType, Quant, Value
from redsc.limits import DEFAULT_LIMITS, Limits
from redsc.runtime.data.archive import read_arrays

__all__ = ["DataSet", "check_finite", "data_warnings", "load_data"]

_HINT = "data files are in the model file's own layout and range"
_FEW = 8
_FOLDS = 5
_MOST_HELD = 1000  # they tell a point of accuracy; more would cost time at every measurement
_SEED = 0
_OUTSIDE = 2.0  # data that reach twice as far as the input's scale are in another range
_INSIDE = 1 / 16  # so are data that use less of it than this


@dataclass(frozen=True, slots=True)
class DataSet:
    """Samples in the graph's layout, one array per graph input each, and labels where the file has them."""

    samples: list[list[Array]]
    labels: Array | None

    def split(self) -> tuple[DataSet, DataSet]:
        """Return the samples to fit with, and those held back to judge by: a fifth, at most a thousand.

        They are drawn at random, always the same, and come in no order: files are sorted by class, or have the
        classes in turn. Fewer than five are both.
        """
        count = len(self.samples)
        if count < _FOLDS:
            return self, self
        order = [int(number) for number in np.random.default_rng(_SEED).permutation(count)]
        held = min(count // _FOLDS, _MOST_HELD)
        return self._take(order[held:]), self._take(order[:held])

    def _take(self, numbers: list[int]) -> DataSet:
        return DataSet(
            [self.samples[number] for number in numbers], None if self.labels is None else self.labels[numbers]
        )


def load_data(path: Path, model: Model, limits: Limits = DEFAULT_LIMITS) -> DataSet:
    """Read an `.npz`: `x` (or one array per input, by its name) in the model file's layout and range, maybe `y`.

    Raises:
        UsageError: the file is no such archive, or its arrays do not fit the model.
    """
    arrays = read_arrays(path, limits)
    keys = ["x"] if len(model.inputs) == 1 else [port.name for port in model.inputs]
    columns = [_column(arrays, key, index, model) for index, key in enumerate(keys)]
    samples = [list(row) for row in zip(*columns, strict=False)]
    if not samples or any(len(column) != len(samples) for column in columns):
        raise UsageError(f"{path} has no samples, or not one per input", code="U207")
    return DataSet(samples, _labels(arrays.get("y"), len(samples), model.graph.outputs[0].type.elements))


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


def _column(arrays: dict[str, Array], key: str, index: int, model: Model) -> list[Array]:
    """Return the samples for one input, in the graph's layout."""
    port, value = model.inputs[index], model.graph.inputs[index]
    if key not in arrays:
        known = ", ".join(sorted(arrays))
        raise UsageError(f"the data file has no array {key!r}", code="U207", hint=f"it has {known or 'none'}")
    array = arrays[key]
    if array.dtype.kind == "f" and port.dtype == "float32":
        array = array.astype(np.float32)
    if array.ndim == 0 or str(array.dtype) != port.dtype or not _is_of_shape(array.shape[1:], port.source_shape):
        raise UsageError(
            f"array {key!r} is {array.dtype}{list(array.shape)}, input {port.name!r} takes "
            f"{port.dtype}{list(port.source_shape)} per sample",
            code="U207",
            hint=_layout_hint(array, port.source_shape),
        )
    _check_range(key, array, value)
    return [np.ascontiguousarray(port.to_graph(sample.reshape(port.source_shape))) for sample in array]


def _is_of_shape(found: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether a sample has the shape of an input; axes of 1 do not count, and one of the two may be flat.

    Anything else of the right size is another layout: its numbers would be read in the wrong order.
    """
    axes, others = _axes(found), _axes(wanted)
    return axes == others or (prod(axes) == prod(others) and min(len(axes), len(others)) <= 1)


def _axes(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]


def _layout_hint(array: Array, wanted: Sequence[int]) -> str:
    """Return the next action: to move the channels where they are only elsewhere, to convert, or where to look."""
    if array.ndim < 3 or _is_of_shape(array.shape[1:], wanted):
        return _HINT
    fitting = [
        f"numpy.moveaxis(x, {source}, {to}) puts the channels where the model file has them"
        for source, to in ((-1, 1), (1, -1))
        if _is_of_shape(np.moveaxis(array, source, to).shape[1:], wanted)
    ]
    return (*fitting, _HINT)[0]


def _check_range(key: str, array: Array, value: Value) -> None:
    """Refuse numbers that are none, and numbers in another range than the model file gives its float input."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UsageError(f"array {key!r} holds NaN or infinity", code="U207")
    quant = _expected(value)
    if quant is None or not array.size:
        return
    low, high = ((step - quant.zero_point) * quant.scale for step in (-128, 127))
    reach, wanted = float(np.abs(array).max()), max(-low, high)
    if reach > _OUTSIDE * wanted or 0 < reach < _INSIDE * wanted:
        raise UsageError(
            f"array {key!r} has numbers from {array.min():g} to {array.max():g}, input {value.name!r} is made for "
            f"{low:g} to {high:g}",
            code="U207",
            hint=_HINT,
        )


def _expected(value: Value) -> Quant | None:
    """Return the quantisation of a float input, its own or that of the QUANTIZE that reads it; None if unknown."""
    if value.type.dtype is not DType.FLOAT32 or value.type.quant is not None:
        return value.type.quant if value.type.dtype is DType.FLOAT32 else None
    results = [use.node.outputs[0].type for use in value.uses if use.node.op == "QUANTIZE"]
    return results[0].quant if results and results[0].dtype is DType.INT8 else None


def check_finite(name: str, numbers: Array) -> None:
    """Check what an activation is on data.

    Raises:
        UsageError: it holds NaN or infinity.
    """
    if not np.isfinite(numbers).all():
        raise UsageError(f"{name!r} becomes infinite or NaN on the data", code="U207", hint=_HINT)


def data_warnings(data: DataSet) -> list[Diagnostic]:
    """Return what makes samples a poor base for ranges and measurements."""
    count = len(data.samples)
    found = []
    if count < _FEW:
        hint = "some hundred samples that look like those on the device are a good number"
        found.append(Diagnostic("L106", f"the data file has {count} samples only", hint=hint))
    for index in range(len(data.samples[0])):
        first = data.samples[0][index]
        if all(np.array_equal(sample[index], first) for sample in data.samples[1:]) and count > 1:
            found.append(Diagnostic("L107", f"all samples of input {index} are equal"))
        elif all(np.ptp(sample[index]) == 0 for sample in data.samples) and first.size > 1:
            found.append(Diagnostic("L107", f"every sample of input {index} is one number repeated"))
    return found
