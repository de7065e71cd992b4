"""The state of the walk that finds channel spaces: who is tied to whom, and what must stay as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from redsc.ir import Node, Value
from redsc.passes.spaces import ChannelGroups, Layout, Segment, Space

__all__ = ["Finder"]


@dataclass(slots=True)
class Finder:
    """The state of one walk: a union-find over spaces, and layouts that name spaces by their first number."""

    parents: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)
    axes: dict[str, dict[int, Layout]] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)

    def root(self, space: int) -> int:
        """Return the first number of a space."""
        while self.parents[space] != space:
            space = self.parents[space]
        return space

    def new_space(self, size: int, name: str, reason: str | None = None) -> Layout:
        """Make a space; a reason freezes it."""
        self.parents.append(len(self.parents))
        self.sizes.append(size)
        self.names.append(name)
        if reason:
            self.reasons[len(self.parents) - 1] = reason
        return (Segment(len(self.parents) - 1),)

    def layout(self, value: Value) -> Layout:
        """Return the layout of the channel axis, () where there is none."""
        return self.axes.get(value.name, {}).get(len(value.type.shape) - 1, ())

    def set_layout(self, value: Value, axis: int, layout: Layout) -> None:
        """Tie an axis to a layout; an axis that has one already is unified with it."""
        known = self.axes.setdefault(value.name, {})
        if value.name in self.stopped:
            self.freeze(layout, self.stopped[value.name])
        if axis in known:
            self.unify(known[axis], layout, f"{value.name!r} is shared by layers that differ")
        else:
            known[axis] = layout

    def fresh(self, value: Value, reason: str) -> None:
        """Give a value channels of its own that stay as they are."""
        if value.type.shape:
            self.set_layout(
                value, len(value.type.shape) - 1, self.new_space(value.type.shape[-1], value.name, reason)
            )

    def freeze(self, layout: Layout, reason: str) -> None:
        """Keep the spaces of a layout as they are; the first reason stays."""
        for segment in layout:
            self.reasons.setdefault(self.root(segment.space), reason)

    def unify(self, a: Layout, b: Layout, reason: str) -> None:
        """Make two layouts one; if their blocks differ, freeze both."""
        if [self.block(segment) for segment in a] != [self.block(segment) for segment in b]:
            self.freeze((*a, *b), reason)
            return
        for left, right in zip(a, b, strict=True):
            first, second = sorted((self.root(left.space), self.root(right.space)))
            self.parents[second] = first
            if second in self.reasons:
                self.reasons.setdefault(first, self.reasons[second])

    def block(self, segment: Segment) -> tuple[int, int, int]:
        """Return how a segment is made up, whatever its space."""
        return segment.outer, self.sizes[segment.space], segment.inner

    def length(self, layout: Layout) -> int:
        """Return the size of the axis that a layout describes."""
        return sum(prod(self.block(segment)) for segment in layout)

    def stop(self, node: Node, reason: str) -> None:
        """Freeze everything a node reads, also what a later node ties to it."""
        for value in node.present_inputs():
            self.stopped.setdefault(value.name, reason)
            for layout in self.axes.get(value.name, {}).values():
                self.freeze(layout, reason)

    def groups(self) -> ChannelGroups:
        """Number the spaces anew, in the order of first appearance, with unique names."""
        roots = sorted({self.root(space) for space in range(len(self.parents))})
        number = {root: index for index, root in enumerate(roots)}
        taken: dict[str, int] = {}
        spaces = []
        for root in roots:
            name, count = self.names[root], taken.get(self.names[root], 0) + 1
            taken[name] = count
            unique = name if count == 1 else f"{name}#{count}"
            spaces.append(Space(number[root], unique, self.sizes[root], self.reasons.get(root)))
        axes = {
            name: {axis: tuple(_renumber(self, s, number) for s in layout) for axis, layout in known.items()}
            for name, known in self.axes.items()
        }
        return ChannelGroups(tuple(spaces), axes)


def _renumber(finder: Finder, segment: Segment, number: Mapping[int, int]) -> Segment:
    return Segment(number[finder.root(segment.space)], segment.outer, segment.inner)
