from __future__ import annotations

import numpy as np
import pytest

from redsc.choices import DenseScales
from redsc.ir import DType, Quant, parse_graph
from redsc.passes.quantize.calibrate import choose_scales
from redsc.passes.quantize.int8 import annotate
from redsc.passes.quantize.weight_scales import choose_weight_scales
from redsc.runtime.compare import random_samples
from redsc.runtime.observe.ranges import observe_ranges
from tests.helpers import NetBuilder, small_net

DENSE = """graph @g {
  input %x: f32[1,2] q(1,0)
  const %w: f32[2,2] = [1,-127,0.5,0]
  const %b: f32[2] = [1,2]
  %y: f32[1,2] q(1,0) = FULLY_CONNECTED(%x, %w, %b) {keep_num_dims=false, activation=NONE}
  output %y
}
"""
CONV = """graph @g {
  input %x: f32[1,1,1,2] q(1,0)
  const %w: f32[3,1,1,2] = [127,0,0,0,0,-254]
  const %b: f32[3] = [0,0,0]
  %y: f32[1,1,1,3] q(1,0) = CONV_2D(%x, %w, %b) {padding=SAME}
  output %y
}
"""
TWICE = """graph @g {
  input %x: f32[1,1,1,1] q(1,0)
  const %w: f32[1,1,1,2] = [127,254]
  %a: f32[1,1,1,2] q(1,0) = DEPTHWISE_CONV_2D(%x, %w) {padding=SAME, depth_multiplier=2}
  %y: f32[1,1,1,1] q(1,0) = CONV_2D(%a, %w) {padding=SAME}
  output %y
}
"""


def test_rule_1_a_weight_keeps_the_scale_that_it_carries() -> None:
    assert choose_weight_scales(parse_graph(DENSE.replace("f32[2,2]", "f32[2,2] q(0.5,0)"))) == {}


def test_rule_2_a_dense_layer_has_one_scale_or_one_per_output() -> None:
    graph = parse_graph(DENSE)
    assert choose_weight_scales(graph, dense=DenseScales.PER_TENSOR) == {"w": Quant((1.0,), (0,))}
    (one, half) = choose_weight_scales(graph, dense=DenseScales.PER_CHANNEL)["w"].scales
    assert (one, half) == (1.0, float(np.float32(0.5 / 127)))


@pytest.mark.parametrize(("small", "scales"), [(0.5, 3), (0.6, 1)])
def test_rule_2_auto_has_one_per_output_where_it_halves_the_noise(small: float, scales: int) -> None:
    """The mean of (1, 0.5 ** 2, 0.5 ** 2) is half of 1, that of (1, 0.6 ** 2, 0.6 ** 2) is more."""
    net = NetBuilder(DType.FLOAT32)
    graph = net.outputs(net.dense(net.input(1, 2), 3))
    weight = graph.nodes[0].operand(1)
    weight.data = np.array([[127.0, 0.0], [127 * small, 0.0], [0.0, 127 * small]], np.float32)
    assert len(choose_weight_scales(graph)[weight.name].scales) == scales


@pytest.mark.parametrize(("name", "axis"), [("conv_2d0", 0), ("depthwise_conv_2d2", 3)])
def test_convolutions_have_one_scale_per_output_channel(name: str, axis: int) -> None:
    graph = small_net(DType.FLOAT32)
    (weight,) = (value for value in graph.constants() if value.name == f"{name}.weight")
    quant = choose_weight_scales(graph)[weight.name]
    assert weight.data is not None
    rows = np.abs(np.moveaxis(weight.data, axis, 0).reshape(8, -1)).max(axis=1)
    assert quant.axis == axis
    assert np.allclose(quant.scales, rows / 127)


def test_rule_3_two_readers_along_different_axes_make_it_one_scale() -> None:
    assert choose_weight_scales(parse_graph(TWICE)) == {"w": Quant((2.0,), (0,))}


def test_rule_4_a_channel_of_zeros_takes_the_least_of_the_others() -> None:
    assert choose_weight_scales(parse_graph(CONV)) == {"w": Quant((1.0, 1.0, 2.0), (0,), 0)}


def test_rule_4_a_layer_of_zeros_has_a_scale() -> None:
    graph = parse_graph(CONV.replace("[127,0,0,0,0,-254]", "[0,0,0,0,0,0]"))
    assert all(scale > 0 for scale in choose_weight_scales(graph)["w"].scales)


def test_rule_5_the_scale_is_raised_where_the_bias_would_leave_int32() -> None:
    graph = parse_graph(CONV.replace("[127,0,0,0,0,-254]", "[127,0,1e-9,0,0,-254]").replace("[0,0,0]", "[0,4,0]"))
    dead = choose_weight_scales(graph)["w"].scales[1]
    assert dead == 4 / 2**26
    assert choose_weight_scales(graph)["w"].scales[::2] == (1.0, 2.0)


def test_a_weight_that_no_int8_node_reads_has_no_scale() -> None:
    assert choose_weight_scales(parse_graph(DENSE), keep_float={"y"}) == {}


def test_activation_scales_do_not_move_weight_scales_without_need() -> None:
    graph = small_net(DType.FLOAT32)
    scales = choose_scales(graph, observe_ranges(graph, random_samples(graph, 4)))
    assert choose_weight_scales(annotate(graph, scales)) == choose_weight_scales(graph)
