"""A float network as a differentiable function of samples and constants, in PyTorch (extra `redsc[tune]`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from redsc.errors import UnsupportedError
from redsc.formats.tables import Refusal
from redsc.ir import DType, Graph, Node, Value
from redsc.runtime.torch.ops import TORCH_OPS, TorchOp

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TorchGraph"]

_CODE = "N409"
_INTEGERS = (DType.INT8, DType.INT16, DType.UINT8)


class TorchGraph:
    """A graph that runs many samples at a time.

    A batch of N samples has the shape (N, *shape): an axis is put before those of the graph, also where the
    graph's own first axis is a batch of one. So every sample is one whole run of the graph, whatever the graph
    does with its axes. Numbers agree with LiteRT's reference kernels within rounding.

    `results` are the values to compute, the graph's outputs if none are named; only what they need is run.

    Raises:
        UnsupportedError: nodes that PyTorch cannot run here, each with a reason.
    """

    def __init__(self, graph: Graph, results: Sequence[Value] | None = None, device: str = "cpu") -> None:
        import torch

        self.inputs = tuple(graph.inputs)
        self.results = tuple(graph.outputs if results is None else results)
        nodes = _needed(graph, self.results)
        problems = [f'{node.op} "{node.name}": {reason}' for node in nodes if (reason := _refusal(node))]
        if problems:
            raise UnsupportedError(
                f"PyTorch cannot run {len(problems)} part(s) of this network", code=_CODE, evidence=problems
            )
        self.constants = {value.name: torch.tensor(value.data, device=device) for value in graph.constants()}
        last = {value: node for node in nodes for value in (*node.outputs, *node.present_inputs())}
        self._steps = [
            _Step(node, [v for v in _touched(node) if last[v] is node and v not in self.results]) for node in nodes
        ]

    def run(self, inputs: Sequence[Tensor], constants: Mapping[str, Tensor] | None = None) -> list[Tensor]:
        """Return the results for a batch: inputs and results have the shapes (N, *shape).

        `constants` are used instead of the graph's own of these names; gradients flow into them.
        """
        known = {**self.constants, **(constants or {})}
        found: dict[Value, Tensor] = dict(zip(self.inputs, inputs, strict=True))

        def look_up(value: Value) -> Tensor:
            return known[value.name][None] if value.is_constant else found[value]

        for step in self._steps:
            operands = [
                None if value is None else known[value.name] if is_weight else look_up(value)
                for value, is_weight in step.operands
            ]
            made = step.row.run(step.node, *operands)
            found.update(zip(step.node.outputs, made if isinstance(made, tuple) else (made,), strict=True))
            for value in step.dying:
                del found[value]
        count = len(inputs[0]) if inputs else 1
        return [_every(look_up(value), count) for value in self.results]


class _Step:
    """A node that is run, and the activations that nobody reads after it."""

    def __init__(self, node: Node, dying: Sequence[Value]) -> None:
        row = TORCH_OPS[node.op]
        assert isinstance(row, TorchOp)
        self.node, self.row, self.dying = node, row, dying
        self.operands = [(value, index in row.constants) for index, value in enumerate(node.inputs)]


def _every(tensor: Tensor, count: int) -> Tensor:
    """Return a result for every sample: one that depends on constants only is there once.

    Any other is the very tensor that later nodes read, so that one can ask for its gradient.
    """
    return tensor if len(tensor) == count else tensor.expand(count, *tensor.shape[1:])


def _needed(graph: Graph, results: Sequence[Value]) -> list[Node]:
    """Return the nodes on which the results depend, in the order of the schedule."""
    wanted, nodes = set(results), []
    for node in reversed(graph.nodes):
        if wanted & set(node.outputs):
            wanted.update(node.present_inputs())
            nodes.append(node)
    return nodes[::-1]


def _touched(node: Node) -> list[Value]:
    """Return the activations that a node reads or makes."""
    return [value for value in dict.fromkeys((*node.present_inputs(), *node.outputs)) if not value.is_constant]


def _refusal(node: Node) -> str | None:
    """Return why a node cannot be run, None if it can."""
    row = TORCH_OPS[node.op]
    if isinstance(row, Refusal):
        return row.reason
    if any(value.type.dtype in _INTEGERS for value in (*node.present_inputs(), *node.outputs)):
        return "it computes with quantised integers, the network must be float"
    for index in row.constants:
        value = node.inputs[index] if index < len(node.inputs) else None
        if value is not None and not value.is_constant:
            return f"operand {index} must be a constant"
    return None
