"""Find the channel spaces of a graph.

Walking the schedule once, each op's channel rule says how its axes are tied; what is tied becomes one space by
union-find. A space can be permuted and cut as a whole. What redsc does not understand freezes the spaces it
touches, with a reason; nothing fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from redsc.errors import UsageError, did_you_mean
from redsc.ir import Graph, Node, Value, op_def
from redsc.ir.rules import Barrier, Grouped, Passes, Produces, Reduces, Reshapes, Ties
from redsc.passes.spaces import ChannelGroups, Layout, Segment, Space

__all__ = ["find_channel_groups"]


def find_channel_groups(graph: Graph, freeze: Iterable[str] = ()) -> ChannelGroups:
    """Return the channel spaces of a graph; `freeze` names spaces that must keep their width.

    Raises:
        UsageError: a name in `freeze` is no space.
    """
    finder = _Finder()
    for value in graph.inputs:
        finder.fresh(value, "it is a graph input")
    for node in graph.nodes:
        finder.visit(node)
    for value in graph.outputs:
        finder.freeze(finder.layout(value), "it is a graph output")
    groups = finder.groups()
    wanted = list(freeze)
    names = [space.name for space in groups.spaces]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        hint = did_you_mean(unknown[0], names) or "`redsc levels --spaces` lists the names"
        raise UsageError(f"--freeze {unknown[0]}: there is no such channel space", code="U204", hint=hint)
    spaces = (_frozen_by_hand(space) if space.name in wanted else space for space in groups.spaces)
    return ChannelGroups(tuple(spaces), groups.axes)


def _frozen_by_hand(space: Space) -> Space:
    return Space(space.id, space.name, space.size, space.frozen or "--freeze")


@dataclass(slots=True)
class _Finder:
    """The state of one walk: a union-find over spaces, and layouts that name spaces by their first number."""

    parents: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)
    axes: dict[str, dict[int, Layout]] = field(default_factory=dict)

    def root(self, space: int) -> int:
        while self.parents[space] != space:
            space = self.parents[space]
        return space

    def new_space(self, size: int, name: str, reason: str | None = None) -> Layout:
        self.parents.append(len(self.parents))
        self.sizes.append(size)
        self.names.append(name)
        if reason:
            self.reasons[len(self.parents) - 1] = reason
        return (Segment(len(self.parents) - 1),)

    def layout(self, value: Value) -> Layout:
        return self.axes.get(value.name, {}).get(len(value.type.shape) - 1, ())

    def set_layout(self, value: Value, axis: int, layout: Layout) -> None:
        """Tie an axis to a layout; an axis that has one already is unified with it."""
        known = self.axes.setdefault(value.name, {})
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
        return segment.outer, self.sizes[segment.space], segment.inner

    def length(self, layout: Layout) -> int:
        return sum(prod(self.block(segment)) for segment in layout)

    def visit(self, node: Node) -> None:
        rule = op_def(node.op).channels
        handler = _RULES[type(rule)]
        layout = handler(self, node, rule)
        for output in node.outputs:
            if layout is None or not output.type.shape or self.length(layout) != output.type.shape[-1]:
                self.stop(node, f"{node.op} {node.name!r} changes their number")
                self.fresh(output, f"{node.op} {node.name!r} makes it")
            else:
                self.set_layout(output, len(output.type.shape) - 1, layout)

    def stop(self, node: Node, reason: str) -> None:
        """Freeze everything a node reads."""
        for value in node.present_inputs():
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
            name: {axis: tuple(self.renumber(s, number) for s in layout) for axis, layout in known.items()}
            for name, known in self.axes.items()
        }
        return ChannelGroups(tuple(spaces), axes)

    def renumber(self, segment: Segment, number: Mapping[int, int]) -> Segment:
        return Segment(number[self.root(segment.space)], segment.outer, segment.inner)


def _repeat(layout: Layout, times: int) -> Layout:
    """Return the layout of `times` rows laid side by side."""
    if len(layout) == 1:
        return (Segment(layout[0].space, layout[0].outer * times, layout[0].inner),)
    return layout * times


def _tie_followers(finder: _Finder, node: Node, followers: Iterable[int], layout: Layout) -> None:
    for index in followers:
        if index < len(node.inputs) and node.inputs[index] is not None:
            finder.set_layout(node.operand(index), 0, layout)


def _produces(finder: _Finder, node: Node, rule: Produces) -> Layout | None:
    """New channels along the weight's output axis; its input axis follows the channels that come in."""
    weight, source = node.operand(rule.weight), finder.layout(node.operand(0))
    quant = weight.type.quant
    out = finder.new_space(weight.type.shape[rule.out_axis], node.name)
    depth, channels = weight.type.shape[rule.in_axis], finder.length(source)
    if not weight.is_constant or (quant and quant.is_per_channel and quant.axis != rule.out_axis):
        finder.freeze(out, f"{node.op} {node.name!r} has no constant weight per output channel")
        finder.freeze(source, f"{node.op} {node.name!r} has no constant weight per output channel")
        return out
    if not channels or depth % channels:
        finder.freeze((*source, *out), f"{node.op} {node.name!r} is grouped")
        return out
    finder.set_layout(weight, rule.in_axis, _repeat(source, depth // channels))
    finder.set_layout(weight, rule.out_axis, out)
    _tie_followers(finder, node, rule.followers, out)
    return out


def _grouped(finder: _Finder, node: Node, rule: Grouped) -> Layout | None:
    """Output channel c * m + i belongs to input channel c; weight and bias follow the output."""
    source = finder.layout(node.operand(0))
    if not source:
        return None
    multiplier = node.outputs[0].type.shape[-1] // finder.length(source)
    out = tuple(Segment(s.space, s.outer, s.inner * multiplier) for s in source)
    finder.set_layout(node.operand(rule.weight), rule.axis, out)
    _tie_followers(finder, node, rule.followers, out)
    return out


def _ties(finder: _Finder, node: Node, _rule: Ties) -> Layout | None:
    """Every operand with as many channels as the output has the same channels; a broadcast one has none."""
    channels = node.outputs[0].type.shape[-1] if node.outputs[0].type.shape else 1
    tied: Layout | None = None
    wide = [v for v in node.present_inputs() if v.type.shape and v.type.shape[-1] == channels]
    for value in sorted(wide, key=lambda v: v.is_constant):
        if value.is_constant and tied is not None:
            finder.set_layout(value, len(value.type.shape) - 1, tied)
        elif tied is None:
            tied = finder.layout(value)
        else:
            finder.unify(tied, finder.layout(value), f"{node.op} {node.name!r} joins different blocks")
    for value in node.present_inputs():
        if value not in wide:
            finder.freeze(finder.layout(value), f"{node.op} {node.name!r} broadcasts it")
    return tied


def _passes(finder: _Finder, node: Node, _rule: Passes) -> Layout | None:
    return finder.layout(node.operand(0))


def _reduces(finder: _Finder, node: Node, rule: Reduces) -> Layout | None:
    source, axes = node.operand(0), node.operand(rule.axes).data
    rank = len(source.type.shape)
    reduced = axes is None or any(int(axis) % rank == rank - 1 for axis in axes.reshape(-1))
    return None if reduced else finder.layout(source)


def _reshapes(finder: _Finder, node: Node, _rule: Reshapes) -> Layout | None:
    """Channels stay if the last axis does, or if it is merged with whole axes before it."""
    before, after = node.operand(0).type.shape, node.outputs[0].type.shape
    layout = finder.layout(node.operand(0))
    if not before or not after:
        return None
    for axis in range(len(before) - 1, -1, -1):
        if prod(before[axis:]) == after[-1]:
            return _repeat(layout, after[-1] // before[-1])
    return None


def _barrier(finder: _Finder, node: Node, rule: Barrier) -> Layout | None:
    finder.stop(node, rule.reason)
    return finder.layout(node.operand(0))


_RULES: dict[type[Any], Callable[[_Finder, Node, Any], Layout | None]] = {
    Produces: _produces,
    Grouped: _grouped,
    Ties: _ties,
    Passes: _passes,
    Reduces: _reduces,
    Reshapes: _reshapes,
    Barrier: _barrier,
}
