from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from redsc.errors import ExecutorError
from redsc.formats import write_tflite
from redsc.ir import Array, DType, Graph
from redsc.runtime import EXECUTORS, installed, run_isolated
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples
from tests.conftest import ROOT
from tests.helpers import NetBuilder, residual_net, small_net
from tests.strategies import graphs

TFLITE_EXECUTORS = ["litert", "tflm"]
needs_tflm = pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")
INT8 = graphs(DType.INT8, dense_head=False)


def _case(executor: str) -> tuple[bytes, list[list[Array]]]:
    """Return a model for the executor and two samples."""
    if not installed(executor):
        pytest.skip(f"{EXECUTORS[executor].package} is not installed")
    if executor == "onnxruntime":
        images = np.random.default_rng(0).random((2, 1, 1, 28, 28), np.float32)
        return (ROOT / "examples" / "fashion_dscnn.onnx").read_bytes(), [[image] for image in images]
    return write_tflite(small_net()), random_samples(small_net(), 2)


def _answers(executor: str, graph: Graph, count: int = 3) -> list[list[Array]]:
    return EXECUTORS[executor].run(write_tflite(graph), random_samples(graph, count))


@needs_tflm
@given(INT8)
def test_the_runtimes_agree_bit_for_bit(graph: Graph) -> None:
    assert difference(_answers("litert", graph), _answers("tflm", graph)) is None


@needs_tflm
@given(graphs(DType.FLOAT32))
def test_the_runtimes_agree_on_floats(graph: Graph) -> None:
    assert difference(_answers("litert", graph), _answers("tflm", graph), FLOAT_TOLERANCE) is None


@needs_tflm
def test_dense_layers_differ_by_at_most_one_step() -> None:
    """LiteRT 2.3 rounds the accumulator of an int8 FULLY_CONNECTED once, TFLM twice."""
    net = NetBuilder()
    graph = net.outputs(net.dense(net.input(1, 144), 200))
    litert, tflm = (_answers(name, graph, 50) for name in TFLITE_EXECUTORS)
    apart = [np.abs(a.astype(int) - b.astype(int)) for (a,), (b,) in zip(litert, tflm, strict=True)]
    assert np.max(apart) <= 1
    assert np.mean(apart) < 0.01


@pytest.mark.parametrize("executor", EXECUTORS)
def test_an_isolated_run_equals_a_run_in_this_process(executor: str) -> None:
    model, samples = _case(executor)
    assert difference(EXECUTORS[executor].run(model, samples), run_isolated(executor, model, samples)) is None


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_run_is_repeatable(executor: str) -> None:
    model, samples = _case(executor)
    first = EXECUTORS[executor].run(model, samples)
    assert difference(first, EXECUTORS[executor].run(model, samples)) is None


@pytest.mark.parametrize("executor", EXECUTORS)
def test_samples_do_not_influence_each_other(executor: str) -> None:
    model, samples = _case(executor)
    both = EXECUTORS[executor].run(model, samples)
    assert difference(both[1:], EXECUTORS[executor].run(model, samples[1:])) is None


@pytest.mark.parametrize("executor", TFLITE_EXECUTORS)
def test_all_outputs_are_returned_in_the_order_of_the_graph(executor: str) -> None:
    _case(executor)
    net = NetBuilder()
    x = net.input(1, 4, 4, 2)
    inner = net.conv(x, 3)
    graph = net.outputs(net.conv(inner, 5), inner)
    (row,) = _answers(executor, graph, 1)
    assert [array.shape for array in row] == [(1, 4, 4, 5), (1, 4, 4, 3)]
    assert {array.dtype for array in row} == {np.dtype(np.int8)}


@pytest.mark.parametrize("executor", TFLITE_EXECUTORS)
def test_inputs_are_given_in_the_order_of_the_graph(executor: str) -> None:
    _case(executor)
    net = NetBuilder(DType.FLOAT32)
    x, y = net.input(1, 4), net.input(4, name="y")
    graph = net.outputs(net.unary("RELU", y), net.unary("RELU", x))
    samples: list[list[Array]] = [[np.full((1, 4), 2, np.float32), np.full(4, 3, np.float32)]]
    ((first, second),) = EXECUTORS[executor].run(write_tflite(graph), samples)
    assert (first.tolist(), second.tolist()) == ([3] * 4, [[2] * 4])


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(
    "model", [b"garbage", b"\x08\0\0\0TFL3" + b"\xff" * 60], ids=["garbage", "identifier-only"]
)
def test_a_damaged_model_is_an_executor_error(executor: str, model: bytes) -> None:
    _case(executor)
    with pytest.raises(ExecutorError) as caught:
        run_isolated(executor, model, [])
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("executor", EXECUTORS)
def test_an_input_of_the_wrong_shape_is_an_executor_error(executor: str) -> None:
    model, samples = _case(executor)
    with pytest.raises(ExecutorError):
        EXECUTORS[executor].run(model, [[samples[0][0][:, :-1]]])


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("extra", [-1, 1])
def test_a_wrong_number_of_inputs_is_an_executor_error(executor: str, extra: int) -> None:
    model, samples = _case(executor)
    with pytest.raises(ExecutorError):
        EXECUTORS[executor].run(model, [samples[0] * (1 + extra)])


def test_a_run_that_takes_too_long_is_an_executor_error() -> None:
    with pytest.raises(ExecutorError, match="litert did not finish within 0 s"):
        run_isolated("litert", write_tflite(small_net()), [], timeout_seconds=0)


def test_an_isolated_run_without_samples_answers_nothing() -> None:
    assert run_isolated("litert", write_tflite(small_net()), []) == []


def test_many_samples_keep_their_order() -> None:
    graph = small_net()
    samples = random_samples(graph, 12)
    model = write_tflite(graph)
    assert difference(EXECUTORS["litert"].run(model, samples), run_isolated("litert", model, samples)) is None


def test_the_difference_of_outputs_names_sample_and_output() -> None:
    (row,) = _answers("litert", residual_net(), 1)
    other = row[0].copy()
    other[0, 1] += 1
    assert difference([row], [row]) is None
    assert difference([row], [[other]]) == "sample 0, output 0: 1 of 4 elements differ, by up to 1"
    assert difference([row], []) == "the number of outputs differs"
    assert difference([row], [[row[0][0]]]) == "sample 0, output 0: int8[1, 4] became int8[4]"


def test_a_float_that_is_no_number_is_a_difference() -> None:
    good, bad = np.ones(2, np.float32), np.array([1, np.nan], np.float32)
    assert difference([[good]], [[good + np.float32(1e-6)]], FLOAT_TOLERANCE) is None
    assert difference([[good]], [[bad]], FLOAT_TOLERANCE)
    assert difference([[good]], [[good + np.float32(1e-6)]])


def test_random_samples_are_seeded_and_cover_the_range() -> None:
    graph = small_net()
    first, again, other = random_samples(graph, 2, 1), random_samples(graph, 2, 1), random_samples(graph, 2, 2)
    assert difference(first, again) is None
    assert difference(first, other)
    assert (min(a.min() for (a,) in first), max(a.max() for (a,) in first)) == (-128, 127)
