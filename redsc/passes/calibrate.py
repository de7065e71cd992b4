"""Choose the int8 scales of activations from observed ranges: the second half of calibration.

The rules are those of https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from redsc.ir import DType, Graph, Quant, Value, op_def
from redsc.ir.rules import SameScale
from redsc.passes.int8 import Role, fixed_quant, role_of, tied_values, why_not_int8
from redsc.runtime.ranges import Range

__all__ = ["affine_quant", "choose_scales"]

_LOW, _HIGH = -128, 127
_LEAST_SPAN = 1e-9  # below it a tensor is taken for constant zero; s_in * s_w then stays a normal float32


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
    5. Constant data operands have the range of their numbers. Bounds do not count, nor does the lowest or highest
       float as padding, and what is padded with it.
    6. A group with a member whose range nobody observed gets no scale.
    7. With `like`, the scales of the whole network for one of its levels: graph inputs and outputs take theirs from
       it, and rule 4 decides as it did there, so that every level has the same nodes.
    8. Nodes that stay float tie nothing.
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
        chooser.tie(tied_values(node))
    for value in graph.activations():
        chooser.add(value)
    return chooser.scales()


def affine_quant(found: Range) -> Quant:
    """Return the asymmetric int8 quantisation whose 256 steps cover a range and zero."""
    low, high = min(found.low, 0.0), max(found.high, 0.0)
    if high - low < _LEAST_SPAN:
        low, high = 0.0, 1.0
    scale = float(np.float32((high - low) / (_HIGH - _LOW)))
    return Quant.per_tensor(scale, int(np.clip(np.rint(_LOW - low / scale), _LOW, _HIGH)))


def _is_float(value: Value) -> bool:
    return value.type.dtype is DType.FLOAT32


def _is_bound(value: Value) -> bool:
    """Whether a constant only limits other values, as an operand of a minimum does."""
    rules = [op_def(use.node.op).quant for use in value.uses]
    return value.is_constant and all(isinstance(rule, SameScale) and rule.bounds for rule in rules)


def _is_endless(value: Value) -> bool:
    """Whether a value is the lowest or highest float, or is padded with it."""
    if value.data is not None:
        return bool((np.abs(value.data) >= np.finfo(np.float32).max).any())
    operands = () if value.producer is None else value.producer.present_inputs()
    return any(operand.data is not None and _is_endless(operand) for operand in operands)


@dataclass(slots=True)
class _Chooser:
    """A union-find over values; `prescribed` are those of rule 2."""

    graph: Graph
    ranges: Mapping[str, Range]
    like: Mapping[str, Quant] | None
    parents: dict[Value, Value] = field(default_factory=dict)
    prescribed: dict[Value, Quant] = field(default_factory=dict)
    users: dict[Value, Quant] = field(default_factory=dict)

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
            ports = (*self.graph.inputs, *self.graph.outputs)
            pinned = [self.like[v.name] for v in group if v.name in self.like and any(v is port for port in ports)]
            if pinned:
                return pinned[0]
        found = self.range(group)
        for quant in dict.fromkeys(self.prescribed[value] for value in group if value in self.prescribed):
            if self.holds(quant, group, found):
                return quant
        return None if found is None else affine_quant(found)

    def range(self, group: list[Value]) -> Range | None:
        """Return the union of the ranges of all members, None where one is unknown."""
        union: Range | None = None
        for value in [value for value in group if not _is_bound(value) and not _is_endless(value)] or group:
            found = self.ranges.get(value.name) if value.data is None else Range.of(value.data)
            if found is None:
                return None
            union = found if union is None else union.union(found)
        return union

    def holds(self, quant: Quant, group: list[Value], found: Range | None) -> bool:
        """Whether a group may have a prescribed scale: its range fits, but for the last step."""
        if self.like is not None:
            return all(self.like.get(value.name) == quant for value in group if value not in self.prescribed)
        if found is None:
            return False
        low, high = (step - quant.zero_point for step in (_LOW - 1, _HIGH + 1))
        return low * quant.scale <= found.low and found.high <= high * quant.scale
