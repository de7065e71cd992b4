"""A model file: its bytes, what it is, and the graph made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from redsc.errors import MalformedModel, ModelError, UnsupportedError
from redsc.formats.onnx.context import CHANNELS_LAST
from redsc.formats.onnx.reader import read_onnx
from redsc.formats.tflite.reader import read_tflite
from redsc.ir import Array, Graph, Shape, Value
from redsc.limits import DEFAULT_LIMITS, Limits

__all__ = ["Model", "Port", "load_model"]


@dataclass(frozen=True, slots=True)
class Port:
    """A graph input or output as the model file has it. Axis i of the graph is axis `axes[i]` of the file."""

    name: str
    source_shape: Shape
    axes: tuple[int, ...]

    @property
    def layout(self) -> str:
        """`NHWC` where the graph is channels-last and the file is not, else `source`."""
        return "source" if self.axes == tuple(range(len(self.axes))) else "NHWC"

    def to_graph(self, data: Array) -> Array:
        """Return data of the file's layout in the graph's layout."""
        return data.transpose(self.axes)

    def to_source(self, data: Array) -> Array:
        """Return data of the graph's layout in the file's layout."""
        return data.transpose([self.axes.index(axis) for axis in range(len(self.axes))])


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model; `source` are the file's own bytes, for the oracles."""

    path: Path
    format: str
    source: bytes
    graph: Graph
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @property
    def sha256(self) -> str:
        """Hash of the file."""
        return hashlib.sha256(self.source).hexdigest()


def load_model(path: Path | str, limits: Limits = DEFAULT_LIMITS) -> Model:
    """Read an ONNX or TFLite file; the kind is told from its bytes, not from its name.

    Raises:
        ModelError: the file cannot be read or is damaged.
        UnsupportedError: the model has parts that redsc does not translate.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise ModelError(f"{path} is not a file", code="M305")
        if path.stat().st_size > limits.file_bytes:
            raise ModelError(f"{path.name} is larger than {limits.file_bytes:,} B", code="M302")
        source = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}", code="M305") from error
    if source[4:8] == b"TFL3":
        graph, moved = read_tflite(source, limits), frozenset[str]()
        return _model(path, "tflite", source, graph, moved)
    if path.suffix == ".tflite" or not source:
        raise MalformedModel(f"{path.name} is not a TFLite model: the identifier TFL3 is missing")
    graph, moved = read_onnx(source, limits)
    return _model(path, "onnx", source, graph, moved)


def _model(path: Path, kind: str, source: bytes, graph: Graph, moved: frozenset[str]) -> Model:
    problems = list(_nothing_to_run(graph))
    if problems:
        raise UnsupportedError(f"redsc cannot run {path.name}", code="N406", evidence=problems)
    return Model(
        path,
        kind,
        source,
        graph,
        tuple(_port(value, moved) for value in graph.inputs),
        tuple(_port(value, moved) for value in graph.outputs),
    )


def _nothing_to_run(graph: Graph) -> Iterator[str]:
    """Yield why there is no network between inputs and outputs."""
    for what, items in (("inputs", graph.inputs), ("outputs", graph.outputs), ("operators", graph.nodes)):
        if not items:
            yield f"it has no {what}"
    for value in graph.inputs:
        if not value.type.shape:
            yield f"the input {value.name!r} has rank 0"


def _port(value: Value, moved: frozenset[str]) -> Port:
    shape = value.type.shape
    if value.name not in moved:
        return Port(value.name, shape, tuple(range(len(shape))))
    return Port(value.name, tuple(shape[CHANNELS_LAST.index(axis)] for axis in range(4)), CHANNELS_LAST)
