from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.formats import write_tflite
from redsc.ir import Array, DType, Graph
from redsc.passes.quantize.dequantize import dequantize, real_samples
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import random_samples
from redsc.runtime.evaluate.divergence import Judge, unexplained_variance
from redsc.runtime.evaluate.task import Task
from redsc.runtime.ports import dequantize_rows
from tests.helpers import NetBuilder, small_net

CLASSES = 5


def ending(op: str | None, dtype: DType = DType.FLOAT32) -> Graph:
    """Return a network that gives its input as it is, or as probabilities."""
    net = NetBuilder(dtype)
    x = net.input(1, CLASSES)
    return net.outputs(net.node(op, x) if op else net.reshape(x, 1, CLASSES))


def rows(array: Array) -> list[list[Array]]:
    return [[row[None].astype(np.float32)] for row in array]


def run(graph: Graph, samples: list[list[Array]]) -> list[list[Array]]:
    return dequantize_rows(graph, EXECUTORS["litert"].run(write_tflite(graph), samples))


def softmax(logits: Array) -> Array:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


LOGITS = np.random.default_rng(0).standard_normal((40, CLASSES)) * 2
OTHER = LOGITS + np.random.default_rng(1).standard_normal((40, CLASSES))


def test_divergence_is_the_mean_of_kullback_and_leiblers() -> None:
    p, q = softmax(LOGITS), softmax(OTHER)
    expected = np.mean(
        [sum(a * np.log(a / b) for a, b in zip(*pair, strict=True)) for pair in zip(p, q, strict=True)]
    )
    judge = Judge.of(ending(None), rows(LOGITS), Task.CLASSIFY)
    assert judge.divergence(rows(OTHER)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("op", ["SOFTMAX", "LOG_SOFTMAX"])
def test_logits_probabilities_and_their_logarithms_diverge_alike(op: str) -> None:
    plain, graph = ending(None), ending(op)
    expected = Judge.of(plain, rows(LOGITS), Task.CLASSIFY).divergence(rows(OTHER))
    judge = Judge.of(graph, rows(LOGITS), Task.CLASSIFY)
    assert judge.divergence(run(graph, rows(OTHER))) == pytest.approx(expected, rel=1e-4)


@given(st.integers(0, 99), st.floats(0, 50), st.sampled_from([None, "SOFTMAX", "LOG_SOFTMAX"]))
def test_divergence_is_never_negative_and_zero_only_for_equals(seed: int, scale: float, op: str | None) -> None:
    random, graph = np.random.default_rng(seed), ending(op)
    first, second = (run(graph, rows(random.standard_normal((3, CLASSES)) * scale)) for _ in range(2))
    judge = Judge.of_outputs(graph, first, Task.CLASSIFY)
    assert judge.divergence(first) == 0
    assert -1e-9 <= judge.divergence(second) <= np.log(1e7)
    assert judge.expected_loss(first) == 0
    assert 0 <= judge.expected_loss(second) <= 1


def test_a_probability_of_zero_costs_no_infinity() -> None:
    graph = ending("SOFTMAX", DType.INT8)
    judge = Judge.of_outputs(graph, rows(np.eye(CLASSES)[:1]), Task.CLASSIFY)
    assert judge.divergence(rows(np.eye(CLASSES)[1:2])) == pytest.approx(np.log(1e7), rel=1e-3)


def test_an_int8_network_judges_its_float_form_as_close() -> None:
    graph = small_net()
    samples = [[sample // 8 for sample in row] for row in random_samples(graph, 16)]
    judge = Judge.of(graph, samples, Task.CLASSIFY)
    made = dequantize(graph)
    assert judge.divergence(run(made, real_samples(graph, samples))) < 1e-3
    assert judge.divergence(run(small_net(seed=3), samples)) > 1e-2
    own = Judge.of(made, real_samples(graph, samples), Task.CLASSIFY)
    assert own.divergence(run(made, real_samples(graph, samples))) < 1e-12  # other kernels, equal but for rounding


def test_without_labels_the_original_says_what_is_lost() -> None:
    p, chosen = softmax(LOGITS), OTHER.argmax(axis=1)
    expected = np.mean([row.max() - row[index] for row, index in zip(p, chosen, strict=True)])
    judge = Judge.of(ending(None), rows(LOGITS), Task.CLASSIFY)
    assert judge.expected_loss(rows(OTHER)) == pytest.approx(expected, rel=1e-5)


def test_with_labels_accuracy_is_lost_or_won() -> None:
    labels = OTHER.argmax(axis=1)
    judge = Judge.of(ending(None), rows(LOGITS), Task.CLASSIFY, labels)
    own = np.mean(LOGITS.argmax(axis=1) == labels)
    assert judge.expected_loss(rows(OTHER)) == pytest.approx(own - 1)
    assert judge.expected_loss(rows(LOGITS)) == 0


def test_a_regression_counts_the_variance_that_is_not_explained() -> None:
    graph = ending(None)
    judge = Judge.of(graph, rows(LOGITS), Task.REGRESS)
    assert judge.divergence(rows(LOGITS)) == 0
    expected = ((LOGITS - OTHER) ** 2).mean() / LOGITS.var()
    assert judge.divergence(rows(OTHER)) == pytest.approx(expected, rel=1e-5)
    assert judge.expected_loss(rows(OTHER)) == judge.divergence(rows(OTHER))
    assert judge.divergence(rows(np.full_like(LOGITS, LOGITS.mean()))) == pytest.approx(1)


def test_outputs_of_different_sizes_count_alike() -> None:
    net = NetBuilder(DType.FLOAT32)
    x = net.input(1, CLASSES)
    graph = net.outputs(net.reshape(x, 1, CLASSES), net.node("ABS", x))
    whole = [[row[None], 1000 * row[None]] for row in LOGITS]
    judge = Judge.of_outputs(graph, whole, Task.REGRESS)
    for index in range(2):
        found = [[array * (i != index) for i, array in enumerate(row)] for row in whole]
        assert judge.divergence(found) == pytest.approx(unexplained_variance(LOGITS, LOGITS * 0).mean() / 2)


def test_a_constant_is_hit_or_missed() -> None:
    assert unexplained_variance(np.ones((3, 1)), np.ones((3, 1))).max() == 0
    assert unexplained_variance(np.ones((3, 1)), np.zeros((3, 1))).min() == np.inf


def test_errors_of_independent_cuts_add_where_divergences_saturate() -> None:
    """Noise of the same kind twice has twice the error, and far less than twice the divergence."""
    random = np.random.default_rng(2)
    logits = 3 * random.standard_normal((4000, 5))
    graph = NetBuilder(DType.FLOAT32)
    judge = Judge.of_outputs(graph.outputs(graph.input(1, 5)), [[row[None]] for row in logits], Task.CLASSIFY)
    noise = 2 * random.standard_normal((2, *logits.shape))

    def rows(found: Array) -> list[list[Array]]:
        return [[row[None]] for row in found]

    apart = [judge.error(rows(logits + part)) for part in noise]
    both = judge.error(rows(logits + noise.sum(axis=0)))
    assert judge.error(rows(logits)) == 0
    assert both == pytest.approx(sum(apart), rel=0.15)  # the floor below which nobody cares takes a part
