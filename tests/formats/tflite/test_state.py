"""Variables in TFLite files: sound ones, unusual ones and hostile ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from redsc.codegen.container import is_same_model
from redsc.formats import load_model, read_tflite, write_models, write_tflite
from redsc.formats.tflite.state import CallOnce
from redsc.ir import NO_ATTRS, Array, DType, Graph, Value, print_graph, state_reads
from redsc.runtime import EXECUTORS, installed, run_isolated
from redsc.runtime.compare import difference, random_samples
from tests.conftest import Zoo
from tests.formats.tflite.state_files import F32, START, Make, assign, double, file_of, handle, plain, read, start
from tests.helpers import streaming_net
from tests.zoo_models import STREAMING

STEPS = 20

needs_tflm = pytest.mark.skipif(not installed("tflm"), reason="tflite_micro is not installed")
both = pytest.mark.parametrize("executor", ["litert", pytest.param("tflm", marks=needs_tflm)])


def quiet_steps(graph: Graph) -> list[list[Array]]:
    """Return samples near zero, with a loud one now and then: a wake word's network then does not saturate."""
    samples = random_samples(graph, STEPS, seed=3)
    return [
        [array if step % 5 == 0 else np.asarray(array // 8 - 100, array.dtype) for array in row]
        for step, row in enumerate(samples)
    ]


@both
def test_a_streaming_model_answers_as_its_file_over_many_steps(executor: str, zoo: Zoo) -> None:
    model = load_model(zoo(STREAMING))
    samples = quiet_steps(model.graph)
    before = run_isolated(executor, model.source, samples, in_steps=True)
    after = EXECUTORS[executor].run_steps(write_tflite(model.graph), samples)
    codes = [int(row[0].item()) for row in before]
    assert [int(row[0].item()) + 128 for row in after] == codes  # the file's output is uint8
    assert len(set(codes)) > 2


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
@both
def test_runtimes_keep_the_state_from_step_to_step(executor: str, dtype: DType) -> None:
    """A runtime that forgot, or did not start from the initial values, would answer otherwise."""
    graph = streaming_net(dtype)
    model, samples = write_tflite(graph), random_samples(graph, 1) * 6
    steps, apart = EXECUTORS[executor].run_steps(model, samples), EXECUTORS[executor].run(model, samples)
    assert difference(steps[:1], apart[:1]) is None
    assert all(difference([a], [b]) is None for a, b in pairwise(apart))
    assert all(difference([a], [b]) is not None for a, b in pairwise(steps[:4]))
    assert difference(steps[5:], EXECUTORS[executor].run_steps(model, samples)[5:]) is None


@needs_tflm
@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_both_runtimes_step_alike(dtype: DType) -> None:
    graph = streaming_net(dtype)
    model, samples = write_tflite(graph), random_samples(graph, STEPS)
    litert, tflm = (EXECUTORS[name].run_steps(model, samples) for name in ("litert", "tflm"))
    assert difference(litert, tflm, 1e-5) is None


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_a_written_graph_reads_back_equal(dtype: DType) -> None:
    graph = streaming_net(dtype)
    again = read_tflite(write_tflite(graph))
    assert print_graph(again, with_origins=False) == print_graph(graph, with_origins=False)
    assert is_same_model(read_tflite(write_models([graph, graph])[16:]), graph)


def test_slots_share_the_initial_values() -> None:
    graph = streaming_net()
    one, two = len(write_models([graph])), len(write_models([graph, graph]))
    initial = sum(node.operand(0).type.nbytes for node in state_reads(graph))
    weights = sum(value.type.nbytes for value in graph.constants())
    assert two - one < 4 * len(graph.nodes) * 16
    assert write_models([graph, graph]).count(np.asarray(state_reads(graph)[0].operand(0).data).tobytes()) == 1
    assert 0 < initial < weights


def read_twice(main: Graph, init: Graph, x: Value) -> None:
    """Two reads through two handles, one before and one after the assignment."""
    start(init)
    main.outputs = [double(main, read(main, handle(main), "r"), "y")]
    target = handle(main)
    assign(main, target, x)
    main.outputs.append(double(main, read(main, target, "s"), "z"))


def assigned_twice(main: Graph, init: Graph, x: Value) -> None:
    start(init)
    target = handle(main)
    before = read(main, target, "r")
    assign(main, target, before)
    again = double(main, read(main, target, "s"), "t")
    assign(main, target, x)
    main.outputs = [again]


def never_assigned(main: Graph, init: Graph, x: Value) -> None:
    start(init)
    output = Value("y", F32)
    main.append("MAXIMUM", [x, read(main, handle(main), "r")], [output], NO_ATTRS)
    main.outputs = [output]


def never_read(main: Graph, init: Graph, x: Value) -> None:
    start(init)
    assign(main, handle(main), x)
    main.outputs = [double(main, x, "y")]


def a_chain_of_two_that_ends_nowhere(main: Graph, init: Graph, x: Value) -> None:
    """`w` is only kept to be assigned to `v`, which nobody reads."""
    for name in ("v", "w"):
        start(init, name)
    target = handle(main, "w")
    assign(main, handle(main, "v"), read(main, target, "r"))
    assign(main, target, x)
    main.outputs = [double(main, x, "y")]


def a_long_chain_that_nothing_hears(main: Graph, init: Graph, x: Value) -> None:
    """A thousand variables that only hand their values on."""
    targets = []
    for index in range(1000):
        start(init, f"v{index}")
        targets.append(handle(main, f"v{index}"))
    values = [read(main, target, f"r{index}") for index, target in enumerate(targets)]
    for index, target in enumerate(targets):
        assign(main, target, values[index - 1] if index else x)
    main.outputs = [double(main, x, "y")]


def two_containers(main: Graph, init: Graph, x: Value) -> None:
    main.outputs = []
    for container in ("a", "b"):
        start(init, container=container, data=START + len(main.outputs))
        target = handle(main, container=container)
        main.outputs.append(double(main, read(main, target, f"r{container}"), f"y{container}"))
        assign(main, target, x)


def names_of_one_text(main: Graph, init: Graph, x: Value) -> None:
    """`a/b` in no container and `b` in the container `a`."""
    main.outputs = []
    for number, (container, name) in enumerate([("", "a/b"), ("a", "b")]):
        start(init, name, START + number, container)
        target = handle(main, name, container)
        main.outputs.append(double(main, read(main, target, f"r{number}"), f"y{number}"))
        assign(main, target, x)


UNUSUAL: dict[Make, tuple[str, ...]] = {
    plain: ("v",),
    read_twice: ("v",),
    assigned_twice: ("v",),
    never_assigned: (),
    never_read: (),
    two_containers: ("a/v", "b/v"),
    names_of_one_text: ("a/b", "a/b#1"),
}
SILENT: tuple[Make, ...] = (a_chain_of_two_that_ends_nowhere, a_long_chain_that_nothing_hears)


@pytest.mark.parametrize(
    "make",
    [*UNUSUAL, *SILENT],
    ids=lambda make: make.__name__,
)
@both
def test_files_of_others_step_as_they_did(executor: str, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    data = file_of(make, monkeypatch)
    graph = read_tflite(data)
    monkeypatch.undo()
    assert tuple(node.attrs.variable for node in state_reads(graph)) == UNUSUAL.get(make, ())
    samples = random_samples(graph, 5)
    before = run_isolated("litert", data, samples, in_steps=True)  # the wheel of tflm counts names, not containers
    assert difference(before, EXECUTORS[executor].run_steps(write_tflite(graph), samples)) is None


@both
def test_several_subgraphs_may_start_variables(executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Graph("other")
    start(other, "w", START + 5)

    def make(main: Graph, init: Graph, x: Value) -> None:
        plain(main, init, x)
        main.append("CALL_ONCE", [], [], CallOnce(2))
        main.nodes.insert(0, main.nodes.pop())
        target = handle(main, "w")
        main.outputs.append(double(main, read(main, target, "rw"), "yw"))
        assign(main, target, x)

    data = file_of(make, monkeypatch, [other])
    graph = read_tflite(data)
    monkeypatch.undo()
    samples = random_samples(graph, 3)
    before = run_isolated(executor, data, samples, in_steps=True)
    assert difference(before, EXECUTORS[executor].run_steps(write_tflite(graph), samples)) is None
    assert [array.tolist() for array in before[0]] == [(2 * START).tolist(), (2 * START + 10).tolist()]


def test_names_that_c_would_read_alike_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(main: Graph, init: Graph, x: Value) -> None:
        main.outputs = []
        for number, name in enumerate(["a\0b", "a\0c", "a#b"]):
            start(init, name, START + number)
            target = handle(main, name)
            main.outputs.append(double(main, read(main, target, f"r{number}"), f"y{number}"))
            assign(main, target, x)

    graph = read_tflite(file_of(make, monkeypatch))
    assert [node.attrs.variable for node in state_reads(graph)] == ["a#b", "a#c", "a#b#1"]
