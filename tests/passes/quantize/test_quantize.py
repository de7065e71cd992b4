from __future__ import annotations

import pytest

from redsc.ir import parse_graph, print_graph, verify_graph
from redsc.passes.base import Log
from redsc.passes.quantize.quantize import quantize

DENSE = """graph @g {
  input %x: f32[1,2] q(0.5,3)
  const %w: f32[2,2] q(0.25,0) = [0.25,-40,1,0.5]
  const %b: f32[2] = [1,-2]
  %y: f32[1,2] q(0.5,0) = FULLY_CONNECTED(%x, %w, %b) {keep_num_dims=false, activation=RELU} @"dense"
  output %y
}
"""
DENSE_INT8 = """graph @g {
  input %x: i8[1,2] q(0.5,3)
  const %w: i8[2,2] q(0.25,0) = [1,-127,4,2]
  const %b: i32[2] q(0.125,0) = [8,-16]
  %y: i8[1,2] q(0.5,0) = FULLY_CONNECTED(%x, %w, %b) {keep_num_dims=false, activation=RELU} @"dense"
  output %y
}
"""
CHAIN = """graph @g {
  input %x: f32[1,2] q(0.5,0)
  %a: f32[1,2] q(0.5,0) = RELU(%x)
  %b: f32[1,2] q(0.5,0) = LEAKY_RELU(%a) {alpha=0.5}
  %c: f32[1,2] q(0.5,0) = RELU6(%b)
  output %c
}
"""
CHAIN_ISLAND = """graph @g {
  input %x: i8[1,2] q(0.5,0)
  %a: i8[1,2] q(0.5,0) = RELU(%x)
  %a.float: f32[1,2] = DEQUANTIZE(%a)
  %b.float: f32[1,2] = LEAKY_RELU(%a.float) {alpha=0.5}
  %b: i8[1,2] q(0.5,0) = QUANTIZE(%b.float)
  %c: i8[1,2] q(0.5,0) = RELU6(%b)
  output %c
}
"""
POOL = """graph @g {
  input %x: f32[1,2] q(0.5,0)
  %y: f32[2,1] q(0.25,1) = RESHAPE(%x) {new_shape=[2,1]}
  output %y
}
"""
POOL_INT8 = """graph @g {
  input %x: i8[1,2] q(0.5,0)
  %y.raw: i8[2,1] q(0.5,0) = RESHAPE(%x) {new_shape=[2,1]}
  %y: i8[2,1] q(0.25,1) = QUANTIZE(%y.raw)
  output %y
}
"""
SOFTMAX = """graph @g {
  input %x: f32[1,2] q(0.5,0)
  %y: f32[1,2] q(0.5,1) = SOFTMAX(%x) {beta=1}
  output %y
}
"""
SOFTMAX_INT8 = """graph @g {
  input %x: i8[1,2] q(0.5,0)
  %y.raw: i8[1,2] q(0.00390625,-128) = SOFTMAX(%x) {beta=1.0}
  %y: i8[1,2] q(0.5,1) = QUANTIZE(%y.raw)
  output %y
}
"""
PAD = """graph @g {
  input %x: f32[1,2] q(0.5,0)
  const %p: i32[2,2] = [0,0,0,1]
  %y: f32[1,3] q(0.5,0) = PAD(%x, %p)
  output %y
}
"""


def run(text: str, *keep_float: str) -> str:
    graph = quantize(parse_graph(text), Log(), keep_float)
    verify_graph(graph)
    return print_graph(graph)


def refusals(text: str, *keep_float: str) -> list[str]:
    log = Log()
    quantize(parse_graph(text), log, keep_float)
    return [entry.text for entry in log.entries if entry.is_refusal]


def test_rules_1_and_4_a_node_its_weights_and_its_bias_become_integers() -> None:
    assert run(DENSE) == DENSE_INT8


def test_rule_2_an_island_is_dequantised_before_and_quantised_after() -> None:
    assert run(CHAIN, "b") == CHAIN_ISLAND


def test_rule_2_neighbouring_islands_stay_float_between_them() -> None:
    text = run(CHAIN, "b", "a")
    assert text.count("QUANTIZE(") == 2 + text.count("DEQUANTIZE(") - 1
    assert "%a: f32[1,2] = RELU(%x.float)" in text


@pytest.mark.parametrize(
    ("text", "keep", "reason"),
    [
        (CHAIN, ("b",), "it is kept float by request"),
        (CHAIN.replace("%b: f32[1,2] q(0.5,0)", "%b: f32[1,2]"), (), "no scale is known for 'b'"),
        (DENSE.replace("f32[2,2] q(0.25,0)", "f32[2,2]"), (), "no scale is known for 'w'"),
    ],
)
def test_rule_2_the_log_says_why_a_node_stays_float(text: str, keep: tuple[str, ...], reason: str) -> None:
    assert reason in refusals(text, *keep)


def test_rule_2_a_weight_that_is_no_constant_keeps_its_node_float() -> None:
    text = DENSE.replace("  const %w: f32[2,2] q(0.25,0) = [0.25,-40,1,0.5]\n", "  input %w: f32[2,2] q(0.25,0)\n")
    assert refusals(text) == ["its weight is no constant"]


def test_rule_3_ports_without_a_scale_stay_float() -> None:
    text = run(DENSE.replace("input %x: f32[1,2] q(0.5,3)", "input %x: f32[1,2]"))
    assert "input %x: f32[1,2]\n" in text
    assert "%y: i8[1,2] q(0.5,0) = QUANTIZE(%y.float)" in text


def test_rule_4_a_bias_beyond_int32_saturates() -> None:
    log = Log()
    graph = quantize(parse_graph(DENSE.replace("[1,-2]", "[1,-1e12]")), log)
    assert "[8,-2147483648]" in print_graph(graph)
    assert [entry.text for entry in log.entries] == ["the bias 'b' saturates"]


def test_rule_4_a_bias_has_one_scale_per_scale_of_the_weight_along_axis_0() -> None:
    text = run(DENSE.replace("q(0.25,0)", "q([0.25,0.5],[0])"))
    assert "const %b: i32[2] q([0.125,0.25],[0],axis=0) = [8,-8]" in text


def test_rule_5_a_copy_runs_at_the_scale_of_its_operand() -> None:
    assert run(POOL) == POOL_INT8


def test_rule_5_equal_scales_need_no_requantisation() -> None:
    assert "QUANTIZE" not in run(POOL.replace("q(0.25,1)", "q(0.5,0)"))


def test_rule_6_a_prescribed_scale_is_requantised_to_the_users() -> None:
    assert run(SOFTMAX) == SOFTMAX_INT8


def test_rule_7_integer_operands_stay() -> None:
    assert "const %p: i32[2,2] = [0,0,0,1]" in run(PAD)


def test_rule_8_a_cast_becomes_the_conversion_between_what_it_joins() -> None:
    notes = {"": "f32[1,2]", "a": "f32[1,2] q(0.5,0)", "b": "f32[1,2] q(0.25,0)"}
    found = {}
    for before, after in [("", ""), ("", "a"), ("a", ""), ("a", "b"), ("a", "a")]:
        text = f"graph @g {{\n  input %x: {notes[before]}\n  %y: {notes[after]} = CAST(%x)\n  output %y\n}}\n"
        found[before, after] = run(text).split(" = ")[1].split("(")[0]
    wanted = ["CAST", "QUANTIZE", "DEQUANTIZE", "QUANTIZE", "QUANTIZE"]
    assert list(found.values()) == wanted


@pytest.mark.parametrize(("scale", "count"), [("0.5", 0), ("0.25", 2)])
def test_rule_9_conversions_to_and_from_integers_are_dropped_or_requantise(scale: str, count: int) -> None:
    text = f"""graph @g {{
  input %x: f32[1,2] q(0.5,0)
  %x.int8: i8[1,2] q({scale},0) = QUANTIZE(%x)
  %raw: i32[1,2] = CAST(%x.int8)
  %y.int8: i8[1,2] q({scale},0) = CAST(%raw)
  %y: f32[1,2] q(0.5,0) = DEQUANTIZE(%y.int8)
  output %y
}}
"""
    made = run(text)
    assert made.count("QUANTIZE(") == count
    assert "output %y\n" in made


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        ("f32[1,2] q(0.02,0) = DIV(%x, %z) {activation=NONE}", "a quotient of 1 is 50 steps"),
        ("i1[1,2] = GREATER(%x, %z)", "takes scales below 1, this is 1"),
    ],
)
def test_rule_11_a_node_whose_kernel_fails_with_its_scales_stays_float(node: str, reason: str) -> None:
    scale = "1" if "GREATER" in node else "0.5"
    ports = f"  input %x: f32[1,2] q({scale},0)\n  input %z: f32[1,2] q({scale},0)\n"
    text = f"graph @g {{\n{ports}  %y: {node}\n  output %y\n}}\n"
    assert reason in refusals(text)[0]
    assert "(%x.float, %z.float)" in run(text)
    assert refusals(text.replace("0.02", "0.015").replace("q(1,0)", "q(0.99,0)")) == []


def test_rule_12_a_weight_stops_at_minus_127_unless_it_is_minus_128_steps_exactly() -> None:
    assert "[1,-128,4,2]" in run(DENSE.replace("-40", "-32"))
    assert "[1,-127,4,2]" in run(DENSE.replace("-40", "-31.99"))
    assert "[1,-127,4,2]" in run(DENSE)


def test_a_weight_of_an_island_and_of_an_int8_node_is_stored_in_both_forms() -> None:
    text = DENSE.replace(
        "  output %y",
        '  %z: f32[1,2] q(0.5,0) = FULLY_CONNECTED(%x, %w, %b) {keep_num_dims=false, activation=NONE} @"z"\n'
        "  output %y\n  output %z",
    )
    made = run(text, "z")
    assert "const %w: f32[2,2]" in made
    assert "const %w.int8: i8[2,2]" in made
