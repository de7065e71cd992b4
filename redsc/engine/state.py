"""Variables: rows that read and assign them, and the array in which they live on between inferences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from redsc.engine.box import copy_state
from redsc.engine.call import Call, Constant, Emit, State
from redsc.ir import Graph, Node

__all__ = ["STATES", "Variables", "is_even", "lay_out_variables"]

_ALIGNMENT = 4


@dataclass(frozen=True, slots=True)
class Variables:
    """The array of all variables.

    starts: by name, in bytes.
    initial: what a variable holds before the first inference, by name: of those that some level reads.
    """

    nbytes: int
    starts: Mapping[str, int]
    initial: Mapping[str, Constant]

    @property
    def stored(self) -> tuple[Constant, ...]:
        """What of the initial values lies in flash: those that no memset makes."""
        return tuple(value for value in self.initial.values() if not is_even(value))


def is_even(value: Constant) -> bool:
    """Whether all bytes are alike."""
    return len(set(value.data)) == 1


def lay_out_variables(graphs: Iterable[Graph]) -> Variables:
    """Return a place for every variable of the levels; those of one name are one."""
    nodes = [node for graph in graphs for node in graph.nodes if node.op in STATES]
    starts, at = dict[str, int](), 0
    for node in nodes:
        if node.attrs.variable not in starts:
            starts[node.attrs.variable] = at
            at += -(-node.operand(0).type.nbytes // _ALIGNMENT) * _ALIGNMENT
    reads = [(node.attrs.variable, node.operand(0).data) for node in nodes if node.op == "READ_VARIABLE"]
    initial = {name: Constant(data.tobytes()) for name, data in reads if data is not None}
    return Variables(at, starts, initial)


def _read(node: Node) -> Iterator[Call]:
    yield copy_state(State(node.attrs.variable, node.outputs[0].type), node.outputs[0], is_read=True)


def _assign(node: Node) -> Iterator[Call]:
    yield copy_state(State(node.attrs.variable, node.operand(0).type), node.operand(0), is_read=False)


STATES: Mapping[str, Emit] = {"READ_VARIABLE": _read, "ASSIGN_VARIABLE": _assign}
"""By op."""
