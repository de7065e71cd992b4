"""What the handlers of `ONNX_OPS` see while a graph is translated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from redsc.ir import Array, GraphBuilder, Shape, Value

__all__ = ["CHANNELS_LAST", "OnnxContext"]

CHANNELS_LAST = (0, 2, 3, 1)


@dataclass(slots=True)
class OnnxContext:
    """Shapes, constants, layouts and the graph under construction; all but `values` keyed by ONNX names."""

    proto: Any
    shapes: dict[str, Shape]
    constants: dict[str, Array]
    channels_last: frozenset[str] = frozenset()
    builder: GraphBuilder = field(default_factory=GraphBuilder)
    values: dict[str, Value] = field(default_factory=dict)

    def graph_shape(self, name: str) -> Shape:
        """Return the shape of a tensor in the graph's layout."""
        shape = self.shapes[name]
        return tuple(shape[axis] for axis in CHANNELS_LAST) if name in self.channels_last else shape

    def axis(self, name: str, axis: int) -> int:
        """Return where an axis of the ONNX tensor lies in the graph."""
        axis %= len(self.shapes[name])
        return CHANNELS_LAST.index(axis) if name in self.channels_last else axis

    def is_image(self, name: str) -> bool:
        """Whether a tensor is an activation of rank 4."""
        return name not in self.constants and len(self.shapes.get(name, ())) == len(CHANNELS_LAST)
