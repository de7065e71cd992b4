"""What a network is for, as far as its outputs tell: that decides how levels are measured."""

from __future__ import annotations

from enum import Enum

from redsc.ir import DType, Graph, Node, op_def
from redsc.ir.rules import View

__all__ = ["Task", "find_task", "output_op"]

_MOST_CLASSES = 1000  # without a softmax that says so; ImageNet has as many
_SOFTMAX = ("SOFTMAX", "LOG_SOFTMAX")
_CONVERSIONS = ("CAST", "QUANTIZE", "DEQUANTIZE")


class Task(Enum):
    """What counts in an output: the largest element, or every number."""

    CLASSIFY = "classify"
    REGRESS = "regress"


def find_task(graph: Graph, has_labels: bool) -> Task:
    """Return what a network is for.

    1. It classifies if there are labels.
    2. Else it must have one output of at least two numbers along one axis, float32 or int8 with a scale.
    3. Such an output means classes if a SOFTMAX or LOG_SOFTMAX makes it;
    4. else, if it has at most 1000 elements, and not as many as an input has: that is an autoencoder.
    """
    if has_labels:
        return Task.CLASSIFY
    kind = graph.outputs[0].type
    is_vector = kind.elements == max(kind.shape, default=1) > 1
    if len(graph.outputs) != 1 or not is_vector or kind.dtype not in (DType.FLOAT32, DType.INT8):
        return Task.REGRESS
    if output_op(graph) in _SOFTMAX:
        return Task.CLASSIFY
    is_like_input = kind.elements in [value.type.elements for value in graph.inputs]
    return Task.REGRESS if is_like_input or kind.elements > _MOST_CLASSES else Task.CLASSIFY


def output_op(graph: Graph) -> str | None:
    """Return the op that makes the first output, whatever reshapes or converts it after that; None if none does."""
    node = graph.outputs[0].producer
    while node is not None and _moves_nothing(node):
        node = node.operand(0).producer
    return None if node is None else node.op


def _moves_nothing(node: Node) -> bool:
    return node.op in _CONVERSIONS or isinstance(op_def(node.op).alias, View)
