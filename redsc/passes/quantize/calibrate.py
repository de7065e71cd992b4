"""Choose the int8 scales of activations from observed ranges: the second half of calibration.

The rules are those of https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np

from redsc.ir import Array, DType, Graph, Node, Quant, Value, op_def, state_reads, variable_nodes
from redsc.ir.rules import SameScale
from redsc.passes.quantize.int8 import Role, fixed_quant, role_of, tied_values, why_not_int8
from redsc.passes.quantize.steps import tie_steps
from redsc.runtime.observe.ranges import Range

__all__ = ["affine_quant", "choose_scales"]

_LOW, _HIGH = -128, 127
_LEAST_SPAN = 1e-9  # below it a tensor is taken for constant zero; s_in * s_w then stays a normal float32
_INFINITE = 1e4  # the smallest number that exporters write for infinity, in attention masks; others: 1e9, 3.4e38


def choose_scales(
    graph: Graph,
    ranges: Mapping[str, Range],
    keep_float: Collection[str] = (),
    like: Mapping[str, Quant] | None = None,
) -> dict[str, Quant]:
    """Return the int8 form of every float activation and constant data operand for which one can be told, by name.

    With l <= 0 <= h the range of a group of tied values: scale = (h - l) / 255, zero point = -128 - l / scale.

    1. A value that carries a quantisation keeps it: it is the user's. Where an op copies raw integers, a value
       without one takes that of the neighbour before it.
    2. The output of an op that prescribes its scale has that one; so has the user's, where no reader copies it.
    3. Values whose op copies or compares raw integers are one group with one scale, from the union of their ranges.
    4. A group takes the scale of a member that rule 1 or 2 fixed; of rule 2 only where it holds the range of all.
    5. Constant data operands have the range of their numbers. In a group, numbers that stand for infinity (maximum
       pools are padded with one) saturate, also where a copy shows them: those above 1e4 of which one int8 step
       would hold all that the others were seen to be. So do the bounds of a minimum or maximum beyond its results.
    6. A group in which nobody observed the range of what it reads gets no scale.
    7. With `like`, the scales of the whole network for one of its levels: graph inputs and outputs take theirs from
       it, and rule 4 decides as it did there, so that every level has the same nodes.
    8. Nodes that stay float tie nothing.
    9. A variable is one group: its initial value, what is read and what is assigned. Levels share it, so that with
       `like` its scale is that of the whole network too.
    10. The steps of an unrolled layer have groups in common, as `tie_steps` says.
    """
    chooser = _Chooser(graph, ranges, like)
    chooser.spread(keep_float)
    for node in graph.nodes:
        if why_not_int8(node, keep_float):
            continue
        fixed = fixed_quant(node)
        for output in node.outputs:
            if fixed is not None and output.type.dtype is DType.FLOAT32:
                chooser.prescribed[output] = fixed
        for index, value in enumerate(node.inputs):
            if value is not None and value.is_constant and role_of(node, index) is Role.DATA:
                chooser.add(value)
        tied = tied_values(node)
        chooser.tie(tied)
        chooser.copies.update(output for output in node.outputs if output in tied)
    for read, assign in variable_nodes(graph):
        chooser.tie([value for value in (*read.outputs, *assign.present_inputs()) if _is_float(value)])
    for value in graph.activations():
        chooser.add(value)
    tie_steps([node for node in graph.nodes if not why_not_int8(node, keep_float)], chooser.tie, chooser.root)
    return chooser.scales()


def affine_quant(found: Range) -> Quant:
    """Return the asymmetric int8 quantisation whose 256 steps cover a range and zero."""
    low, high = min(found.low, 0.0), max(found.high, 0.0)
    if high - low < _LEAST_SPAN:
        low, high = 0.0, 1.0
    scale = float(np.float32((high - low) / (_HIGH - _LOW)))
    return Quant.per_tensor(scale, int(np.clip(np.rint(_LOW - low / scale), _LOW, _HIGH)))


def _union(ranges: Sequence[Range]) -> Range | None:
    return reduce(Range.union, ranges) if ranges else None


def _meant(numbers: Array, seen: Range) -> Array:
    """Return the numbers that do not stand for infinity beside a range (rule 5)."""
    span = max(seen.high, 0.0) - min(seen.low, 0.0)
    found: Array = numbers[np.abs(numbers) < max(_INFINITE, (_HIGH - _LOW) * span)]
    return found


def _is_float(value: Value) -> bool:
    return value.type.dtype is DType.FLOAT32


def _has_bounds(node: Node) -> bool:
    rule = op_def(node.op).quant
    return isinstance(rule, SameScale) and rule.bounds


@dataclass(slots=True)
class _Chooser:
    """A union-find over values; `prescribed` are those of rule 2, `copies` what ops with raw integers make."""

    graph: Graph
    ranges: Mapping[str, Range]
    like: Mapping[str, Quant] | None
    parents: dict[Value, Value] = field(default_factory=dict)
    prescribed: dict[Value, Quant] = field(default_factory=dict)
    users: dict[Value, Quant] = field(default_factory=dict)
    copies: set[Value] = field(default_factory=set)

    def spread(self, keep_float: Collection[str]) -> None:
        """Gather what the user chose, and pass it on to what only copies it."""
        self.users = {v: v.type.quant for v in self.graph.values() if _is_float(v) and v.type.quant is not None}
        for node in self.graph.nodes:
            tied = [] if why_not_int8(node, keep_float) else tied_values(node)
            known = next((self.users[value] for value in tied if value in self.users), None)
            if known is not None:
                for value in node.outputs:
                    if value in tied:
                        self.users.setdefault(value, known)

    def add(self, value: Value) -> None:
        if value.type.dtype is DType.FLOAT32:
            self.parents.setdefault(value, value)

    def root(self, value: Value) -> Value:
        while self.parents[value] is not value:
            value = self.parents[value]
        return value

    def tie(self, values: Sequence[Value]) -> None:
        for value in values:
            self.add(value)
            self.parents[self.root(value)] = self.root(values[0])

    def scales(self) -> dict[str, Quant]:
        groups: dict[Value, list[Value]] = {}
        for value in self.parents:
            groups.setdefault(self.root(value), []).append(value)
        return {name: quant for group in groups.values() for name, quant in self.group_scales(group).items()}

    def group_scales(self, group: list[Value]) -> dict[str, Quant]:
        own = {value: self.users.get(value) or self.prescribed.get(value) for value in group}
        if len(group) == 1:
            own |= {value: self.prescribed[value] for value in group if value in self.prescribed}
        rest = self.common(group)
        return {value.name: quant for value in group if (quant := own[value] or rest) is not None}

    def common(self, group: list[Value]) -> Quant | None:
        """Return the scale for the members that have none of their own."""
        users = [self.users[value] for value in group if value in self.users]
        if users:
            return users[0]
        if self.like is not None:
            kept = (node.outputs[0] for node in state_reads(self.graph))
            ports = (*self.graph.inputs, *self.graph.outputs, *kept)
            pinned = [self.like[v.name] for v in group if v.name in self.like and any(v is port for port in ports)]
            if pinned:
                return pinned[0]
        found = self.range(group)
        for quant in dict.fromkeys(self.prescribed[value] for value in group if value in self.prescribed):
            if self.holds(quant, group, found):
                return quant
        return None if found is None else affine_quant(found)

    def range(self, group: list[Value]) -> Range | None:
        """Return the range that a group must hold, None where that of a member is unknown."""
        made = [value for value in group if value.data is None and value not in self.copies]
        if any(value.name not in self.ranges for value in made):
            return None
        seen = _union([self.ranges[value.name] for value in made])
        numbers = [self.effective(value) for value in group if value.data is not None]
        if seen is not None:
            copies = [
                self.ranges[value.name] for value in group if value in self.copies and value.name in self.ranges
            ]
            numbers += [np.array([copy.low, copy.high]) for copy in copies]
            numbers = [_meant(found, seen) for found in numbers]
        return _union([*([seen] if seen else []), *(Range.of(found) for found in numbers if found.size)])

    def effective(self, constant: Value) -> Array:
        """Return the numbers of a constant; bounds only as far as the results that were observed reach them."""
        assert constant.data is not None
        readers = [use.node for use in constant.uses]
        seen = [self.ranges.get(node.outputs[0].name) for node in readers]
        found = _union([item for item in seen if item is not None])
        if found is None or not all(_has_bounds(node) for node in readers):
            return constant.data
        return constant.data.clip(found.low, found.high)

    def holds(self, quant: Quant, group: list[Value], found: Range | None) -> bool:
        """Whether a group may have a prescribed scale: its range fits, but for the last step."""
        if self.like is not None:
            return all(self.like.get(value.name) == quant for value in group if value not in self.prescribed)
        if found is None:
            return False
        low, high = (step - quant.zero_point for step in (_LOW - 1, _HIGH + 1))
        return low * quant.scale <= found.low and found.high <= high * quant.scale
