from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from redsc.cost.macs import graph_macs
from redsc.cost.memory import measure_memory
from redsc.formats import load_model, write_tflite
from redsc.ir import Activation, Array, DType, Graph, Padding, Value, parse_graph, print_graph, verify_graph
from redsc.passes.base import Log
from redsc.passes.simplify.drop_constant_channels import DropConstantChannels
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import difference
from tests.conftest import Zoo
from tests.helpers import NetBuilder
from tests.passes.simplify.test_intervals import extreme_samples, planted, set_channel
from tests.zoo_models import GENCPRUNEX, MLPERF

RUNTIMES = ("litert", "tflm")
BEFORE = """graph @g {
  input %x: i8[1,2] q(0.5,0)
  const %w: i8[4,2] q(0.0625,0) = [1,2,0,0,3,4,0,0]
  const %b: i32[4] q(0.03125,0) = [5,-900,6,64]
  const %v: i8[2,4] q(0.0625,0) = [10,20,30,40,50,60,70,80]
  const %c: i32[2] q(0.03125,0) = [1,-1]
  %a: i8[1,4] q(0.5,3) = FULLY_CONNECTED(%x, %w, %b) {keep_num_dims=false, activation=RELU} @"hidden"
  %y: i8[1,2] q(0.5,0) = FULLY_CONNECTED(%a, %v, %c) {keep_num_dims=false, activation=NONE} @"last"
  output %y
}
"""
AFTER = """graph @g {
  input %x: i8[1,2] q(0.5,0)
  const %w: i8[2,2] q(0.0625,0) = [1,2,3,4]
  const %b: i32[2] q(0.03125,0) = [5,6]
  const %v: i8[2,2] q(0.0625,0) = [10,30,50,70]
  const %c: i32[2] q(0.03125,0) = [161,319]
  %a: i8[1,2] q(0.5,3) = FULLY_CONNECTED(%x, %w, %b) {keep_num_dims=false, activation=RELU} @"hidden"
  %y: i8[1,2] q(0.5,0) = FULLY_CONNECTED(%a, %v, %c) {keep_num_dims=false, activation=NONE} @"last"
  output %y
}
"""
DEAD = -(10**7)


def answers(graph: Graph) -> list[list[list[Array]]]:
    samples = extreme_samples(graph)
    return [EXECUTORS[name].run(write_tflite(graph), samples) for name in RUNTIMES]


def drop(graph: Graph) -> tuple[bool, list[str]]:
    """Run the pass; the outputs must be the same bit for bit in both runtimes, and a second run changes nothing."""
    log, before = Log(), answers(graph)
    changed = DropConstantChannels().run(graph, log)
    verify_graph(graph)
    for wanted, found in zip(before, answers(graph), strict=True):
        assert difference(wanted, found) is None
    assert not DropConstantChannels().run(graph, Log())
    return changed, [entry.render().removeprefix("drop-constant-channels: ") for entry in log.entries]


def widths(graph: Graph) -> list[int]:
    return [node.outputs[0].type.shape[-1] for node in graph.nodes]


def bias_of(value: Value) -> list[int]:
    assert value.producer is not None
    data = value.producer.operand(2).data
    assert data is not None
    return [int(number) for number in data]


def forget(value: Value, *inputs: int) -> None:
    """Zero the weights with which a layer reads some channels."""
    assert value.producer is not None
    weight = value.producer.operand(1)
    data = np.array(weight.data)
    data[..., inputs] = 0
    data.flags.writeable = False
    weight.data = data


def chain(padding: Padding, dead: int = DEAD, activation: Activation = Activation.RELU) -> tuple[Graph, Value]:
    """Return a convolution, of whose 4 channels the second is constant, and another that reads it."""
    net = NetBuilder()
    stem = net.conv(net.input(1, 6, 6, 2), 4, activation=activation)
    set_channel(stem, 1, dead)
    last = net.conv(stem, 3, padding=padding)
    return net.outputs(last), last


def test_dead_and_constant_channels_of_a_dense_layer_are_cut() -> None:
    """Channel 1 is the zero point 3; channel 3 is 64 / 16 = 4 steps above it, which adds 4 * 40 and 4 * 80."""
    graph = parse_graph(BEFORE)
    assert drop(graph) == (True, ["changed hidden: 2 of 4 channels add a constant"])
    assert print_graph(graph) == AFTER


def test_rule_1_a_channel_is_cut_from_all_that_it_runs_through() -> None:
    net = NetBuilder()
    stem = net.conv(net.input(1, 6, 6, 2), 4)
    branch = net.conv(stem, 4)
    for value in (stem, branch):
        set_channel(value, 2, 0)
    joined = net.unary("RELU", net.pad(net.add(stem, branch), (0, 0), (1, 1), (1, 1), (0, 0)))
    graph = net.outputs(net.dense(net.reshape(net.depthwise(joined), 1, 256), 3))
    set_channel(graph.nodes[-3].outputs[0], 2, 0)
    assert drop(graph)[0]
    assert widths(graph) == [3, 3, 3, 3, 3, 3, 192, 3]


def test_rule_1_a_channel_stays_that_one_reader_needs() -> None:
    net = NetBuilder()
    stem = net.conv(net.input(1, 6, 6, 2), 4)
    dead = net.depthwise(stem, activation=Activation.RELU)
    set_channel(dead, 2, DEAD)
    graph = net.outputs(net.conv(stem, 2), net.conv(dead, 2))
    assert drop(graph) == (False, [])


def test_rule_1_a_channel_that_lives_before_a_dead_one_is_cut_along() -> None:
    net = NetBuilder()
    dead = net.depthwise(net.conv(net.input(1, 6, 6, 2), 4), activation=Activation.RELU)
    set_channel(dead, 2, DEAD)
    graph = net.outputs(net.conv(dead, 2))
    assert drop(graph)[0]
    assert widths(graph) == [3, 3, 2]


def test_rule_1_every_copy_of_a_channel_counts() -> None:
    net = NetBuilder()
    stem = net.conv(net.input(1, 6, 6, 2), 4)
    set_channel(stem, 0, 0)
    graph = net.outputs(net.conv(net.concat(stem, stem), 2))
    assert drop(graph)[0]
    assert widths(graph) == [3, 6, 2]


@pytest.mark.parametrize("padding", Padding)
def test_rule_2_the_bias_stays_where_the_constant_is_the_zero_point(padding: Padding) -> None:
    graph, last = chain(padding)
    bias = bias_of(last)
    assert drop(graph)[0]
    assert widths(graph) == [3, 3]
    assert bias_of(graph.outputs[0]) == bias


def test_rule_2_a_channel_that_no_weight_reads_is_cut() -> None:
    net = NetBuilder()
    last = net.conv(net.conv(net.input(1, 6, 6, 2), 4), 3)
    forget(last, 0, 3)
    graph = net.outputs(last)
    assert drop(graph)[0]
    assert widths(graph) == [2, 3]


def test_rule_2_a_channel_stays_that_is_read_in_one_pixel() -> None:
    net = NetBuilder()
    last = net.dense(net.reshape(net.conv(net.input(1, 2, 2, 2), 3), 1, 12), 3)
    forget(last, 1, 4, 7)
    assert drop(net.outputs(last)) == (False, [])


def test_rule_3_another_constant_moves_into_the_bias() -> None:
    graph, last = chain(Padding.VALID, dead=10**7)
    bias = bias_of(last)
    assert drop(graph)[0]
    assert widths(graph) == [3, 3]
    assert bias_of(graph.outputs[0]) != bias


def test_rule_3_a_convolution_of_single_pixels_reaches_over_no_border() -> None:
    net = NetBuilder()
    stem = net.conv(net.input(1, 6, 6, 2), 4)
    set_channel(stem, 1, 10**7)
    graph = net.outputs(net.conv(stem, 3, 1, padding=Padding.SAME))
    assert drop(graph)[0]
    assert widths(graph) == [3, 3]


def test_rule_3_refuses_where_the_layer_reaches_over_the_border() -> None:
    graph, _ = chain(Padding.SAME, dead=10**7)
    reason = "kept conv_2d1: its constant inputs stay: it reaches over the border of its input, where they add 0"
    assert drop(graph) == (False, [reason])


def test_rule_3_refuses_where_a_transposed_convolution_reads_it() -> None:
    net = NetBuilder()
    stem = net.conv(net.input(1, 4, 4, 2), 4)
    set_channel(stem, 1, 10**7)
    changed, log = drop(net.outputs(net.transpose_conv(stem, 3)))
    assert not changed
    assert len(log) == 1


@pytest.mark.parametrize(
    "text",
    [
        BEFORE.replace("%v, %c)", "%v, none)"),
        BEFORE.replace(
            "  output %y\n", "  %z: i8[1,2] q(0.5,0) = FULLY_CONNECTED(%x, %u, %c)\n  output %y\n  output %z\n"
        ).replace("  const %c", "  const %u: i8[2,2] q(0.0625,0) = [1,2,3,4]\n  const %c"),
    ],
)
def test_rule_3_refuses_without_a_bias_of_its_own(text: str) -> None:
    graph = parse_graph(text)
    assert drop(graph) == (
        True,
        [
            "changed hidden: 1 of 4 channels add a constant",
            "kept last: its constant inputs stay: it has no constant bias of its own",
        ],
    )


def test_rule_3_refuses_where_the_bias_would_leave_int32() -> None:
    graph = parse_graph(BEFORE.replace("[1,-1]", "[2147483600,-1]"))
    assert drop(graph)[1][-1] == "kept last: its constant inputs stay: its bias would leave int32"


def test_rule_4_one_channel_stays() -> None:
    graph = parse_graph(BEFORE.replace("[1,2,0,0,3,4,0,0]", "[0,0,0,0,0,0,0,0]"))
    assert drop(graph) == (True, ["changed hidden: 3 of 4 channels add a constant"])
    assert widths(graph) == [1, 2]


def test_rule_5_what_only_cut_outputs_read_is_cut_in_the_next_round() -> None:
    net = NetBuilder()
    stem = net.conv(net.input(1, 6, 6, 2), 4, 1)
    middle = net.conv(stem, 2, 1, activation=Activation.RELU)
    last = net.conv(middle, 3, 1)
    forget(middle, 3)
    set_channel(middle, 0, DEAD, weight=5)
    graph = net.outputs(last)
    changed, log = drop(graph)
    assert changed
    assert [line.split(":")[0] for line in log] == ["changed conv_2d1", "changed conv_2d0"]
    assert widths(graph) == [3, 1, 3]


def test_rule_6_graph_outputs_stay() -> None:
    net = NetBuilder()
    last = net.conv(net.input(1, 6, 6, 2), 4)
    set_channel(last, 1, DEAD)
    assert drop(net.outputs(last)) == (False, [])


def test_rule_6_float_networks_stay() -> None:
    net = NetBuilder(DType.FLOAT32)
    stem = net.conv(net.input(1, 6, 6, 2), 4)
    last = net.conv(stem, 2)
    forget(last, 1)
    graph = net.outputs(last)
    text = print_graph(graph)
    assert not DropConstantChannels().run(graph, Log())
    assert print_graph(graph) == text


@given(planted())
def test_the_outputs_are_the_same_bit_for_bit(graph: Graph) -> None:
    drop(graph)


@pytest.mark.parametrize(
    ("model", "macs", "peak"),
    [
        (f"{MLPERF}/vww_96_int8.tflite", (7_489_664, 3_727_313), (55_296, 55_296)),
        (f"{GENCPRUNEX}/base_clean.int8io.tflite", (7_507_648, 6_931_819), (75_280, 61_165)),
        (f"{GENCPRUNEX}/base_padfold.offlineplan.int8io.tflite", (7_507_648, 6_931_819), (55_296, 41_472)),
        (f"{MLPERF}/kws_ref_model.tflite", (2_656_768, 2_656_768), (16_000, 16_000)),
    ],
)
def test_models_of_the_zoo_shrink(zoo: Zoo, model: str, macs: tuple[int, int], peak: tuple[int, int]) -> None:
    graph = load_model(zoo(model)).graph
    found = [(graph_macs(graph), measure_memory(graph).live_peak_bytes)]
    drop(graph)
    found.append((graph_macs(graph), measure_memory(graph).live_peak_bytes))
    assert found == list(zip(macs, peak, strict=True))
