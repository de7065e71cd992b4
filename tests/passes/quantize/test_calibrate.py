from __future__ import annotations

import pytest

from redsc.ir import Quant, parse_graph
from redsc.passes.quantize.calibrate import affine_quant, choose_scales
from redsc.runtime.observe.ranges import Range

POOL = """graph @g {
  input %x: f32[1,2,2,1]
  %p: f32[1,1,1,1] = MAX_POOL_2D(%x) {padding=VALID, stride_h=2, stride_w=2, filter_h=2, filter_w=2}
  %r: f32[1,1] = RESHAPE(%p) {new_shape=[1,1]}
  output %r
}
"""
SOFTMAX = """graph @g {
  input %x: f32[1,2]
  %s: f32[1,2] = SOFTMAX(%x)
  %r: f32[2,1] = RESHAPE(%s) {new_shape=[2,1]}
  %y: f32[2,1] = RELU(%r)
  output %y
}
"""
JOIN = """graph @g {
  input %x: f32[1,2]
  %s: f32[1,2] = SOFTMAX(%x)
  %r: f32[1,2] = RELU(%x)
  %j: f32[1,4] = CONCATENATION(%s, %r) {axis=1}
  %y: f32[1,4] = RELU(%j)
  output %y
}
"""
PADDED = """graph @g {
  input %x: f32[1,2,2,1]
  const %pads: i32[4,2] = [0,0,1,1,1,1,0,0]
  const %lowest: f32[] = [-3.4028235e38]
  %p: f32[1,4,4,1] = PADV2(%x, %pads, %lowest)
  %y: f32[1,2,2,1] = MAX_POOL_2D(%p) {padding=VALID, stride_h=2, stride_w=2, filter_h=2, filter_w=2}
  output %y
}
"""
ADD = """graph @g {
  input %x: f32[1,2]
  const %c: f32[1,2] = [-1,1]
  %y: f32[1,2] = ADD(%x, %c)
  output %y
}
"""
SOFTMAX_SCALE = Quant.per_tensor(1 / 256, -128)
UNIT = Range(0.0, 1.0)


def unit_scale(high: float) -> Quant:
    return Quant.per_tensor(high / 255, -128)


@pytest.mark.parametrize(
    ("low", "high", "scale", "zero_point"),
    [
        (0.0, 2.55, 0.01, -128),
        (-2.55, 0.0, 0.01, 127),
        (-1.28, 1.27, 0.01, 0),
        (1.0, 2.55, 0.01, -128),  # zero is always inside
        (-2.55, -1.0, 0.01, 127),
        (0.0, 0.0, 1 / 255, -128),  # nothing but zeros: any positive scale will do
        (0.0, 1e-30, 1 / 255, -128),
    ],
)
def test_256_steps_cover_the_range_and_zero(low: float, high: float, scale: float, zero_point: int) -> None:
    assert affine_quant(Range(low, high)) == Quant.per_tensor(scale, zero_point)


def test_rule_1_a_value_keeps_the_scale_that_it_carries() -> None:
    graph = parse_graph(POOL.replace("%x: f32[1,2,2,1]", "%x: f32[1,2,2,1] q(0.5,3)"))
    found = choose_scales(graph, {"x": UNIT, "p": UNIT, "r": UNIT})
    assert found["x"] == Quant.per_tensor(0.5, 3)


def test_rule_1_what_the_user_chose_passes_on_to_what_copies_it() -> None:
    chosen = Quant.per_tensor(0.5, 3)
    graph = parse_graph(POOL.replace("%x: f32[1,2,2,1]", "%x: f32[1,2,2,1] q(0.5,3)"))
    assert choose_scales(graph, {}) == dict.fromkeys("xpr", chosen)


def test_rule_1_a_copy_keeps_another_scale_that_the_user_chose() -> None:
    text = POOL.replace("%x: f32[1,2,2,1]", "%x: f32[1,2,2,1] q(0.5,3)").replace(
        "%r: f32[1,1]", "%r: f32[1,1] q(1,0)"
    )
    found = choose_scales(parse_graph(text), {})
    assert (found["p"], found["r"]) == (Quant.per_tensor(0.5, 3), Quant.per_tensor(1.0))


def test_rule_1_a_node_that_stays_float_passes_nothing_on() -> None:
    graph = parse_graph(POOL.replace("%x: f32[1,2,2,1]", "%x: f32[1,2,2,1] q(0.5,3)"))
    assert choose_scales(graph, {}, keep_float={"p"}).keys() == {"x"}


def test_rule_2_a_prescribed_scale_replaces_the_users_where_no_reader_copies_it() -> None:
    text = SOFTMAX.replace("%s: f32[1,2]", "%s: f32[1,2] q(0.5,1)")
    assert choose_scales(parse_graph(text), {})["s"] == Quant.per_tensor(0.5, 1)
    text = text.replace("RESHAPE(%s) {new_shape=[2,1]}", "EXP(%s)").replace("[2,1]", "[1,2]")
    assert choose_scales(parse_graph(text), {})["s"] == SOFTMAX_SCALE


def test_rule_2_a_prescribed_scale_is_taken() -> None:
    found = choose_scales(parse_graph(SOFTMAX), {name: Range(0.0, 9.0) for name in "xsry"})
    assert found["s"] == SOFTMAX_SCALE


def test_rule_3_tied_values_have_one_scale_from_the_union_of_their_ranges() -> None:
    found = choose_scales(
        parse_graph(JOIN), dict.fromkeys("xsjy", UNIT) | {"s": Range(-1.0, 1.0), "r": Range(0.0, 2.0)}
    )
    assert found["r"] == found["j"] == affine_quant(Range(-1.0, 2.0))


def test_rule_3_copies_count_too() -> None:
    found = choose_scales(parse_graph(POOL), {"x": UNIT, "p": Range(0.5, 2.0), "r": UNIT})  # as percentiles may be
    assert found == dict.fromkeys("xpr", unit_scale(2.0))


def test_rule_3_an_op_that_rescales_ties_nothing() -> None:
    found = choose_scales(parse_graph(SOFTMAX), dict.fromkeys("xs", UNIT) | {"r": UNIT, "y": Range(0.0, 0.5)})
    assert found["y"] == unit_scale(0.5)


def test_rule_4_a_group_takes_the_scale_that_the_user_gave_a_member() -> None:
    graph = parse_graph(POOL.replace("%x: f32[1,2,2,1]", "%x: f32[1,2,2,1] q(0.5,3)"))
    assert choose_scales(graph, {}) == dict.fromkeys("xpr", Quant.per_tensor(0.5, 3))


def test_rule_4_a_group_takes_a_prescribed_scale_that_holds_its_range() -> None:
    found = choose_scales(parse_graph(SOFTMAX), dict.fromkeys("xsry", UNIT))
    assert found["r"] == found["s"] == SOFTMAX_SCALE


def test_rule_4_a_group_whose_range_does_not_fit_stays_apart() -> None:
    found = choose_scales(parse_graph(JOIN), dict.fromkeys("xsjy", UNIT) | {"r": Range(0.0, 3.0)})
    assert found["s"] == SOFTMAX_SCALE
    assert found["r"] == found["j"] == unit_scale(3.0)


def test_rule_5_a_constant_operand_has_the_range_of_its_numbers() -> None:
    found = choose_scales(parse_graph(ADD), {"x": UNIT, "y": UNIT})
    assert found["c"] == affine_quant(Range(-1.0, 1.0))


def test_rule_5_a_bound_beyond_the_range_does_not_widen_it() -> None:
    text = "graph @g { input %x: f32[1,2] const %c: f32[1] = [4] %y: f32[1,2] = MINIMUM(%x, %c) output %y }"
    found = choose_scales(parse_graph(text), {"x": UNIT, "y": UNIT})
    assert found == dict.fromkeys("xcy", unit_scale(1.0))


@pytest.mark.parametrize("number", ["-3.4028235e38", "-1e9", "-1e4"])
def test_rule_5_a_number_that_stands_for_infinity_saturates(number: str) -> None:
    graph = parse_graph(PADDED.replace("-3.4028235e38", number))
    found = choose_scales(graph, {"x": UNIT, "p": Range(float(number), 1.0), "y": UNIT})
    assert found == dict.fromkeys(("x", "p", "y", "lowest"), unit_scale(1.0))


@pytest.mark.parametrize(("number", "high"), [("-9e3", 1.0), ("-1e6", 1e4)])
def test_rule_5_a_number_that_does_not_is_held(number: str, high: float) -> None:
    graph = parse_graph(PADDED.replace("-3.4028235e38", number))
    found = choose_scales(graph, {"x": Range(0.0, high), "p": UNIT, "y": UNIT})
    assert found["x"] == affine_quant(Range(float(number), high))


def test_rule_5_the_numbers_of_a_constant_are_looked_at_one_by_one() -> None:
    text = ADD.replace("ADD", "MAXIMUM").replace("[-1,1]", "[-3e38,2]")
    assert choose_scales(parse_graph(text), {"x": UNIT, "y": Range(0.0, 2.0)})["c"] == unit_scale(2.0)


def test_rule_6_no_scale_without_a_range() -> None:
    assert choose_scales(parse_graph(POOL), {"p": UNIT, "r": UNIT}) == {}
    assert choose_scales(parse_graph(JOIN), dict.fromkeys("xsjy", UNIT)).keys() == {"x", "s", "y"}
    assert set(choose_scales(parse_graph(ADD), {"y": UNIT})) == {"c", "y"}


def test_rule_7_a_level_has_the_ports_of_the_whole_network_and_its_decisions() -> None:
    whole = choose_scales(parse_graph(JOIN), dict.fromkeys("xsjy", UNIT) | {"r": Range(0.0, 3.0)})
    level = choose_scales(parse_graph(JOIN), dict.fromkeys("xsrjy", Range(0.0, 0.5)), like=whole)
    assert (level["x"], level["y"]) == (whole["x"], whole["y"])
    assert level["r"] == unit_scale(0.5)  # apart from the prescribed scale, as in the whole network


def test_rule_8_a_node_that_stays_float_ties_nothing() -> None:
    found = choose_scales(parse_graph(POOL), {"x": UNIT, "p": UNIT, "r": Range(0.0, 2.0)}, keep_float={"r"})
    assert (found["p"], found["r"]) == (unit_scale(1.0), unit_scale(2.0))


def steps(other: str = "%w", origin: str = "rnn") -> str:
    """Return two steps of a layer: h = tanh(x + h' w) for two parts of the input."""
    return f"""graph @g {{
  input %x: f32[2,1,2]
  input %h: f32[1,2]
  const %w: f32[2,2] = [1,0.5,-0.5,0.25]
  const %v: f32[2,2] = [1,0.5,-0.5,0.25]
  const %zero: i32[3] = [0,0,0]
  const %one: i32[3] = [1,0,0]
  const %size: i32[3] = [1,1,2]
  %x0: f32[1,1,2] = SLICE(%x, %zero, %size) @"rnn"
  %f0: f32[1,2] = FULLY_CONNECTED(%h, %w, none) @"rnn"
  %r0: f32[1,2] = RESHAPE(%x0) {{new_shape=[1,2]}} @"rnn"
  %s0: f32[1,2] = ADD(%r0, %f0) @"rnn"
  %x1: f32[1,1,2] = SLICE(%x, %one, %size) @"{origin}"
  %f1: f32[1,2] = FULLY_CONNECTED(%s0, {other}, none) @"{origin}"
  %r1: f32[1,2] = RESHAPE(%x1) {{new_shape=[1,2]}} @"{origin}"
  %s1: f32[1,2] = ADD(%r1, %f1) @"{origin}"
  output %s1
}}
"""


RANGES = {
    name: Range(-reach, reach)
    for name, reach in zip(["x", "h", "f0", "s0", "f1", "s1"], (1, 2, 3, 4, 5, 6), strict=True)
}


def test_rule_10_steps_of_a_layer_share_scales() -> None:
    found = choose_scales(parse_graph(steps()), RANGES)
    assert found["f0"] == found["f1"] == affine_quant(Range(-5.0, 5.0))
    assert found["h"] == found["s0"] == found["s1"] == affine_quant(Range(-6.0, 6.0))


@pytest.mark.parametrize("text", [steps("%v"), steps(origin="other")])
def test_rule_10_layers_of_other_weights_or_another_origin_do_not(text: str) -> None:
    found = choose_scales(parse_graph(text), RANGES)
    assert len({found[name] for name in ("f0", "f1", "s0", "s1")}) == 4
