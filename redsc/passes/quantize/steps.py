"""Find what the steps of an unrolled layer have in common: with one scale for it they share biases and tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

from redsc.ir import DType, Node, Value, op_def
from redsc.ir.rules import Produces

__all__ = ["tie_steps"]

Tie = Callable[[Sequence[Value]], None]
Root = Callable[[Value], Value]


def tie_steps(nodes: Sequence[Node], tie: Tie, root: Root) -> None:
    """Tie values that play the same part in several steps.

    1. Dense layers of one origin that read one weight are those of steps: operands are tied, and results.
    2. So are results of nodes of such an origin that do the same with values which are tied, or with one constant.
       Integer constants, which say what a step takes of the input, need to be alike in shape only.

    Args:
        nodes: those that become int8.
        tie: makes values one group.
        root: returns the same value for all values of a group.
    """
    layers = defaultdict[Hashable, list[Node]](list)
    for node in nodes:
        rule = op_def(node.op).channels
        if isinstance(rule, Produces) and node.origin:
            layers[node.origin, node.operand(rule.weight)].append(node)
    origins = set[tuple[str, ...]]()
    for group in layers.values():
        if len(group) > 1:
            origins.add(group[0].origin)
            tie([node.operand(0) for node in group])
            tie([node.outputs[0] for node in group])
    steps = [node for node in nodes if node.origin in origins]
    while _tie_results(steps, tie, root):
        pass


def _tie_results(nodes: Sequence[Node], tie: Tie, root: Root) -> bool:
    """Tie the results of nodes that do the same with what is tied; return whether some were not."""
    first, is_changed = dict[Hashable, Node](), False
    for node in nodes:
        key = (node.op, node.attrs, node.origin, *(_part(value, root) for value in node.inputs))
        for pair in zip(first.setdefault(key, node).outputs, node.outputs, strict=True):
            if pair[0].type.dtype is DType.FLOAT32 and root(pair[0]) is not root(pair[1]):
                tie(pair)
                is_changed = True
    return is_changed


def _part(value: Value | None, root: Root) -> Hashable:
    """Return what makes an operand play the same part as another one."""
    if value is None or value.type.dtype is DType.FLOAT32:
        return value if value is None or value.is_constant else root(value)
    return value.type if value.is_constant else value
