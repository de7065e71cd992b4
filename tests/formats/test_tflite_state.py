"""Variables in TFLite files: sound ones, unusual ones and hostile ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from redsc.codegen.container import is_same_model
from redsc.errors import MalformedModel, UnsupportedError
from redsc.formats import load_model, read_tflite, write_models, write_tflite
from redsc.formats.tflite import writer
from redsc.formats.tflite.state import CallOnce, FileGraph, VarHandle, file_graphs
from redsc.ir import NO_ATTRS, Add, Array, DType, Graph, TensorType, Value, Variable, print_graph, state_reads
from redsc.runtime import EXECUTORS, installed, run_isolated
from redsc.runtime.compare import difference, random_samples
from tests.conftest import Zoo
from tests.helpers import STREAMING, small_net, streaming_net

STEPS = 20
F32 = TensorType((2,), DType.FLOAT32)
START = np.array([3, 4], np.float32)

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


Make = Callable[[Graph, Graph, Value], None]


def handle(graph: Graph, name: str = "v", container: str = "") -> Value:
    made = Value(f"{graph.name} handle {len(graph.nodes)}", TensorType((), DType.INT32))
    graph.append("VAR_HANDLE", [], [made], VarHandle(name, container))
    return made


def start(init: Graph, name: str = "v", data: Array = START, container: str = "") -> None:
    values = [handle(init, name, container), Value.constant(f"initial {len(init.nodes)}", data)]
    init.append("ASSIGN_VARIABLE", values, [], Variable())


def read(graph: Graph, source: Value, name: str, kind: TensorType = F32) -> Value:
    output = Value(name, kind)
    graph.append("READ_VARIABLE", [source], [output], Variable())
    return output


def assign(graph: Graph, target: Value, value: Value) -> None:
    graph.append("ASSIGN_VARIABLE", [target, value], [], Variable())


def double(graph: Graph, value: Value, name: str) -> Value:
    output = Value(name, value.type)
    graph.append("ADD", [value, value], [output], Add())
    return output


def file_of(make: Make, monkeypatch: pytest.MonkeyPatch, more: Sequence[Graph] = ()) -> bytes:
    """Return the file of a graph with CALL_ONCE and of the one that it calls, both as `make` completes them."""
    main, init = Graph("main", inputs=[Value("x", F32)]), Graph("init")
    main.append("CALL_ONCE", [], [], CallOnce())
    make(main, init, main.inputs[0])
    parts = [FileGraph(g, frozenset(v for v in g.values() if "handle" in v.name)) for g in (main, init, *more)]
    monkeypatch.setattr(writer, "file_graphs", lambda _graph: parts)
    stored = Graph()
    constants = [value for part in parts for value in part.graph.constants()]
    stored.append("ADD_N", constants, [Value("", F32)], NO_ATTRS)
    return write_tflite(stored)


def plain(main: Graph, init: Graph, x: Value) -> None:
    start(init)
    target = handle(main)
    main.outputs = [double(main, read(main, target, "r"), "y")]
    assign(main, target, x)


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


def no_handle(main: Graph, init: Graph, x: Value) -> None:
    start(init)
    main.outputs = [read(main, Value("handle nobody makes", TensorType((), DType.INT32)), "r")]


def handle_after_use(main: Graph, init: Graph, x: Value) -> None:
    plain(main, init, x)
    main.nodes[1], main.nodes[2] = main.nodes[2], main.nodes[1]


def reads_a_number(main: Graph, init: Graph, x: Value) -> None:
    start(init)
    main.outputs = [read(main, x, "r")]


def computes_with_a_handle(main: Graph, init: Graph, x: Value) -> None:
    start(init)
    main.outputs = [double(main, handle(main), "y")]


def gives_a_handle_out(main: Graph, init: Graph, x: Value) -> None:
    start(init)
    main.outputs = [handle(main)]


def takes_a_handle_in(main: Graph, init: Graph, x: Value) -> None:
    start(init)
    main.inputs.append(Value("handle from outside", TensorType((), DType.INT32)))
    main.outputs = [double(main, x, "y")]


def two_shapes(main: Graph, init: Graph, x: Value) -> None:
    plain(main, init, x)
    init.nodes[1].inputs = (init.nodes[1].inputs[0], Value.constant("long", np.zeros(3, np.float32)))


def two_element_types(main: Graph, init: Graph, x: Value) -> None:
    plain(main, init, x)
    init.nodes[1].inputs = (init.nodes[1].inputs[0], Value.constant("whole", np.zeros(2, np.int32)))


def starts_with_a_variable(main: Graph, init: Graph, x: Value) -> None:
    plain(main, init, x)
    init.nodes[1].inputs = (init.nodes[1].inputs[0], Value("nothing", F32))


def assigns_a_handle(main: Graph, init: Graph, x: Value) -> None:
    start(init)
    target = handle(main)
    assign(main, target, target)
    main.outputs = [double(main, x, "y")]


def assigns_nothing(main: Graph, init: Graph, x: Value) -> None:
    start(init)
    main.append("ASSIGN_VARIABLE", [handle(main)], [], Variable())
    main.outputs = [double(main, x, "y")]


def reads_into_an_input(main: Graph, init: Graph, x: Value) -> None:
    start(init)
    main.append("READ_VARIABLE", [handle(main)], [x], Variable())
    main.outputs = [double(main, x, "y")]


def reads_twice_into_one(main: Graph, init: Graph, x: Value) -> None:
    start(init)
    target = handle(main)
    output = read(main, target, "r")
    node = main.append("READ_VARIABLE", [target], [Value("other", F32)], Variable())
    node.outputs = (output,)
    main.outputs = [double(main, output, "y")]


def makes_one_handle_twice(main: Graph, init: Graph, x: Value) -> None:
    plain(main, init, x)
    node = main.append("VAR_HANDLE", [], [Value("other handle", TensorType((), DType.INT32))], VarHandle("w"))
    node.outputs = main.nodes[1].outputs


def runs_itself_once(main: Graph, init: Graph, x: Value) -> None:
    plain(main, init, x)
    main.nodes[0].attrs = CallOnce(0)


def runs_what_is_not_there(main: Graph, init: Graph, x: Value) -> None:
    plain(main, init, x)
    main.nodes[0].attrs = CallOnce(7)


def runs_below_zero(main: Graph, init: Graph, x: Value) -> None:
    plain(main, init, x)
    main.nodes[0].attrs = CallOnce(-1)


MALFORMED: dict[Make, str] = {
    no_handle: "reads no handle that a VAR_HANDLE before it makes",
    handle_after_use: "reads no handle that a VAR_HANDLE before it makes",
    reads_a_number: "reads no handle",
    computes_with_a_handle: "ADD computes with the handle of a variable",
    gives_a_handle_out: "a graph input or output",
    takes_a_handle_in: "a graph input or output",
    two_shapes: "has the types of 'long' and of 'r'",
    two_element_types: "has the types of 'whole' and of 'r'",
    starts_with_a_variable: "the initial value of the variable 'v' is no constant",
    assigns_a_handle: "has no value to assign",
    assigns_nothing: "has no value to assign",
    reads_into_an_input: "has two producers",
    reads_twice_into_one: "has two producers",
    makes_one_handle_twice: "does not make one handle of its own",
    runs_itself_once: r"CALL_ONCE runs subgraph 0, the others are 1\.\.1",
    runs_what_is_not_there: r"CALL_ONCE runs subgraph 7, the others are 1\.\.1",
    runs_below_zero: r"CALL_ONCE runs subgraph -1, the others are 1\.\.1",
}


@pytest.mark.parametrize("make", MALFORMED, ids=lambda make: make.__name__)
def test_a_malformed_file_is_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    data = file_of(make, monkeypatch)
    with pytest.raises(MalformedModel, match=MALFORMED[make]):
        read_tflite(data)


def nothing_starts_it(main: Graph, init: Graph, x: Value) -> None:
    plain(main, init, x)
    init.nodes.clear()


def starts_after_use(main: Graph, init: Graph, x: Value) -> None:
    plain(main, init, x)
    main.nodes.append(main.nodes.pop(0))


def starts_with_a_computation(main: Graph, init: Graph, x: Value) -> None:
    plain(main, init, x)
    double(init, Value.constant("k", START), "kk")


def starts_by_starting_itself(main: Graph, init: Graph, x: Value) -> None:
    plain(main, init, x)
    init.append("CALL_ONCE", [], [], CallOnce(1))


UNSUPPORTED: dict[Make, str] = {
    nothing_starts_it: "the variable 'v' is read, but no CALL_ONCE gives it an initial value",
    starts_after_use: "at CALL_ONCE: it runs after variables were read or assigned",
    starts_with_a_computation: "at CALL_ONCE: ADD: redsc reads assignments of constants only",
    starts_by_starting_itself: "at CALL_ONCE: CALL_ONCE: redsc reads assignments of constants only",
}


@pytest.mark.parametrize("make", UNSUPPORTED, ids=lambda make: make.__name__)
def test_a_file_that_starts_otherwise_is_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    data = file_of(make, monkeypatch)
    with pytest.raises(UnsupportedError) as caught:
        read_tflite(data)
    assert UNSUPPORTED[make] in caught.value.diagnostic.evidence


def test_a_variable_with_two_scales_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = streaming_net()
    parts = file_graphs(graph)
    node = next(node for node in parts[1].graph.nodes if node.op == "ASSIGN_VARIABLE")
    quant = node.operand(1).type.quant
    assert quant is not None
    node.operand(1).type = replace(node.operand(1).type, quant=replace(quant, scales=(0.125,)))
    monkeypatch.setattr(writer, "file_graphs", lambda _graph: parts)
    with pytest.raises(UnsupportedError, match="cannot translate") as caught:
        read_tflite(write_tflite(graph))
    assert caught.value.diagnostic.evidence[0].startswith("the variable 'stream0' has the scales of")


def test_a_subgraph_that_nothing_runs_once_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = file_of(plain, monkeypatch, [small_net(DType.FLOAT32)])
    with pytest.raises(UnsupportedError, match="3 subgraphs"):
        read_tflite(data)


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
