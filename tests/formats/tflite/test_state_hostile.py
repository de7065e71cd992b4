"""Files whose variables are damaged, or start in a way that redsc does not translate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from redsc.errors import MalformedModel, UnsupportedError
from redsc.formats import read_tflite, write_tflite
from redsc.formats.tflite import writer
from redsc.formats.tflite.state import CallOnce, VarHandle, file_graphs
from redsc.ir import DType, Graph, TensorType, Value, Variable, print_graph
from tests.formats.tflite.state_files import F32, START, Make, assign, double, file_of, handle, plain, read, start
from tests.helpers import small_net, streaming_net


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


def test_a_subgraph_that_nothing_runs_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = read_tflite(file_of(plain, monkeypatch))
    assert print_graph(read_tflite(file_of(plain, monkeypatch, [small_net(DType.FLOAT32)]))) == print_graph(wanted)
