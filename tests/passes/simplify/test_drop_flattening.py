from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.formats import write_tflite
from redsc.ir import DType, FullyConnected, Graph, parse_graph, print_graph, verify_graph
from redsc.passes.base import Log
from redsc.passes.simplify.drop_flattening import DropFlattening
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import difference, random_samples
from tests.helpers import NetBuilder

DENSE = """graph @g {
  input %x: f32[1,2,1,2]
  const %w: f32[1,4] = [1,2,3,4]
  %a: f32[1,2,1,2] = TANH(%x)
  %b: f32[1,4] = RESHAPE(%a) {new_shape=[1,4]} @"flat"
  %y: f32[1,1] = FULLY_CONNECTED(%b, %w, none) {keep_num_dims=false, activation=RELU} @"dense"
  output %y
}
"""
MEAN = """graph @g {
  input %x: f32[1,2,3,2]
  const %axes: i32[2] = [1,2]
  %m: f32[1,2] = MEAN(%x, %axes) {keep_dims=false} @"mean"
  %y: f32[1,1,1,2] = RESHAPE(%m) {new_shape=[1,1,1,2]} @"view"
  output %y
}
"""


def run(text: str) -> tuple[Graph, Log, bool]:
    graph, log = parse_graph(text), Log()
    changed = DropFlattening().run(graph, log)
    verify_graph(graph)
    return graph, log, changed


def refusals(text: str) -> list[str]:
    graph, log, changed = run(text)
    assert not changed
    assert print_graph(graph) == print_graph(parse_graph(text))
    return [entry.render() for entry in log.entries]


def test_rule_1_a_dense_layer_flattens_itself() -> None:
    graph, log, _ = run(DENSE)
    assert (
        print_graph(graph)
        == """graph @g {
  input %x: f32[1,2,1,2]
  const %w: f32[1,4] = [1.0,2.0,3.0,4.0]
  %a: f32[1,2,1,2] = TANH(%x)
  %y: f32[1,1] = FULLY_CONNECTED(%a, %w, none) {keep_num_dims=false, activation=RELU} @"dense"
  output %y
}
"""
    )
    assert [entry.render() for entry in log.entries] == [
        "drop-flattening: changed flat: FULLY_CONNECTED flattens itself, 16 B less to write"
    ]


def test_rule_1_two_layers_may_read_it() -> None:
    second = "  %z: f32[1,1] = FULLY_CONNECTED(%b, %w, none)\n  output %z\n"
    graph, _, _ = run(DENSE.replace("  output %y\n", f"{second}  output %y\n"))
    assert [node.op for node in graph.nodes] == ["TANH", "FULLY_CONNECTED", "FULLY_CONNECTED"]


def test_rule_1_any_view_goes() -> None:
    view = "SQUEEZE(%a) {squeeze_dims=[2]}"
    text = DENSE.replace("RESHAPE(%a) {new_shape=[1,4]}", view).replace("%b: f32[1,4]", "%b: f32[1,2,2]")
    assert [node.op for node in run(text)[0].nodes] == ["TANH", "FULLY_CONNECTED"]


def test_rule_1_a_flattened_weight_is_no_input() -> None:
    text = DENSE.replace("FULLY_CONNECTED(%b, %w, none)", "FULLY_CONNECTED(%w, %b, none)")
    assert refusals(text) == []


KEEPS = DENSE.replace("keep_num_dims=false", "keep_num_dims=true")


def test_rule_2_a_layer_with_two_axes_stops_keeping_them() -> None:
    graph, _, changed = run(KEEPS)
    assert changed
    assert graph.nodes[-1].attrs.keep_num_dims is False
    assert graph.outputs[0].type.shape == (1, 1)


def test_rule_2_refuses_where_the_result_has_other_axes() -> None:
    text = KEEPS.replace("%b: f32[1,4]", "%b: f32[1,1,4]").replace("new_shape=[1,4]", "new_shape=[1,1,4]")
    assert refusals(text.replace("%y: f32[1,1]", "%y: f32[1,1,1]")) == [
        "drop-flattening: kept flat: the layer after it keeps its axes"
    ]


def test_rule_3_a_reduction_keeps_its_axes_itself() -> None:
    graph, log, _ = run(MEAN)
    assert print_graph(graph).splitlines()[3:-2] == [
        '  %y: f32[1,1,1,2] = MEAN(%x, %axes) {keep_dims=true} @"mean"'
    ]
    assert [entry.render() for entry in log.entries] == [
        "drop-flattening: changed view: MEAN makes the shape itself, 8 B less to write"
    ]


def test_rule_3_a_reduction_drops_its_axes_itself() -> None:
    text = MEAN.replace("MEAN", "REDUCE_MAX").replace("%m: f32[1,2]", "%m: f32[1,1,1,2]")
    text = text.replace("keep_dims=false", "keep_dims=true").replace("%y: f32[1,1,1,2]", "%y: f32[1,2]")
    graph, _, _ = run(text.replace("new_shape=[1,1,1,2]", "new_shape=[1,2]"))
    assert [node.attrs.keep_dims for node in graph.nodes] == [False]


def test_rule_3_refuses_another_shape() -> None:
    assert refusals(MEAN.replace("[1,1,1,2]", "[1,1,2]")) == []


def test_rule_4_refuses_where_something_else_reads_the_flat_tensor() -> None:
    kept = ["drop-flattening: kept flat: 'b' is read elsewhere"]
    assert refusals(DENSE.replace("  output %y", "  output %b\n  output %y")) == kept
    assert refusals(DENSE.replace("  output %y", "  %z: f32[1,4] = TANH(%b)\n  output %z\n  output %y")) == kept


def test_rule_4_refuses_where_something_else_reads_the_reduction() -> None:
    assert refusals(MEAN.replace("  output %y", "  output %m\n  output %y")) == [
        "drop-flattening: kept view: 'm' is read elsewhere"
    ]


@pytest.mark.parametrize(
    "text",
    [
        DENSE.replace("%b: f32[1,4]", "%b: f32[1,4] q(1,0)"),
        MEAN.replace("%y: f32[1,1,1,2]", "%y: f32[1,1,1,2] q(1,0)"),
    ],
)
def test_rule_5_a_view_that_notes_another_scale_stays(text: str) -> None:
    assert refusals(text) == []


@st.composite
def dense_after_view(draw: DrawFn) -> Graph:
    """Return a dense layer that reads rows of a reshaped tensor of any rank."""
    net = NetBuilder(draw(st.sampled_from([DType.FLOAT32, DType.INT8])), draw(st.integers(0, 99)))
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=6))
    source = net.unary("RELU", net.input(*shape))
    rows = draw(st.sampled_from([n for n in range(1, prod(shape) + 1) if prod(shape) % n == 0]))
    return net.outputs(
        net.dense(net.reshape(source, rows, prod(shape) // rows), 3, keep_num_dims=draw(st.booleans()))
    )


@st.composite
def view_after_reduction(draw: DrawFn) -> Graph:
    """Return a reduction over any axes, and the view that puts its axes back or takes them away."""
    net = NetBuilder(draw(st.sampled_from([DType.FLOAT32, DType.INT8])), draw(st.integers(0, 99)))
    rank = draw(st.integers(2, 4))
    source = net.input(*draw(st.tuples(*[st.integers(1, 9)] * rank)))
    axes = sorted(draw(st.sets(st.integers(0, rank - 1), min_size=1, max_size=rank - 1)))
    keeps = draw(st.booleans())
    op = draw(st.sampled_from(["MEAN", "REDUCE_MAX", "REDUCE_MIN"]))
    reduced = net.node(op, source, np.array(axes, np.int32), keep_dims=keeps)
    kept = [1 if axis in axes else n for axis, n in enumerate(source.type.shape)]
    dropped = [n for axis, n in enumerate(source.type.shape) if axis not in axes]
    return net.outputs(net.reshape(reduced, *(dropped if keeps else kept)))


@given(st.one_of(dense_after_view(), view_after_reduction()))
def test_the_view_goes_and_the_outputs_are_equal_bit_for_bit(graph: Graph) -> None:
    samples, before = random_samples(graph, 3), write_tflite(graph)
    assert DropFlattening().run(graph, Log())
    verify_graph(graph)
    assert "RESHAPE" not in [node.op for node in graph.nodes]
    for name in filter(installed, ("litert", "tflm")):
        executor = EXECUTORS[name]
        assert difference(executor.run(before, samples), executor.run(write_tflite(graph), samples)) is None
    assert not DropFlattening().run(graph, Log())


def test_a_batch_of_rows_stays_a_batch() -> None:
    net = NetBuilder(DType.FLOAT32)
    graph = net.outputs(net.dense(net.reshape(net.input(3, 2, 2), 3, 4), 5))
    assert DropFlattening().run(graph, Log())
    (node,) = graph.nodes
    assert (node.operand(0).type.shape, node.attrs) == ((3, 2, 2), FullyConnected())
    assert EXECUTORS["litert"].run(write_tflite(graph), random_samples(graph, 1))[0][0].shape == (3, 5)
