"""A model file: its bytes, what it is, and the graph made of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from redsc.errors import Diagnostic
from redsc.formats.onnx.layout import Layout, file_axes, laid_out, source_layout
from redsc.ir import Array, Graph, Shape, Value

__all__ = ["Feedback", "Model", "Port", "port"]


@dataclass(frozen=True, slots=True)
class Port:
    """A graph input or output as the model file has it; `dtype` is numpy's name of the file's element type.

    Axis i of the graph is axis `axes[i]` of the file, or an axis of size 1 that the file does not have for None.
    """

    name: str
    source_shape: Shape
    axes: Layout
    dtype: str = "float32"

    @property
    def layout(self) -> str:
        """`NHWC` where the graph is channels-last and the file is not, else `source`."""
        return "source" if self.axes == source_layout(len(self.source_shape)) else "NHWC"

    def to_graph(self, data: Array) -> Array:
        """Return data of the file's layout in the graph's layout."""
        return data.transpose(self._moved).reshape(laid_out(self.source_shape, self.axes))

    def to_source(self, data: Array) -> Array:
        """Return data of the graph's layout in the file's layout."""
        moved = data.reshape([self.source_shape[axis] for axis in self._moved])
        return moved.transpose([self._moved.index(axis) for axis in range(len(self._moved))])

    @property
    def _moved(self) -> list[int]:
        return file_axes(self.axes)


def port(value: Value, axes: Layout, dtype: str = "float32") -> Port:
    """Return how the model file has a value of the graph that lies in it as `axes` says."""
    sizes = dict(zip(axes, value.type.shape, strict=True))
    return Port(value.name, tuple(sizes[axis] for axis in range(len(sizes.keys() - {None}))), axes, dtype)


@dataclass(frozen=True, slots=True)
class Feedback:
    """A state by the numbers of an input and an output of the model file, with its shape and type there."""

    input: int
    output: int
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model; `source` are the file's own bytes, `runnable` those for the oracles.

    These have external data inside, and the network of the signature that was chosen in the first place.

    It `is_exact` where the graph computes as the file does, so that equal answers can be asked for. `notes` is what
    the user should know of its translation. `states` are inputs and outputs of the file that the graph has as
    variables: `inputs` and `outputs` are the other ones. `node_names` are those of the file's own nodes, in TFLite
    those of their first results.
    """

    path: Path
    format: str
    source: bytes
    runnable: bytes
    graph: Graph
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    is_exact: bool = True
    notes: tuple[Diagnostic, ...] = ()
    states: tuple[Feedback, ...] = ()
    node_names: frozenset[str] = frozenset()

    @property
    def sha256(self) -> str:
        """Hash of the file."""
        return hashlib.sha256(self.source).hexdigest()
