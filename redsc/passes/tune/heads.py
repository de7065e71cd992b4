"""What tuning looks at, and how far two answers are apart: a loss for every output of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from redsc.ir import DType, Graph, Node, Value, op_def
from redsc.ir.rules import View
from redsc.runtime.evaluate.task import Task

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Head", "Kind", "find_heads", "label_loss", "teacher_loss", "variances"]

_TEMPERATURE = 2.0  # of the distillation (Hinton et al., "Distilling the knowledge in a neural network", 2015)


class Kind(Enum):
    """What the numbers of an output are: logits of classes, logits of yes and no, or quantities."""

    CLASSES = "classes"
    BINARY = "binary"
    REAL = "real"


@dataclass(frozen=True, slots=True)
class Head:
    """The value that stands for an output, its kind, and the factor that makes logits of it."""

    value: Value
    kind: Kind
    factor: float = 1.0


_ENDS = {"SOFTMAX": Kind.CLASSES, "LOG_SOFTMAX": Kind.CLASSES, "LOGISTIC": Kind.BINARY}


def find_heads(graph: Graph, task: Task) -> list[Head]:
    """Return a head for every float output, in order.

    1. An output made by SOFTMAX, LOG_SOFTMAX or LOGISTIC, perhaps reshaped, is the operand of that: logits.
    2. Any other is logits where the task is to classify, of yes and no where its last axis has one element.
    3. Else it holds quantities.
    """
    return [_head(value, task) for value in graph.outputs if value.type.dtype is DType.FLOAT32]


def _head(value: Value, task: Task) -> Head:
    node = _maker(value)
    if node is not None and node.op in _ENDS:
        return Head(node.operand(0), _ENDS[node.op], getattr(node.attrs, "beta", 1.0))
    if task is Task.REGRESS:
        return Head(value, Kind.REAL)
    return Head(value, Kind.CLASSES if value.type.shape[-1:] > (1,) else Kind.BINARY)


def _maker(value: Value) -> Node | None:
    """Return the node that makes a value, apart from reshaping."""
    node = value.producer
    while node is not None and isinstance(op_def(node.op).alias, View):
        node = node.operand(0).producer
    return node


def variances(heads: Sequence[Head], answers: Sequence[Tensor]) -> list[float]:
    """Return the variance of each head's numbers over all samples and positions; 1 where they are constant."""
    found = [float(answer.double().var(correction=0)) for answer in answers]
    return [
        variance if head.kind is Kind.REAL and variance > 0 else 1.0
        for head, variance in zip(heads, found, strict=True)
    ]


def teacher_loss(
    heads: Sequence[Head], scales: Sequence[float], answers: Sequence[Tensor], taught: Sequence[Tensor]
) -> Tensor:
    """Return how far answers are from a teacher's, summed over the heads: 0 where they are equal.

    Classes: T^2 KL(teacher at temperature T || answer at T), T = 2; binary the same with two classes; quantities:
    the mean squared error divided by `scales`. Means over samples and positions.
    """
    losses = (
        _SOFT[head.kind](answer * head.factor, teacher * head.factor) / scale
        for head, scale, answer, teacher in zip(heads, scales, answers, taught, strict=True)
    )
    return sum(losses)


def label_loss(head: Head, answer: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of the first output against class numbers (N)."""
    from torch.nn import functional

    logits = (answer * head.factor).reshape(len(labels), -1)
    if head.kind is Kind.CLASSES:
        return functional.cross_entropy(logits, labels)
    wanted = labels[:, None] if logits.shape[1] == 1 else functional.one_hot(labels, logits.shape[1])
    return functional.binary_cross_entropy_with_logits(logits, wanted.to(logits.dtype))


def _classes(answer: Tensor, teacher: Tensor) -> Tensor:
    found, wanted = ((logits / _TEMPERATURE).log_softmax(-1) for logits in (answer, teacher))
    return (wanted.exp() * (wanted - found)).sum(-1).mean() * _TEMPERATURE**2


def _binary(answer: Tensor, teacher: Tensor) -> Tensor:
    from torch.nn import functional

    found, wanted = answer / _TEMPERATURE, teacher / _TEMPERATURE
    share = wanted.sigmoid()
    yes = share * (functional.logsigmoid(wanted) - functional.logsigmoid(found))
    no = (1 - share) * (functional.logsigmoid(-wanted) - functional.logsigmoid(-found))
    return (yes + no).mean() * _TEMPERATURE**2


def _real(answer: Tensor, teacher: Tensor) -> Tensor:
    return (answer - teacher).square().mean()


_SOFT = {Kind.CLASSES: _classes, Kind.BINARY: _binary, Kind.REAL: _real}
