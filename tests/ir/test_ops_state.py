from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from redsc.errors import MalformedModel
from redsc.ir import (
    DType,
    Graph,
    GraphBuilder,
    Value,
    Variable,
    copy_graph,
    keeps_state,
    parse_graph,
    print_graph,
    state_reads,
    verify_graph,
)
from redsc.ir.verifier import graph_problems
from tests.helpers import small_net, streaming_net


def delay(*names: str, dtype: DType = DType.FLOAT32) -> Graph:
    """Return y[t] = x[t - 1], with a variable of each name."""
    builder = GraphBuilder()
    for name in names:
        source = builder.input("x", (2,), dtype)
        initial = builder.constant("start", np.zeros(2, dtype.numpy))
        builder.output(builder.op("READ_VARIABLE", initial, attrs=Variable(name), name="y"))
        builder.split_op("ASSIGN_VARIABLE", source, attrs=Variable(name), names=())
    return builder.graph


@pytest.mark.parametrize("name", ["a", "stream/states", 'a "quoted" name', "\\", "ünïcode", "", "new\nline"])
def test_the_text_form_keeps_names_of_variables(name: str) -> None:
    graph = delay(name)
    verify_graph(graph)
    again = parse_graph(print_graph(graph))
    assert print_graph(again) == print_graph(graph)
    assert [node.attrs.variable for node in again.nodes] == [name, name]


def test_a_network_with_variables_keeps_state() -> None:
    graph = streaming_net()
    assert keeps_state(graph)
    assert not keeps_state(small_net())
    assert [node.attrs.variable for node in state_reads(graph)] == ["stream0", "stream7"]


def test_a_copy_has_variables_of_the_same_names() -> None:
    graph = streaming_net()
    made = copy_graph(graph)
    verify_graph(made)
    assert print_graph(made) == print_graph(graph)


def test_a_node_without_outputs_is_called_by_what_it_reads() -> None:
    read, assignment = delay("a").nodes
    assert (read.name, assignment.name) == ("y", "x")


def problems(graph: Graph) -> list[str]:
    return list(graph_problems(graph))


def test_a_variable_is_read_and_assigned_once() -> None:
    graph = delay("a", "a")
    found = ", ".join(["READ_VARIABLE", "ASSIGN_VARIABLE"] * 2)
    assert f"the variable 'a' has {found}, not one read and then one assignment" in problems(graph)
    with pytest.raises(MalformedModel):
        verify_graph(graph)


def test_a_read_comes_before_the_assignment() -> None:
    graph = delay("a")
    graph.nodes.reverse()
    assert problems(graph) == [
        "the variable 'a' has ASSIGN_VARIABLE, READ_VARIABLE, not one read and then one assignment"
    ]


def test_a_variable_has_one_type() -> None:
    graph = delay("a")
    other = Value("z", replace(graph.inputs[0].type, shape=(3,)))
    graph.set_input(graph.nodes[1], 0, other)
    graph.inputs = [other]
    assert problems(graph) == ["the variable 'a' is read and assigned in different types"]


def test_a_variable_starts_with_a_constant() -> None:
    graph = delay("a")
    graph.set_input(graph.nodes[0], 0, graph.inputs[0])
    assert problems(graph) == ["the variable 'a' starts with 'x', which is no constant"]
