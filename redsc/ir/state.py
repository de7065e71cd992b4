"""What a graph keeps from one inference to the next: variables, and what recurrent layers keep for themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from redsc.ir.graph import Graph, Node
from redsc.ir.ops.recurrent import Lstm
from redsc.ir.registry import op_def
from redsc.ir.types import TensorType

__all__ = [
    "OwnState",
    "all_own_states",
    "is_pure",
    "keeps_state",
    "lasting_states",
    "own_states",
    "starts_anew",
    "state_reads",
    "variable_nodes",
]


@dataclass(frozen=True, slots=True)
class OwnState:
    """Numbers that a node keeps for itself: they have a name that no value has."""

    name: str
    type: TensorType


def state_reads(graph: Graph) -> list[Node]:
    """Return the nodes that read a variable, one for each, in the order of the schedule."""
    return [node for node in graph.nodes if node.op == "READ_VARIABLE"]


def variable_nodes(graph: Graph) -> list[tuple[Node, Node]]:
    """Return for every variable the node that reads it and the one that assigns it."""
    assigns = {node.attrs.variable: node for node in graph.nodes if node.op == "ASSIGN_VARIABLE"}
    return [(node, assigns[node.attrs.variable]) for node in state_reads(graph)]


def own_states(node: Node) -> tuple[OwnState, ...]:
    """Return what a node keeps for itself; networks in which its output has the same name have the same names."""
    kept = enumerate(op_def(node.op).keeps(node))
    return tuple(OwnState(f"{node.outputs[0].name}/state{index}", kind) for index, kind in kept)


def is_pure(node: Node) -> bool:
    """Whether a node does nothing but make its outputs, and these of its operands alone."""
    return not op_def(node.op).is_stateful and (not op_def(node.op).keeps(node) or starts_anew(node))


def starts_anew(node: Node) -> bool:
    """Whether what a node keeps for itself lasts no longer than an inference."""
    return isinstance(node.attrs, Lstm) and node.attrs.starts_anew


def lasting_states(graph: Graph) -> Iterator[OwnState]:
    """Yield what nodes keep for themselves from one inference to the next, in the order of the schedule."""
    return (state for node in graph.nodes if not starts_anew(node) for state in own_states(node))


def all_own_states(graph: Graph) -> Iterator[OwnState]:
    """Yield what all nodes keep for themselves, in the order of the schedule."""
    return (state for node in graph.nodes for state in own_states(node))


def keeps_state(graph: Graph) -> bool:
    """Whether an inference depends on those before it."""
    return not all(is_pure(node) for node in graph.nodes)
