"""Run a float network node by node on many samples at once, so that a pass can change a layer before it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from redsc.formats import write_tflite
from redsc.ir import Array, Graph, Node, TensorType, Value

__all__ = ["Walk"]


@dataclass(slots=True)
class Walk:
    """The state of a run: `arrays` holds, by the name of every live activation, its numbers for all samples.

    An array has the samples along a new first axis: an activation (1, H, W, C) is (samples, 1, H, W, C). What no
    later node reads is dropped.
    """

    graph: Graph
    arrays: dict[str, Array]
    _next: int = 0
    _readers: dict[str, int] = field(default_factory=dict)

    @staticmethod
    def start(graph: Graph, samples: Sequence[Sequence[Array]]) -> Walk:
        """Return the state before the first node."""
        inputs = {
            value.name: np.stack([sample[index] for sample in samples]) for index, value in enumerate(graph.inputs)
        }
        readers = {value.name: len(value.uses) + graph.is_output(value) for value in graph.activations()}
        return Walk(graph, inputs, 0, readers)

    @property
    def next_node(self) -> Node | None:
        """The node that runs next, None at the end."""
        return self.graph.nodes[self._next] if self._next < len(self.graph.nodes) else None

    def peek(self) -> dict[str, Array]:
        """Return what the next node would make, by name, and stay before it."""
        return _run_node(self.graph.nodes[self._next], self.arrays)

    def step(self) -> None:
        """Run the next node.

        Raises:
            ExecutorError: LiteRT refuses the node.
        """
        node = self.graph.nodes[self._next]
        self._next += 1
        self.arrays.update(_run_node(node, self.arrays))
        for value in node.present_inputs():
            if not value.is_constant:
                self._readers[value.name] -= 1
                if not self._readers[value.name]:
                    self.arrays.pop(value.name, None)

    def outputs(self) -> list[list[Array]]:
        """Return the graph's outputs after the last node: a row per sample."""
        columns = [self.arrays[value.name] for value in self.graph.outputs]
        return [list(row) for row in zip(*columns, strict=True)]


def _run_node(node: Node, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Run one node in LiteRT's optimised kernels on every sample; an operand that is read twice is fed once."""
    from redsc.runtime.litert import run

    copies: dict[str, Value] = {}
    for value in node.present_inputs():
        known = TensorType(value.type.shape, value.type.dtype)
        copies[value.name] = (
            Value(value.name, known) if value.data is None else Value.constant(value.name, value.data)
        )
    feeds = [value for value in copies.values() if value.data is None]
    outputs = [Value(value.name, TensorType(value.type.shape, value.type.dtype)) for value in node.outputs]
    graph = Graph(node.name, inputs=feeds)
    inputs = [None if value is None else copies[value.name] for value in node.inputs]
    graph.append(node.op, inputs, outputs, node.attrs)
    graph.outputs = outputs
    samples = list(zip(*(arrays[value.name] for value in feeds), strict=True))
    rows = run(write_tflite(graph), samples, optimized=True)
    return {value.name: np.stack([row[index] for row in rows]) for index, value in enumerate(outputs)}
