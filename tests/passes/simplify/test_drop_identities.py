from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.formats import write_tflite
from redsc.ir import DType, Graph, parse_graph, print_graph, verify_graph
from redsc.passes.base import Log
from redsc.passes.simplify.drop_identities import DropIdentities
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import difference, random_samples
from tests.helpers import NetBuilder

IDENTITY = """graph @g {
  input %x: f32[1,2]
  %a: f32[1,2] = RELU(%x)
  %b: f32[1,2] = RESHAPE(%a) {new_shape=[1,2]} @"same"
  %c: f32[1,2] = TANH(%b)
  output %c
}
"""
VIEWS = """graph @g {
  input %x: f32[1,2,1,2]
  %a: f32[1,4] = RESHAPE(%x) {new_shape=[1,4]} @"first"
  %b: f32[2,2] = RESHAPE(%a) {new_shape=[2,2]} @"second"
  %c: f32[2,2] = TANH(%b)
  output %c
}
"""


def run(text: str) -> tuple[Graph, Log, bool]:
    graph, log = parse_graph(text), Log()
    changed = DropIdentities().run(graph, log)
    verify_graph(graph)
    return graph, log, changed


def printed(text: str) -> str:
    return print_graph(run(text)[0])


def test_rule_1_a_view_that_changes_nothing_goes() -> None:
    assert (
        printed(IDENTITY)
        == """graph @g {
  input %x: f32[1,2]
  %a: f32[1,2] = RELU(%x)
  %c: f32[1,2] = TANH(%a)
  output %c
}
"""
    )


def test_rule_1_the_value_takes_on_the_name_of_a_graph_output() -> None:
    assert (
        printed(IDENTITY.replace("  %c: f32[1,2] = TANH(%b)\n  output %c", "  output %b"))
        == """graph @g {
  input %x: f32[1,2]
  %b: f32[1,2] = RELU(%x)
  output %b
}
"""
    )


def test_rule_2_a_view_of_a_view_is_one() -> None:
    graph, log, _ = run(VIEWS)
    assert (
        print_graph(graph)
        == """graph @g {
  input %x: f32[1,2,1,2]
  %b: f32[2,2] = RESHAPE(%x) {new_shape=[2,2]} @"second"
  %c: f32[2,2] = TANH(%b)
  output %c
}
"""
    )
    assert [e.render() for e in log.entries] == [
        "drop-identities: changed second: the RESHAPE before it moves nothing"
    ]


def test_rule_2_the_axes_of_a_squeeze_are_those_of_its_own_input() -> None:
    text = VIEWS.replace("[1,4]", "[2,1,2]").replace(
        "RESHAPE(%a) {new_shape=[2,2]}", "SQUEEZE(%a) {squeeze_dims=[1]}"
    )
    assert '%b: f32[2,2] = RESHAPE(%x) {new_shape=[2,2]} @"second"' in printed(text)


def test_rule_2_the_first_stays_where_something_else_reads_it() -> None:
    graph, _, _ = run(VIEWS.replace("  output %c", "  output %a\n  output %c"))
    assert [node.op for node in graph.nodes] == ["RESHAPE", "RESHAPE", "TANH"]
    assert graph.nodes[1].operand(0) is graph.inputs[0]


def test_rules_1_and_2_there_and_back_again_is_nothing() -> None:
    text = VIEWS.replace("%b: f32[2,2]", "%b: f32[1,2,1,2]").replace("{new_shape=[2,2]}", "{new_shape=[1,2,1,2]}")
    graph, _, _ = run(text.replace("%c: f32[2,2]", "%c: f32[1,2,1,2]"))
    assert [node.op for node in graph.nodes] == ["TANH"]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (IDENTITY.replace("  %a: f32[1,2] = RELU(%x)\n", "").replace("RESHAPE(%a)", "RESHAPE(%x)"), "x"),
        (IDENTITY.replace("input %x: f32[1,2]", "input %x: f32[1,2]\n  const %k: f32[1,2] = [1,2]"), "k"),
        (IDENTITY.replace("  output %c", "  output %a\n  output %c"), "a"),
    ],
)
def test_rule_3_no_input_constant_or_other_output_becomes_an_output(text: str, source: str) -> None:
    text = text.replace("RESHAPE(%a)", f"RESHAPE(%{source})").replace("output %c", "output %b")
    graph, log, changed = run(text)
    assert not changed
    assert "same" in [node.name for node in graph.nodes]
    assert log.entries[0].render() == f"drop-identities: kept same: the output would be {source!r} itself"


def test_rule_4_a_view_that_notes_another_scale_stays() -> None:
    text = IDENTITY.replace("%a: f32[1,2]", "%a: f32[1,2] q(0.5,0)").replace(
        "%b: f32[1,2]", "%b: f32[1,2] q(0.25,0)"
    )
    assert not run(text)[2]
    text = VIEWS.replace("%x: f32[1,2,1,2]", "%x: f32[1,2,1,2] q(0.5,0)").replace(
        "%a: f32[1,4]", "%a: f32[1,4] q(1,0)"
    )
    assert not run(text)[2]


@st.composite
def views(draw: DrawFn) -> Graph:
    """Return chains of views between activations; some of them change nothing."""
    net = NetBuilder(draw(st.sampled_from([DType.FLOAT32, DType.INT8])))
    value = net.node("RELU", net.input(1, 2, 1, 4))
    made = [value]
    for kind in draw(st.lists(st.sampled_from(["RESHAPE", "SQUEEZE", "EXPAND_DIMS", "RELU"]), max_size=8)):
        shape = value.type.shape
        if kind == "RESHAPE":
            target = draw(st.sampled_from([(1, 2, 1, 4), (8,), (2, 4), shape]))
            value = net.reshape(value, *target)
        elif kind == "SQUEEZE" and 1 in shape:
            value = net.node("SQUEEZE", value, squeeze_dims=(shape.index(1),))
        elif kind == "EXPAND_DIMS" and len(shape) < 5:
            value = net.node("EXPAND_DIMS", value, np.array(draw(st.integers(0, len(shape))), np.int32))
        else:
            value = net.unary("RELU", value)
        made.append(value)
    others = [item for item in made if item is not value and draw(st.booleans())]
    return net.outputs(value, *others[:2])


@given(views())
def test_the_outputs_are_equal_bit_for_bit_and_twice_is_once(graph: Graph) -> None:
    samples, litert = random_samples(graph, 2), EXECUTORS["litert"]
    names = [value.name for value in graph.outputs]
    before = litert.run(write_tflite(graph), samples)
    DropIdentities().run(graph, Log())
    verify_graph(graph)
    assert [value.name for value in graph.outputs] == names
    assert difference(before, litert.run(write_tflite(graph), samples)) is None
    once = print_graph(graph)
    DropIdentities().run(graph, Log())
    assert print_graph(graph) == once
