from __future__ import annotations

import numpy as np
import pytest

from redsc.ir import ArgExtreme, Array, DType, Graph, GraphBuilder, Softmax
from redsc.passes.tune.heads import Head, Kind, find_heads, label_loss, teacher_loss, variances
from redsc.runtime.evaluate.task import Task
from tests.helpers import NetBuilder

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install redsc[tune]")


def logits_net(op: str | None, elements: int = 3, reshape: bool = False) -> Graph:
    net = NetBuilder(DType.FLOAT32)
    value = net.dense(net.input(1, 4), elements)
    attrs = {"beta": 0.5} if op == "SOFTMAX" else {}
    value = value if op is None else net.node(op, value, **attrs)
    return net.outputs(net.reshape(value, elements) if reshape else value)


@pytest.mark.parametrize("reshape", [False, True])
@pytest.mark.parametrize(
    ("op", "kind", "factor"),
    [("SOFTMAX", Kind.CLASSES, 0.5), ("LOG_SOFTMAX", Kind.CLASSES, 1.0), ("LOGISTIC", Kind.BINARY, 1.0)],
)
@pytest.mark.parametrize("task", list(Task))
def test_a_known_end_gives_its_logits(op: str, kind: Kind, factor: float, task: Task, reshape: bool) -> None:
    graph = logits_net(op, reshape=reshape)
    (head,) = find_heads(graph, task)
    assert head == Head(graph.nodes[0].outputs[0], kind, factor)


@pytest.mark.parametrize(
    ("task", "elements", "kind"),
    [(Task.CLASSIFY, 3, Kind.CLASSES), (Task.CLASSIFY, 1, Kind.BINARY), (Task.REGRESS, 3, Kind.REAL)],
)
def test_any_other_end_is_what_the_task_says(task: Task, elements: int, kind: Kind) -> None:
    graph = logits_net(None, elements)
    (head,) = find_heads(graph, task)
    assert head == Head(graph.outputs[0], kind)


def test_outputs_that_are_no_floats_have_no_head() -> None:
    builder = GraphBuilder()
    x = builder.input("x", (1, 4))
    axis = builder.constant("axis", np.array([1], np.int32))
    place = builder.op("ARG_MAX", x, axis, attrs=ArgExtreme(), dtype=DType.INT32)
    graph = builder.output(place, builder.op("SOFTMAX", x, attrs=Softmax()))
    assert [head.value for head in find_heads(graph, Task.CLASSIFY)] == [x]


def softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    found: Array = powers / powers.sum(-1, keepdims=True)
    return found


def test_the_distance_of_classes_is_kl_at_temperature_two() -> None:
    random = np.random.default_rng(0)
    found, wanted = random.standard_normal((2, 5, 7, 4))
    head = logits_head(Kind.CLASSES, 1.5)
    p, q = softmax(wanted * 1.5 / 2), softmax(found * 1.5 / 2)
    expected = 4 * (p * np.log(p / q)).sum(-1).mean()
    assert distance(head, found, wanted) == pytest.approx(expected)
    assert distance(head, found + 3, wanted) == pytest.approx(expected)


def test_the_distance_of_yes_and_no_is_that_of_two_classes() -> None:
    random = np.random.default_rng(0)
    found, wanted = random.standard_normal((2, 5, 4))
    pairs = [np.stack([array, np.zeros_like(array)], -1) for array in (found, wanted)]
    expected = distance(logits_head(Kind.CLASSES), pairs[0], pairs[1])
    assert distance(logits_head(Kind.BINARY), found, wanted) == pytest.approx(expected)


def test_the_distance_of_quantities_is_the_unexplained_variance() -> None:
    random = np.random.default_rng(0)
    wanted = random.standard_normal((200, 4)) * 3 + 7
    head = logits_head(Kind.REAL)
    (scale,) = variances([head], [torch.from_numpy(wanted)])
    assert distance(head, np.full_like(wanted, wanted.mean()), wanted, scale) == pytest.approx(1)
    assert variances([head, logits_head(Kind.CLASSES)], [torch.ones(3, 1), torch.rand(3, 2)]) == [1, 1]


@pytest.mark.parametrize("kind", list(Kind))
def test_equal_answers_have_no_distance_and_other_ones_have(kind: Kind) -> None:
    wanted = np.random.default_rng(0).standard_normal((5, 4)) * 40
    assert distance(logits_head(kind), wanted, wanted) == 0
    assert distance(logits_head(kind), -wanted, wanted) > 1


def logits_head(kind: Kind, factor: float = 1.0) -> Head:
    return Head(logits_net(None).outputs[0], kind, factor)


def distance(head: Head, found: Array, wanted: Array, scale: float = 1.0) -> float:
    return float(teacher_loss([head], [scale], [torch.from_numpy(found)], [torch.from_numpy(wanted)]))


def test_the_error_is_the_cross_entropy_of_the_labels() -> None:
    random = np.random.default_rng(0)
    logits, labels = random.standard_normal((6, 1, 4)), random.integers(0, 4, 6)

    def error(kind: Kind, answer: Array, classes: Array) -> float:
        return float(label_loss(logits_head(kind, 2.0), torch.from_numpy(answer), torch.from_numpy(classes)))

    shares = softmax(2 * logits[:, 0])[np.arange(6), labels]
    assert error(Kind.CLASSES, logits, labels) == pytest.approx(-np.log(shares).mean())
    yes = 1 / (1 + np.exp(-2 * logits[:, 0]))
    chosen = np.where(np.arange(4) == labels[:, None], yes, 1 - yes)
    assert error(Kind.BINARY, logits, labels) == pytest.approx(-np.log(chosen).mean())
    one = np.where(labels > 1, yes[:, 0], 1 - yes[:, 0])
    assert error(Kind.BINARY, logits[..., :1], (labels > 1) * 1) == pytest.approx(-np.log(one).mean())
