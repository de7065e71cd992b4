from __future__ import annotations

import pytest
from hypothesis import given

from redsc.formats import write_tflite
from redsc.ir import DType, Graph, parse_graph, print_graph, verify_graph
from redsc.passes.base import Log
from redsc.passes.simplify.fuse_activation import FuseActivation
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import difference, random_samples
from tests.strategies import graphs

CONV = """\
graph @main {
  input %x: f32[1,2,2,1]
  const %w: f32[1,1,1,1] = [1.0]
  %a: f32[1,2,2,1] = CONV_2D(%x, %w) @"conv"
  %b: f32[1,2,2,1] = RELU(%a) @"act"
  output %b
}
"""


def run(text: str) -> tuple[Graph, Log, bool]:
    graph, log = parse_graph(text), Log()
    changed = FuseActivation().run(graph, log)
    verify_graph(graph)
    return graph, log, changed


def test_rule_1_the_producer_takes_over_the_activation_and_its_name() -> None:
    graph, _, changed = run(CONV)
    assert changed
    (node,) = graph.nodes
    assert print_graph(graph).splitlines()[3].strip() == (
        "%b: f32[1,2,2,1] = CONV_2D(%x, %w) {padding=SAME, stride_h=1, stride_w=1, dilation_h=1, dilation_w=1, "
        'activation=RELU} @"conv" @"act"'
    )
    assert node.name == "conv"


def test_rule_1_an_op_that_has_an_activation_already_keeps_it() -> None:
    text = CONV.replace("CONV_2D(%x, %w)", "CONV_2D(%x, %w) {activation=RELU6}")
    graph, _, changed = run(text)
    assert not changed
    assert [node.op for node in graph.nodes] == ["CONV_2D", "RELU"]


@pytest.mark.parametrize("extra", ["  output %a\n", ""])
def test_rule_2_refuses_where_something_else_reads_the_input(extra: str) -> None:
    second = "" if extra else "  %c: f32[1,2,2,1] = RELU6(%a)\n  output %c\n"
    graph, log, changed = run(CONV.replace("  output %b\n", f"{second}  output %b\n{extra}"))
    assert not changed
    assert "RELU" in [node.op for node in graph.nodes]
    assert log.entries[0].render() == "fuse-activation: kept act: 'a' is read elsewhere"


INT8 = """\
graph @main {
  input %x: i8[1,2,2,1] q(0.5,0)
  const %w: i8[1,1,1,1] q(0.25,0) = [3]
  %a: i8[1,2,2,1] q(0.5,-7) = CONV_2D(%x, %w)
  %b: i8[1,2,2,1] q(SCALE,-7) = RELU(%a)
  output %b
}
"""


def test_rule_3_refuses_where_the_activation_rescales() -> None:
    _, log, changed = run(INT8.replace("SCALE", "0.25"))
    assert not changed
    assert log.entries[0].text == "it rescales"


def test_rule_3_fires_in_int8_where_scales_agree() -> None:
    assert run(INT8.replace("SCALE", "0.5"))[2]


def test_rule_3_a_float_value_takes_on_the_int8_form_of_the_activation() -> None:
    graph, _, changed = run(CONV.replace("%b: f32[1,2,2,1]", "%b: f32[1,2,2,1] q(0.5,-128)"))
    assert changed
    assert "%b: f32[1,2,2,1] q(0.5,-128) = CONV_2D" in print_graph(graph)


def test_rule_3_refuses_to_lose_an_int8_form() -> None:
    _, log, changed = run(CONV.replace("%a: f32[1,2,2,1]", "%a: f32[1,2,2,1] q(0.5,3)"))
    assert not changed
    assert log.entries[0].text == "it rescales"


@given(graphs())
def test_the_outputs_are_equal_bit_for_bit_and_twice_is_once(graph: Graph) -> None:
    samples, litert = random_samples(graph, 2), EXECUTORS["litert"]
    before = litert.run(write_tflite(graph), samples)
    FuseActivation().run(graph, Log())
    verify_graph(graph)
    assert difference(before, litert.run(write_tflite(graph), samples)) is None
    assert not FuseActivation().run(graph, Log())


def test_fires_on_an_int8_network() -> None:
    from tests.helpers import small_net

    graph = small_net(DType.INT8)
    assert FuseActivation().run(graph, Log())
    assert "RELU" not in [node.op for node in graph.nodes]
