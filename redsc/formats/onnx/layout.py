"""In which order the graph keeps the axes of each ONNX tensor.

Layouts are assigned, not transposed and cancelled. A `Layout` lists, for each axis of the tensor in the graph,
which axis of the ONNX tensor it is, or None for an axis of size 1 that ONNX does not have: an image of N, C, H, W
is kept as (0, 2, 3, 1), a sequence of N, C, L as (0, None, 2, 1): 1-D convolutions are 2-D ones of height 1.

Tensors of one rank that layout-free operators connect form a component with one layout:

1. Channels last, if a spatial operator (convolution, pool, resize) reads or makes one of them.
2. Else as in the file, if a graph input or output is among them.
3. Else the one in which the operator that makes the first of them moves no element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from redsc.formats.onnx.nodes import OnnxModel, OnnxNode
from redsc.ir import Shape

__all__ = ["Kind", "Layout", "Layouts", "file_axes", "laid_out", "natural_layout", "source_layout"]

Layout = tuple[int | None, ...]

_CHANNELS_LAST: dict[int, Layout] = {3: (0, None, 2, 1), 4: (0, 2, 3, 1)}  # by rank


class Kind(Enum):
    """What an op does to layouts."""

    SPATIAL = "works on channels-last images"
    FREE = "works in any layout, the same for inputs and outputs"
    RELAYOUT = "input and output layouts are unrelated"


def source_layout(rank: int) -> Layout:
    """Return the layout of the file."""
    return tuple(range(rank))


def file_axes(layout: Iterable[int | None]) -> list[int]:
    """Return the axes of the file in the order in which a layout has them."""
    return [axis for axis in layout if axis is not None]


def laid_out(shape: Shape, layout: Layout) -> Shape:
    """Return the shape that a tensor has in a layout."""
    return tuple(1 if axis is None else shape[axis] for axis in layout)


def natural_layout(moved: Iterable[int | None], rank: int) -> Layout:
    """Return the layout of `rank` axes in which the axes of a memory order `moved` stay in place; others lead."""
    placed = file_axes(moved)
    return (*(axis for axis in range(rank) if axis not in placed), *placed)


@dataclass(slots=True)
class Layouts:
    """The components of a model's tensors, and the layout of each as far as it is decided."""

    model: OnnxModel
    parents: dict[str, str] = field(default_factory=dict)
    decided: dict[str, Layout] = field(default_factory=dict)

    @staticmethod
    def assign(model: OnnxModel, kind: Callable[[OnnxNode], Kind]) -> Layouts:
        """Return the layouts that rules 1 and 2 decide."""
        layouts = Layouts(model)
        spatial: list[str] = []
        for node in model.nodes:
            if kind(node) is not Kind.RELAYOUT:
                layouts._join(node, [*node.inputs, *node.outputs])
            if kind(node) is Kind.SPATIAL:
                spatial += [name for name in (node.input(0), node.output) if name not in model.constants]
        for name in spatial:
            rank = len(model.shapes[name])
            layouts.decide(name, _CHANNELS_LAST.get(rank, source_layout(rank)))
        for name in (*model.inputs, *model.outputs):
            layouts.decide(name, source_layout(len(model.shapes[name])))
        return layouts

    def decide(self, name: str, layout: Layout) -> None:
        """Give the component of a tensor a layout, unless it has one."""
        self.decided.setdefault(self._root(name), layout)

    def is_decided(self, name: str) -> bool:
        """Whether the tensor has a layout."""
        return self._root(name) in self.decided

    def __getitem__(self, name: str) -> Layout:
        """Return the layout of a tensor; an undecided one is as in the file from now on."""
        self.decide(name, source_layout(len(self.model.shapes[name])))
        return self.decided[self._root(name)]

    def _root(self, name: str) -> str:
        while (parent := self.parents.get(name, name)) != name:
            self.parents[name] = self.parents.get(parent, parent)
            name = self.parents[name]
        return name

    def _join(self, node: OnnxNode, names: Iterable[str]) -> None:
        """Connect the activations of a node that have the rank of its output."""
        rank = len(self.model.shapes[node.output])
        data = [
            n for n in names if n and n not in self.model.constants and len(self.model.shapes.get(n, ())) == rank
        ]
        for name in data[1:]:
            self.parents[self._root(name)] = self._root(data[0])
