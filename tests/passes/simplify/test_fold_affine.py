from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.formats import write_tflite
from redsc.ir import Activation, Add, DType, Graph, Mul, Sub, Value, parse_graph, print_graph, verify_graph
from redsc.passes.base import Log
from redsc.passes.simplify.fold_affine import FoldAffine
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import FLOAT_TOLERANCE, difference, random_samples
from tests.helpers import NetBuilder

NORM = """graph @g {
  input %x: f32[1,2]
  const %w: f32[2,2] = [1,2,3,4]
  const %b: f32[2] = [5,6]
  const %s: f32[2] = [2,-0.5]
  const %t: f32[2] = [10,20]
  %a: f32[1,2] = FULLY_CONNECTED(%x, %w, %b) @"dense"
  %m: f32[1,2] = MUL(%a, %s) @"scale"
  %y: f32[1,2] = ADD(%m, %t) {activation=RELU} @"shift"
  output %y
}
"""
FOLDED = """graph @g {
  input %x: f32[1,2]
  const %w: f32[2,2] = [2.0,4.0,-1.5,-2.0]
  const %b: f32[2] = [20.0,17.0]
  %y: f32[1,2] = FULLY_CONNECTED(%x, %w, %b) {keep_num_dims=false, activation=RELU} @"dense"
  output %y
}
"""
SHIFT = """graph @g {
  input %x: f32[1,2]
  const %w: f32[2,2] = [1,2,3,4]
  const %b: f32[2] = [5,6]
  const %t: f32[2] = [10,20]
  %a: f32[1,2] = FULLY_CONNECTED(%x, %w, %b) @"dense"
  %y: f32[1,2] = ADD(%a, %t) @"shift"
  output %y
}
"""
SCALE = SHIFT.replace("ADD", "MUL")


def run(text: str) -> tuple[Graph, Log, bool]:
    graph, log = parse_graph(text), Log()
    changed = FoldAffine().run(graph, log)
    verify_graph(graph)
    return graph, log, changed


def numbers(graph: Graph, name: str) -> list[float]:
    (data,) = [value.data for value in graph.constants() if value.name == name]
    assert data is not None
    return [float(number) for number in data.reshape(-1)]


def refusal(text: str) -> str:
    graph, log, changed = run(text)
    assert not changed
    assert print_graph(graph) == print_graph(parse_graph(text))
    return log.entries[0].render()


def test_rule_1_a_factor_and_a_shift_go_into_weights_and_bias() -> None:
    graph, log, _ = run(NORM)
    assert print_graph(graph) == FOLDED
    assert [entry.render() for entry in log.entries] == [
        "fold-affine: changed dense: takes over MUL scale, 8 B less to write",
        "fold-affine: changed dense: takes over ADD shift, 8 B less to write",
    ]


@pytest.mark.parametrize(
    ("node", "bias"),
    [("ADD(%t, %a)", [15, 26]), ("SUB(%a, %t)", [-5, -14]), ("MUL(%t, %a)", [50, 120])],
)
def test_rule_1_constants_may_be_subtracted_or_come_first(node: str, bias: list[float]) -> None:
    graph, _, _ = run(SHIFT.replace("ADD(%a, %t)", node))
    assert numbers(graph, "b") == bias


def test_rule_1_one_number_is_for_all_channels() -> None:
    graph, _, _ = run(SHIFT.replace("%t: f32[2] = [10,20]", "%t: f32[] = [10]"))
    assert numbers(graph, "b") == [15, 16]


@pytest.mark.parametrize(
    "text",
    [
        SHIFT.replace("ADD(%a, %t)", "SUB(%t, %a)"),
        SHIFT.replace("ADD", "DIV"),
        SHIFT.replace("%t: f32[2]", "%t: f32[2,1]").replace("%y: f32[1,2]", "%y: f32[2,2]"),
        SHIFT.replace("%t: f32[2]", "%t: f32[1,1,2]").replace("%y: f32[1,2]", "%y: f32[1,1,2]"),
        SHIFT.replace("%x: f32[1,2]", "%x: f32[2,2]")
        .replace("%a: f32[1,2]", "%a: f32[2,2]")
        .replace("%y: f32[1,2]", "%y: f32[2,2]")
        .replace("%t: f32[2]", "%t: f32[2,1]"),
    ],
)
def test_rule_1_other_constants_do_not_fire(text: str) -> None:
    assert not run(text)[2]


def test_rule_1_numbers_that_differ_over_space_do_not_fire() -> None:
    net = NetBuilder(DType.FLOAT32)
    made = net.conv(net.input(1, 3, 3, 3), 3)
    graph = net.outputs(net.node("ADD", made, np.arange(9, dtype=np.float32).reshape(1, 3, 1, 3)))
    assert not FoldAffine().run(graph, Log())


@pytest.mark.parametrize(
    "text",
    [
        SHIFT.replace("(%x, %w, %b)", "(%x, %w, %b) {activation=RELU}"),
        SHIFT.replace("const %w: f32[2,2] = [1,2,3,4]", "input %w: f32[2,2]"),
        SHIFT.replace("const %b: f32[2] = [5,6]", "input %b: f32[2]"),
        SHIFT.replace("FULLY_CONNECTED(%x, %w, %b)", "RELU(%x)"),
    ],
)
def test_rule_2_other_layers_do_not_fire(text: str) -> None:
    assert not run(text)[2]


def test_rule_2_a_layer_without_a_bias_gets_one_for_a_shift_only() -> None:
    graph, _, _ = run(SHIFT.replace("(%x, %w, %b)", "(%x, %w)"))
    assert numbers(graph, "a.bias") == [10, 20]
    graph, _, _ = run(SCALE.replace("(%x, %w, %b)", "(%x, %w, none)"))
    assert numbers(graph, "w") == [10, 20, 60, 80]
    assert graph.nodes[0].inputs[2] is None


@pytest.mark.parametrize("extra", ["  output %a\n", "  %z: f32[1,2] = TANH(%a)\n  output %z\n"])
def test_rule_3_refuses_where_something_else_reads_the_output(extra: str) -> None:
    text = SHIFT.replace("  output %y\n", f"{extra}  output %y\n")
    assert refusal(text) == "fold-affine: kept shift: 'a' is read elsewhere"


@pytest.mark.parametrize("zero_point", [-128, 127])
def test_rule_4_refuses_where_the_int8_form_stands_for_an_activation(zero_point: int) -> None:
    text = SHIFT.replace("%a: f32[1,2]", f"%a: f32[1,2] q(0.5,{zero_point})").replace(
        "%y: f32[1,2]", "%y: f32[1,2] q(1,0)"
    )
    assert refusal(text) == "fold-affine: kept shift: the int8 form of 'a' cuts off one sign"


def test_rule_5_refuses_to_lose_the_only_int8_form() -> None:
    text = SHIFT.replace("%a: f32[1,2]", "%a: f32[1,2] q(0.5,3)")
    assert refusal(text) == "fold-affine: kept shift: 'a' has an int8 form, 'y' has none"


def test_rule_5_the_layer_takes_on_the_int8_form_of_the_result() -> None:
    text = SHIFT.replace("%a: f32[1,2]", "%a: f32[1,2] q(0.5,3)").replace("%y: f32[1,2]", "%y: f32[1,2] q(1,4)")
    assert "%y: f32[1,2] q(1.0,4) = FULLY_CONNECTED" in print_graph(run(text)[0])


def test_rule_5_looks_on_to_what_the_result_is_folded_into() -> None:
    """A normalisation is a factor and a shift; a quantised file gives the second one's result an int8 form only."""
    text = SHIFT.replace("%a: f32[1,2]", "%a: f32[1,2] q(0.5,3)").replace("%y: f32[1,2]", "%s: f32[1,2]")
    text = text.replace("output %y", "%y: f32[1,2] q(1,4) = RELU(%s)\n  output %y")
    assert [node.op for node in run(text)[0].nodes] == ["FULLY_CONNECTED", "RELU"]


TWICE = """  %z: f32[1,2] = FULLY_CONNECTED(%x, %w, %b)
  output %z
  output %y
"""


def test_rule_6_refuses_to_scale_weights_that_another_node_reads() -> None:
    assert (
        refusal(SCALE.replace("  output %y\n", TWICE))
        == "fold-affine: kept shift: the weights 'w' are read elsewhere"
    )


def test_rule_6_shifts_beside_shared_weights_and_leaves_a_shared_bias() -> None:
    graph, _, _ = run(SHIFT.replace("  output %y\n", TWICE))
    assert numbers(graph, "b") == [5, 6]
    assert numbers(graph, "b.a") == [15, 26]
    assert numbers(graph, "w") == [1, 2, 3, 4]


def test_rule_6_refuses_to_make_a_number_infinite() -> None:
    text = SCALE.replace("[1,2,3,4]", "[1e30,2,3,4]").replace("[10,20]", "[1e30,20]")
    assert refusal(text) == "fold-affine: kept shift: a number would become infinite"


@pytest.mark.parametrize(
    ("quant", "factors", "found"),
    [
        ("q([0.5,0.25],[0])", "[2,-4]", "q([1.0,1.0],[0],axis=0)"),
        ("q(0.5,0)", "[2,-2]", "q(1.0,0)"),
        ("q(0.5,0)", "[2,4]", ""),  # one scale does not fit two factors
        ("q([0.5,0.25],[0])", "[2,0]", ""),  # nor is zero a scale
        ("q([0.5,0.25],[0],axis=1)", "[2,4]", ""),
    ],
)
def test_rule_7_an_int8_form_of_the_weights_is_scaled_along(quant: str, factors: str, found: str) -> None:
    graph, _, _ = run(SCALE.replace("%w: f32[2,2]", f"%w: f32[2,2] {quant}").replace("[10,20]", factors))
    assert f"const %w: f32[2,2] {found}".rstrip() + " = " in print_graph(graph)


def test_rule_7_a_shift_leaves_the_int8_form_of_the_weights() -> None:
    text = SHIFT.replace("%w: f32[2,2]", "%w: f32[2,2] q([0.5,0.25],[0],axis=0)")
    assert "const %w: f32[2,2] q([0.5,0.25],[0],axis=0) = " in print_graph(run(text)[0])


@st.composite
def normalised(draw: DrawFn) -> Graph:
    """Return linear layers of every kind, with and without a bias, each before some factors and shifts."""
    net = NetBuilder(DType.FLOAT32, draw(st.integers(0, 99)))
    value = net.input(1, 4, 4, draw(st.integers(1, 3)))
    made = []
    for kind in draw(
        st.lists(st.sampled_from(["conv", "depthwise", "transpose_conv", "dense"]), min_size=1, max_size=3)
    ):
        if len(value.type.shape) == 2 or kind == "dense":
            value = net.dense(value, draw(st.integers(1, 4)))
        elif kind == "depthwise":
            value = net.depthwise(value, multiplier=draw(st.integers(1, 2)))
        else:
            value = getattr(net, kind)(value, draw(st.integers(1, 4)))
        if kind != "conv" and draw(st.booleans()):  # LiteRT wants the bias of a CONV_2D
            drop_bias(net, value)
        made.append(value)
        for attrs in draw(st.lists(st.sampled_from([Mul, Add, Sub]), max_size=3)):
            value = joined(draw, net, value, attrs)
    second = [item for item in made if item is not value and draw(st.booleans())]
    return net.outputs(value, *second[:1])


def joined(draw: DrawFn, net: NetBuilder, value: Value, attrs: type) -> Value:
    size = value.type.shape[-1] if draw(st.booleans()) else 1
    constant = net.builder.constant(f"k{net.layers}", net.random.uniform(-2, 2, size).astype(np.float32))
    operands = (constant, value) if draw(st.booleans()) else (value, constant)
    activation = draw(st.sampled_from([Activation.NONE, Activation.NONE, Activation.RELU]))
    return net.node(attrs.__name__.upper(), *operands, activation=activation)


def drop_bias(net: NetBuilder, value: Value) -> None:
    node = value.producer
    assert node is not None
    net.builder.graph.rewrite(node, node.op, node.inputs[:-1], node.attrs)


@given(normalised())
def test_the_outputs_agree_and_twice_is_once(graph: Graph) -> None:
    samples, litert = random_samples(graph, 2), EXECUTORS["litert"]
    before = litert.run(write_tflite(graph), samples)
    FoldAffine().run(graph, Log())
    verify_graph(graph)
    assert difference(before, litert.run(write_tflite(graph), samples), FLOAT_TOLERANCE) is None
    assert not FoldAffine().run(graph, Log())
