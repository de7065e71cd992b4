"""IF of TFLite files: the branch that a known condition takes stands in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from redsc.errors import LimitExceeded, MalformedModel, UnsupportedError
from redsc.formats import read_tflite, write_tflite
from redsc.formats.tflite.read.conditions import COMPUTED, Known
from redsc.formats.tflite.state import CallOnce
from redsc.ir import NO_ATTRS, OPS, Activation, DType, Graph, ShapeOf, StridedSlice, TensorType, Value, state_reads
from redsc.ir.signatures import Signature
from redsc.limits import Limits
from redsc.passes import SIMPLIFY
from redsc.passes.base import Log, load_pass, run_passes
from redsc.runtime import EXECUTORS, installed, run_isolated
from redsc.runtime.compare import difference, random_samples
from tests.formats.tflite.branch_files import branch, choose, file_with_branches, repeat
from tests.formats.tflite.state_files import F32, assign, handle, read, start
from tests.op_samples import sample_graph, sample_inputs, signature_cases

TRUTH = TensorType((), DType.BOOL)
both = pytest.mark.parametrize("executor", ["litert", "tflm"])


def scalar(name: str, number: Any) -> Value:
    return Value.constant(name, np.array(number))


def node(graph: Graph, op: str, *operands: Value, kind: TensorType = F32, attrs: Any = NO_ATTRS) -> Value:
    output = Value(f"{graph.name} {op} {len(graph.nodes)}", kind)
    graph.append(op, list(operands), [output], attrs)
    return output


def is_wide(graph: Graph, value: Value, width: int) -> Value:
    """Ask, as converters do, whether the last axis of a tensor is so wide."""
    index = TensorType((), DType.INT32)
    sizes = node(graph, "SHAPE", value, kind=TensorType((len(value.type.shape),), DType.INT32), attrs=ShapeOf())
    ends = [Value.constant(f"{graph.name} end {i} {len(graph.nodes)}", np.array([i], np.int32)) for i in (0, 1)]
    step = Value.constant(f"{graph.name} step {len(graph.nodes)}", np.array([1], np.int32))
    last = node(graph, "STRIDED_SLICE", sizes, *ends, step, kind=index, attrs=StridedSlice(shrink_axis_mask=1))
    wanted = Value.constant(f"{graph.name} wanted {len(graph.nodes)}", np.array(width, np.int32))
    return node(graph, "EQUAL", last, wanted, kind=TRUTH)


def one_op(name: str, op: str, source: Value) -> Graph:
    graph = branch(name, [source])
    graph.outputs = [node(graph, op, graph.inputs[0])]
    return graph


def chosen(width: int) -> list[Graph]:
    """Return a network that takes RELU for inputs so wide, else TANH; they have 2 numbers."""
    main = Graph("main", [Value("x", F32)])
    result = Value("r", F32)
    choose(main, is_wide(main, main.inputs[0], width), main.inputs, [result], 1, 2)
    main.outputs = [node(main, "ABS", result)]
    return [main, one_op("then", "RELU", main.inputs[0]), one_op("other", "TANH", main.inputs[0])]


def of_constant() -> list[Graph]:
    main = Graph("main", [Value("x", F32)])
    main.outputs = [Value("r", F32)]
    choose(main, scalar("no", False), main.inputs, main.outputs, 1, 2)
    return [main, one_op("then", "RELU", main.inputs[0]), one_op("other", "TANH", main.inputs[0])]


def nested() -> list[Graph]:
    """The branch of a branch: asks for the size of what the outer one makes."""
    main, inner = Graph("main", [Value("x", F32)]), branch("inner", [Value("x", F32)])
    main.outputs, inner.outputs = [Value("r", F32)], [Value("s", F32)]
    choose(main, is_wide(main, main.inputs[0], 2), main.inputs, main.outputs, 3, 1)
    made = node(inner, "NEG", inner.inputs[0])
    choose(inner, is_wide(inner, made, 3), [made], inner.outputs, 1, 2)
    return [main, one_op("then", "RELU", made), one_op("other", "TANH", made), inner]


def twice() -> list[Graph]:
    main, source = Graph("main", [Value("x", F32)]), Value("x", F32)
    for number in range(2):
        result = Value(f"r{number}", F32)
        choose(main, scalar(f"yes{number}", True), [source if number else main.inputs[0]], [result], 1, 2)
        source = result
    main.outputs = [source]
    return [main, one_op("then", "TANH", main.inputs[0]), one_op("other", "RELU", main.inputs[0])]


def passes_on() -> list[Graph]:
    """A branch that gives an operand and a constant of its own."""
    main, other = Graph("main", [Value("x", F32)]), branch("then", [Value("x", F32)])
    results = [Value("r0", F32), Value("r1", F32)]
    other.outputs = [other.inputs[0], Value.constant("k", np.array([2, 3], np.float32))]
    choose(main, scalar("yes", True), main.inputs, results, 1, 1)
    main.outputs = [node(main, "MUL", *results, attrs=OPS["MUL"].attrs())]
    return [main, other]


def with_state() -> list[Graph]:
    """A branch that reads and assigns a variable whose handle it is given."""
    main, init, then = Graph("main", [Value("x", F32)]), Graph("init"), branch("then", [Value("x", F32)])
    main.append("CALL_ONCE", [], [], CallOnce())
    start(init)
    own = handle(then)
    then.outputs = [node(then, "ADD", read(then, own, "old"), then.inputs[0], attrs=OPS["ADD"].attrs())]
    assign(then, own, then.outputs[0])
    main.outputs = [Value("r", F32)]
    choose(main, scalar("yes", True), main.inputs, main.outputs, 2, 2)
    return [main, init, then]


CASES: dict[str, tuple[Callable[[], list[Graph]], str]] = {
    "then": (lambda: chosen(2), "RELU ABS"),
    "else": (lambda: chosen(7), "TANH ABS"),
    "a constant": (of_constant, "TANH"),
    "one inside another": (nested, "NEG TANH"),
    "the same branch twice": (twice, "TANH TANH"),
    "operands and constants passed on": (passes_on, "MUL"),
    "state": (with_state, "READ_VARIABLE ADD ASSIGN_VARIABLE"),
}


@both
@pytest.mark.parametrize("name", CASES)
def test_a_branch_is_taken(name: str, executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, wanted = CASES[name]
    data = file_with_branches(make(), monkeypatch)
    graph = read_tflite(data)
    run_passes(graph, [load_pass(where) for where in SIMPLIFY.values()], Log())
    assert " ".join(item.op for item in graph.nodes) == wanted
    assert len(state_reads(graph)) == (name == "state")
    if not installed(executor):
        pytest.skip(f"{EXECUTORS[executor].package} is not installed")
    samples = random_samples(graph, 3)
    before = run_isolated(executor, data, samples, in_steps=True)
    assert difference(before, EXECUTORS[executor].run_steps(write_tflite(graph), samples)) is None


def test_what_depends_on_data_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    main = Graph("main", [Value("x", F32)])
    level, axis = Value.constant("level", np.zeros(2, np.float32)), Value.constant("axis", np.array([0], np.int32))
    is_loud = node(main, "GREATER", main.inputs[0], level, kind=TensorType((2,), DType.BOOL))
    every = node(main, "REDUCE_ALL", is_loud, axis, kind=TRUTH, attrs=OPS["REDUCE_ALL"].attrs())
    main.outputs = [Value("r", F32)]
    choose(main, every, main.inputs, main.outputs, 1, 2)
    graphs = [main, one_op("then", "RELU", main.inputs[0]), one_op("other", "TANH", main.inputs[0])]
    with pytest.raises(UnsupportedError) as caught:
        read_tflite(file_with_branches(graphs, monkeypatch))
    assert caught.value.diagnostic.evidence == ("at IF 'r': its condition is computed from 'x'",)


def looping(width: int) -> list[Graph]:
    """Return a network with a loop in the branch that it takes for inputs so wide."""
    graphs = chosen(width)
    then = branch("then", graphs[0].inputs)
    then.outputs = [Value("last", F32)]
    repeat(then, then.inputs, then.outputs, 2, 2)
    return [graphs[0], then, graphs[2]]


def test_only_the_branch_that_is_taken_is_asked_for_its_ops(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_tflite(file_with_branches(looping(7), monkeypatch))
    with pytest.raises(UnsupportedError) as caught:
        read_tflite(file_with_branches(looping(2), monkeypatch))
    (line,) = caught.value.diagnostic.evidence
    assert line.startswith("at operator 0: WHILE: it repeats a subgraph until data say stop")


def runs_itself() -> list[Graph]:
    graphs = of_constant()
    inner = graphs[2]
    choose(inner, scalar("again", True), inner.inputs, [Value("deep", F32)], 2, 2)
    return graphs


def runs_the_network() -> list[Graph]:
    graphs = of_constant()
    choose(graphs[2], scalar("again", True), graphs[2].inputs, [Value("deep", F32)], 0, 0)
    return graphs


def runs_nothing() -> list[Graph]:
    return of_constant()[:2]


def too_many_operands() -> list[Graph]:
    graphs = of_constant()
    graphs[2].inputs.append(Value("more", F32))
    return graphs


def another_operand() -> list[Graph]:
    graphs = of_constant()
    graphs[2].inputs[0].type = TensorType((3,), DType.FLOAT32)
    return graphs


def too_many_results() -> list[Graph]:
    graphs = of_constant()
    graphs[2].outputs.append(graphs[2].inputs[0])
    return graphs


def another_result() -> list[Graph]:
    graphs = of_constant()
    graphs[0].outputs[0].type = TensorType((2,), DType.INT32)
    return graphs


def two_truths() -> list[Graph]:
    graphs = of_constant()
    condition = graphs[0].nodes[0].operand(0)
    condition.type, condition.data = TensorType((2,), DType.BOOL), np.array([True, True])
    return graphs


DAMAGED = (
    runs_itself,
    runs_the_network,
    runs_nothing,
    too_many_operands,
    another_operand,
    too_many_results,
    another_result,
    two_truths,
)


@pytest.mark.parametrize("make", DAMAGED)
def test_a_damaged_choice_is_malformed(make: Callable[[], list[Graph]], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MalformedModel):
        read_tflite(file_with_branches(make(), monkeypatch))


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        (Limits(), "with its branches"),
        (Limits(nodes=200, growth=1000), "202 operators with its branches, the limit is 200"),
        (Limits(nesting=10), "11 branches inside each other"),
    ],
)
def test_branches_of_branches_cannot_grow_without_end(
    limits: Limits, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each subgraph runs the next one twice: 2^16 operators from 34."""
    graphs = [Graph("main", [Value("x", F32)]), *(branch(f"b{n}", [Value("x", F32)]) for n in range(1, 17))]
    for number, graph in enumerate(graphs[:-1]):
        source = graph.inputs[0]
        for place in range(2):
            result = Value(f"r{number} {place}", F32)
            choose(graph, scalar(f"yes{number} {place}", True), [source], [result], number + 1, number + 1)
            source = result
        graph.outputs = [source]
    graphs[-1].outputs = [node(graphs[-1], "RELU", graphs[-1].inputs[0])]
    with pytest.raises(LimitExceeded, match=problem):
        read_tflite(file_with_branches(graphs, monkeypatch), limits)


def test_every_op_that_is_known_is_compared() -> None:
    assert {name for name, _ in known_cases()} == set(COMPUTED)


def known_cases() -> list[tuple[str, Signature]]:
    kinds = {DType.INT32, DType.INT64, DType.BOOL}
    return [
        (name, row) for name, row in signature_cases() if name in COMPUTED and {*row.inputs, row.output} <= kinds
    ]


@pytest.mark.parametrize(("name", "row"), known_cases())
def test_what_is_known_is_what_litert_computes(name: str, row: Signature) -> None:
    graph = sample_graph(name, row)
    if hasattr(graph.nodes[-1].attrs, "activation"):
        graph.nodes[-1].attrs = replace(graph.nodes[-1].attrs, activation=Activation.NONE)
    (sample,) = sample_inputs(graph, 1)
    (wanted,) = EXECUTORS["litert"].run(write_tflite(graph), [sample])
    known = Known(dict(zip(graph.inputs, sample, strict=True)))
    known.note(graph.nodes[-1])
    found = known.of(graph.outputs[0])
    assert found is not None
    assert found.dtype == wanted[0].dtype
    np.testing.assert_array_equal(found, wanted[0])
