"""The array in which variables live on between inferences.

What recurrent layers keep for themselves lies there too: in levels of one network under one name, so it is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from redsc.cost.buffer import aligned
from redsc.cost.engine import WORD_BYTES
from redsc.engine.call import Constant
from redsc.ir import Array, Graph, Node, TensorType, op_def, own_states, starts_anew

__all__ = ["Variables", "is_even", "lay_out_variables"]


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
    starts, initial, at = dict[str, int](), dict[str, Constant](), 0
    for node in (node for graph in graphs for node in graph.nodes):
        for name, kind, data in _kept(node):
            if name not in starts:
                starts[name] = at
                at += aligned(kind.nbytes, WORD_BYTES)
            if data is not None:
                initial[name] = Constant(data.tobytes())
    return Variables(at, starts, initial)


def _kept(node: Node) -> Iterator[tuple[str, TensorType, Array | None]]:
    """Yield the variables that a node deals with: what they hold at first is known where they are read."""
    if op_def(node.op).is_stateful:
        yield node.attrs.variable, node.operand(0).type, node.operand(0).data if node.outputs else None
    for own in () if starts_anew(node) else own_states(node):
        zero = 0 if own.type.quant is None else own.type.quant.zero_point
        yield own.name, own.type, np.full(own.type.shape, zero, own.type.dtype.numpy)
