"""Whose state the tensors are that kernels change, while the operators of a file are read.

Every such tensor belongs to one recurrent layer, and nothing else reads it. Operators that set all states of an
LSTM to zeros in every inference are no nodes: the layer starts anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from redsc.formats.tflite.recurrent import is_reset
from redsc.ir import LSTM, Node, Value

__all__ = ["LayerStates"]


@dataclass(slots=True)
class LayerStates:
    """What is known of states; `free` are tensors that kernels may change and no layer has yet.

    What cannot be translated is added to `problems`.
    """

    free: set[Value]
    problems: list[str]
    claimed: set[Value] = field(default_factory=set)
    reset: set[Value] = field(default_factory=set)

    def has_any(self, values: Iterable[Value | None]) -> bool:
        """Whether kernels change one of these tensors."""
        return any(value in self.free or value in self.claimed for value in values)

    def take_reset(self, node: Node) -> bool:
        """Note what an operator sets to zeros; return whether it does nothing else."""
        found = is_reset(node, self.free)
        if found:
            self.reset.update(node.outputs)
        return found

    def claim(self, node: Node, states: Sequence[Value]) -> Node:
        """Return a layer, which starts anew where its states are reset; they are its own from now on."""
        where = f"at {node.op} {node.outputs[0].name!r}"
        claimed = set(states)
        if not claimed <= self.free:
            self.problems.append(f"{where}: its state is no tensor that kernels may change, or not its own")
        if self.has_any((*node.inputs, *node.outputs)):
            self.problems.append(f"{where}: it computes with the state of another layer")
        self.free -= claimed
        self.claimed |= claimed
        if not self.reset & claimed:
            return node
        if node.op == LSTM and claimed <= self.reset:
            return replace(node, attrs=replace(node.attrs, starts_anew=True))
        part = "a part of its state" if node.op == LSTM else "its state"
        self.problems.append(f"{where}: {part} is set in every inference")
        return node
