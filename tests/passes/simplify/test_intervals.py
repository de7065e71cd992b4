from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.formats import load_model, write_tflite
from redsc.ir import Array, DType, Graph, Padding, Value, op_def, parse_graph
from redsc.ir.rules import Grouped, Produces
from redsc.passes.simplify.intervals import find_intervals
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import random_samples
from tests.conftest import Zoo
from tests.helpers import NetBuilder
from tests.strategies import graphs
from tests.zoo_models import GENCPRUNEX, MLPERF

ANYTHING = (-128, 127)
DENSE = """graph @g {
  input %x: i8[1,2] q(0.5,0)
  const %w: i8[2,2] q(0.25,0) = [1,-1,0,0]
  const %b: i32[2] q(0.125,0) = [0,8]
  %y: i8[1,2] q(0.5,3) = FULLY_CONNECTED(%x, %w, %b) @"dense"
  output %y
}
"""


def intervals(text: str, name: str = "y") -> list[tuple[int, int]]:
    found = find_intervals(parse_graph(text))[name]
    return [(int(low), int(high)) for low, high in zip(found.low, found.high, strict=True)]


def constants(graph: Graph, value: Value) -> dict[int, int]:
    """Return the constant channels of a value with their integers."""
    found = find_intervals(graph)[value.name]
    return {int(i): int(found.low[i]) for i in np.flatnonzero(found.low == found.high)}


def set_channel(value: Value, channel: int, bias: int, weight: int = 0) -> None:
    """Give all weights of one output channel of the linear layer that makes a value one number, and a bias."""
    node = value.producer
    assert node is not None
    rule = op_def(node.op).channels
    assert isinstance(rule, Produces | Grouped)
    for index, axis, number in ((rule.weight, rule.out_axis, weight), (rule.followers[0], 0, bias)):
        operand = node.operand(index)
        data = np.array(operand.data)
        np.moveaxis(data, axis, 0)[channel] = number
        data.flags.writeable = False
        operand.data = data


def extreme_samples(graph: Graph, count: int = 2) -> list[list[Array]]:
    """Return random inputs, and those in which every element is the least or the greatest integer."""
    flat = [[np.full(value.type.shape, number, np.int8) for value in graph.inputs] for number in ANYTHING]
    generator = np.random.default_rng(0)
    mixed = [
        [generator.choice(np.array(ANYTHING, np.int8), v.type.shape) for v in graph.inputs] for _ in range(count)
    ]
    return [*random_samples(graph, count), *flat, *mixed]


@st.composite
def planted(draw: DrawFn) -> Graph:
    """Return an int8 network in which some layers have channels of zero weights, or a bias far beyond a clamp."""
    graph = draw(graphs(DType.INT8))
    for node in graph.nodes:
        if isinstance(op_def(node.op).channels, Produces | Grouped):
            for channel in range(node.outputs[0].type.shape[-1]):
                if draw(st.booleans()):
                    bias = draw(st.sampled_from([0, 10**7, -(10**7), draw(st.integers(-9999, 9999))]))
                    set_channel(node.outputs[0], channel, bias, draw(st.integers(-1, 1)))
    return graph


def violations(graph: Graph, runtime: str) -> list[str]:
    """Return the names of the values that leave their intervals in a runtime."""
    found = find_intervals(graph)
    values = [output for node in graph.nodes for output in node.outputs if output.name in found]
    graph.outputs = values
    answers = EXECUTORS[runtime].run(write_tflite(graph), extreme_samples(graph))
    return [
        value.name
        for row in answers
        for value, data in zip(values, row, strict=True)
        if not ((data >= found[value.name].low) & (data <= found[value.name].high)).all()
    ]


def test_rule_1_an_input_can_be_anything() -> None:
    assert intervals(DENSE, "x") == [ANYTHING, ANYTHING]


def test_rule_1_what_an_op_without_a_row_makes_can_be_anything() -> None:
    text = DENSE.replace("%y: i8[1,2] q(0.5,3)", "%a: i8[1,2] q(0.5,3)")
    text = text.replace("output %y", "%y: i8[1,2] q(0.00390625,-128) = SOFTMAX(%a)\n  output %y")
    assert intervals(text) == [ANYTHING, ANYTHING]


def test_rule_2_a_sum_is_least_and_greatest_term_by_term() -> None:
    """x0 - x1 is within 255 / 4 steps, and 8 / 4 is the bias that is left of the second row."""
    assert intervals(DENSE) == [(-64 + 3, 64 + 3), (2 + 3, 2 + 3)]


@pytest.mark.parametrize(
    "text",
    [
        DENSE.replace("%w: i8[2,2] q(0.25,0)", "%w: i8[2,2] q(0.25,1)"),
        DENSE.replace("%w: i8[2,2] q(0.25,0)", "%w: i8[2,2] q([0.25,0.5],[0],axis=1)"),
        DENSE.replace("const %b: i32[2] q(0.125,0) = [0,8]", "input %b: i32[2] q(0.125,0)"),
        DENSE.replace("const %w: i8[2,2] q(0.25,0) = [1,-1,0,0]", "input %w: i8[2,2] q(0.25,0)"),
        DENSE.replace("%x: i8[1,2]", "%x: i8[2,1,3]")
        .replace("i8[2,2] q(0.25,0) = [1,-1,0,0]", "i8[2,2] q(0.25,0) = [0,0,0,0]")
        .replace("%y: i8[1,2]", "%y: i8[3,2]"),
    ],
)
def test_rule_2_a_layer_of_another_kind_can_make_anything(text: str) -> None:
    assert intervals(text) == [ANYTHING, ANYTHING]


def test_rule_2_a_sum_that_int32_does_not_hold_can_become_anything() -> None:
    assert intervals(DENSE.replace("[0,8]", "[2147483647,-2147483647]"))[0] == ANYTHING


@pytest.mark.parametrize(
    ("kernel", "padding", "step", "found"),
    [
        (3, Padding.VALID, 1, [0]),
        (3, Padding.SAME, 1, []),
        (1, Padding.SAME, 1, [0]),
        (2, Padding.SAME, 2, []),  # every second pixel, and the second next to it
    ],
)
def test_rule_2_beyond_the_border_the_inputs_are_0(
    kernel: int, padding: Padding, step: int, found: list[int]
) -> None:
    net = NetBuilder()
    stem = net.conv(net.input(1, 6, 6, 2), 1)
    set_channel(stem, 0, bias=3000)
    steps = dict.fromkeys(("stride_h", "stride_w", "dilation_h", "dilation_w"), step)
    made = net.conv(stem, 1, kernel, padding=padding, **steps)
    set_channel(made, 0, bias=50, weight=4)
    graph = net.outputs(made)
    assert list(constants(graph, made)) == found
    answers = EXECUTORS["litert"].run(write_tflite(graph), random_samples(graph, 1))
    assert (np.ptp(answers[0][0]) == 0) == bool(found)


@pytest.mark.parametrize(
    ("bias", "scale", "found"),
    [
        (10, 0.25, (2, 3)),  # 2.5 steps
        (9, 0.25, (2, 3)),  # 2.25 steps could be 2.5 after a first rounding
        (1017, 1 / 400, (3, 3)),  # 2.54 steps
        (1001, 1 / 400, (3, 3)),  # 2.5025 steps are 3, and so are 2.5
        (9999, 1 / 4000, (2, 3)),  # 2.49975 steps, if the scales were exact
        (6, 0.47, (3, 3)),  # 2.82 steps are 3, and so are 3.0
        (3, 0.5, (1, 2)),
        (5, 0.75, (4, 4)),  # 3.75 steps, rounded once
        (1, 3.0, (3, 3)),
    ],
)
def test_rule_3_a_sum_is_rounded_once_or_to_a_fraction_first(
    bias: int, scale: float, found: tuple[int, int]
) -> None:
    text = DENSE.replace("[0,8]", f"[0,{bias}]").replace("q(0.25,0)", f"q({scale},0)")
    assert intervals(text.replace("q(0.5,3)", "q(0.5,0)"))[1] == found


Made = Callable[[NetBuilder, Value], Value]
CARRIED: dict[str, Made] = {
    "RELU": lambda net, x: net.unary("RELU", x),
    "RELU6": lambda net, x: net.unary("RELU6", x),
    "LEAKY_RELU": lambda net, x: net.unary("LEAKY_RELU", x),
    "HARD_SWISH": lambda net, x: net.node("HARD_SWISH", x),
    "PRELU": lambda net, x: net.prelu(x),
    "TANH": lambda net, x: net.node("TANH", x),
    "QUANTIZE": lambda net, x: net.node("MAXIMUM", net.depthwise(x), x),
    "ADD": lambda net, x: net.add(x, x),
    "SUB": lambda net, x: net.node("SUB", x, x),
    "MUL": lambda net, x: net.gate(x),
    "MAXIMUM": lambda net, x: net.node("MAXIMUM", x, x),
    "MINIMUM": lambda net, x: net.node("MINIMUM", x, x),
    "MAX_POOL_2D": lambda net, x: net.pool(x, "MAX_POOL_2D"),
    "AVERAGE_POOL_2D": lambda net, x: net.pool(x, "AVERAGE_POOL_2D", padding=Padding.SAME),
    "RESIZE_BILINEAR": lambda net, x: net.node("RESIZE_BILINEAR", x, np.array([7, 9], np.int32)),
    "RESIZE_NEAREST_NEIGHBOR": lambda net, x: net.node("RESIZE_NEAREST_NEIGHBOR", x, np.array([7, 9], np.int32)),
    "PAD": lambda net, x: net.pad(x, (0, 0), (1, 0), (2, 1), (0, 0)),
    "MEAN": lambda net, x: net.mean(x, 1, 2),
    "RESHAPE": lambda net, x: net.reshape(x, 1, 36, 3),
    "CONCATENATION": lambda net, x: net.concat(x, x, axis=1),
    "DEPTHWISE_CONV_2D": lambda net, x: net.depthwise(x, padding=Padding.SAME),
}


def without_bias(value: Value) -> Value:
    """Zero the biases of a depthwise layer: it then makes 0 of 0."""
    for channel in range(value.type.shape[-1]):
        set_channel(value, channel, 0, 3)
    return value


@pytest.mark.parametrize("op", CARRIED)
def test_rule_4_what_is_made_of_a_dead_channel_is_a_dead_channel(op: str) -> None:
    net = NetBuilder()
    stem = net.conv(net.input(1, 6, 6, 2), 3)
    set_channel(stem, 1, bias=0)
    made = CARRIED[op](net, stem)
    for node in net.builder.graph.nodes:
        if node.op == "DEPTHWISE_CONV_2D":
            without_bias(node.outputs[0])
    graph = net.outputs(made)
    assert constants(graph, made) == {1: made.type.quant.zero_point if made.type.quant else None}
    assert violations(graph, "litert") == []


def test_rule_4_bounds_of_numbers_are_bounds_of_their_sum_and_product() -> None:
    text = """graph @g {{
  input %x: i8[1,2] q(0.5,0)
  const %c: i8[2] q(0.5,0) = [-10,4]
  %y: i8[1,2] q(4.0,0) = {}
  output %y
}}
"""
    assert intervals(text.format("ADD(%x, %c)")) == [(-17, 15), (-16, 16)]
    assert intervals(text.format("SUB(%c, %x)")) == [(-17, 15), (-15, 17)]
    assert intervals(text.format("MUL(%x, %c)")) == [(-79, 80), (-32, 32)]


def test_rule_4_a_mean_is_within_a_step() -> None:
    text = """graph @g {
  input %x: i8[1,2,1] q(0.5,0)
  const %axes: i32[1] = [1]
  const %five: i8[1] q(0.5,0) = [5]
  %a: i8[1,2,1] q(0.5,0) = MAXIMUM(%x, %five)
  %b: i8[1,2,1] q(0.5,0) = MINIMUM(%a, %five)
  %y: i8[1,1] q(2.0,0) = MEAN(%b, %axes)
  output %y
}
"""
    assert intervals(text, "b") == [(5, 5)]
    assert intervals(text) == [(1, 2)]


def test_rule_4_tensors_joined_along_another_axis_share_their_channels() -> None:
    net = NetBuilder()
    x = net.input(1, 4, 4, 2)
    stem = net.conv(x, 2)
    set_channel(stem, 0, bias=0)
    joined = net.concat(stem, x, axis=1)
    assert not constants(net.outputs(joined), joined)


def test_rule_4_channels_keep_their_order_in_a_row_of_pixels() -> None:
    net = NetBuilder()
    stem = net.conv(net.input(1, 2, 2, 2), 3)
    set_channel(stem, 2, bias=0)
    flat = net.reshape(stem, 1, 12)
    graph = net.outputs(flat)
    assert list(constants(graph, flat)) == [2, 5, 8, 11]


@pytest.mark.parametrize("axes", [(3,), (-1, 1)])
def test_rule_4_a_mean_over_the_channels_can_be_anything(axes: tuple[int, ...]) -> None:
    net = NetBuilder()
    stem = net.conv(net.input(1, 6, 6, 2), 4)
    for channel in range(4):
        set_channel(stem, channel, bias=0)
    mean = net.mean(stem, *axes)
    assert not constants(net.outputs(mean), mean)


@pytest.mark.parametrize(
    ("activation", "found"),
    [
        ("RELU", [(3, 67), (5, 5)]),
        ("RELU6", [(3, 15), (5, 5)]),
        ("RELU_N1_TO_1", [(1, 5), (5, 5)]),
    ],
)
def test_rule_5_a_fused_activation_clamps(activation: str, found: list[tuple[int, int]]) -> None:
    assert intervals(DENSE.replace("(%x, %w, %b)", f"(%x, %w, %b) {{activation={activation}}}")) == found


def test_rule_5_a_relu_that_never_fires_makes_a_constant() -> None:
    text = DENSE.replace("(%x, %w, %b)", "(%x, %w, %b) {activation=RELU}").replace("[0,8]", "[-300,-300]")
    assert intervals(text) == [(3, 3), (3, 3)]


def test_float_values_have_no_intervals() -> None:
    net = NetBuilder(DType.FLOAT32)
    assert find_intervals(net.outputs(net.conv(net.input(1, 4, 4, 1), 2))) == {}


@given(planted(), st.sampled_from(["litert", "tflm"]))
def test_no_value_leaves_its_interval(graph: Graph, runtime: str) -> None:
    assert violations(graph, runtime) == []


@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 8))
def test_the_bounds_of_a_layer_are_reached_but_for_a_step(seed: int, inputs: int, outputs: int) -> None:
    net = NetBuilder(seed=seed)
    made = net.dense(net.input(1, inputs), outputs)
    graph = net.outputs(made)
    found, weight = find_intervals(graph)[made.name], graph.nodes[0].operand(1).data
    assert weight is not None
    for sign, bound in ((1, found.high), (-1, found.low)):
        samples = [[np.where(sign * row > 0, 127, -128).astype(np.int8).reshape(1, -1)] for row in weight]
        reached = [
            row[0].reshape(-1)[i] for i, row in enumerate(EXECUTORS["tflm"].run(write_tflite(graph), samples))
        ]
        assert (np.abs(bound - reached) <= 1).all()


@pytest.mark.parametrize("model", [f"{MLPERF}/vww_96_int8.tflite", f"{GENCPRUNEX}/base_clean.int8io.tflite"])
def test_no_value_of_a_pruned_model_leaves_its_interval(zoo: Zoo, model: str) -> None:
    assert violations(load_model(zoo(model)).graph, "tflm") == []
