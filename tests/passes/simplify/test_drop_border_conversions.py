from __future__ import annotations

import pytest
from hypothesis import given

from redsc.choices import Kernels
from redsc.formats import write_tflite
from redsc.ir import NO_ATTRS, DType, Graph, TensorType, Value, parse_graph, print_graph, verify_graph
from redsc.passes.base import Log
from redsc.passes.simplify.drop_border_conversions import DropBorderConversions, float_border_note
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import difference, random_samples
from redsc.runtime.ports import dequantize_rows, to_real
from tests.strategies import graphs

BORDERS = """graph @g {
  input %x: f32[1,2]
  %q: i8[1,2] q(0.5,3) = QUANTIZE(%x) @"into"
  %r: i8[1,2] q(0.5,3) = RELU(%q) @"middle"
  %y: f32[1,2] = DEQUANTIZE(%r) @"out of"
  output %y
}
"""


def run(text: str) -> tuple[Graph, Log, bool]:
    graph, log = parse_graph(text), Log()
    changed = DropBorderConversions().run(graph, log)
    verify_graph(graph)
    return graph, log, changed


def refused(text: str) -> list[str]:
    return [entry.render() for entry in run(text)[1].entries if entry.is_refusal]


def test_rules_1_to_3_both_borders_become_int8_and_keep_their_names() -> None:
    graph, log, _ = run(BORDERS)
    assert (
        print_graph(graph)
        == """graph @g {
  input %x: i8[1,2] q(0.5,3)
  %y: i8[1,2] q(0.5,3) = RELU(%x) @"middle"
  output %y
}
"""
    )
    assert [entry.render() for entry in log.entries] == [
        "drop-border-conversions: changed into: the input 'x' is int8, 8 B less to write",
        "drop-border-conversions: changed out of: the output 'y' is int8, 8 B less to write",
    ]


def test_rule_1_a_conversion_from_other_integers_stays() -> None:
    text = BORDERS.replace("input %x: f32[1,2]", "input %x: i8[1,2] q(0.25,0)")
    assert [node.op for node in run(text)[0].nodes] == ["QUANTIZE", "RELU"]


def test_rule_2_a_conversion_from_other_integers_stays() -> None:
    text = BORDERS.replace("%r: i8[1,2] q(0.5,3) = RELU(%q)", "%r: i16[1,2] q(0.5,0) = QUANTIZE(%q)")
    assert [node.op for node in run(text)[0].nodes] == ["QUANTIZE", "DEQUANTIZE"]


def test_rules_1_and_2_conversions_between_other_ops_stay() -> None:
    text = BORDERS.replace("= RELU(%q)", "= QUANTIZE(%u)").replace(
        "  %r:", "  %t: f32[1,2] = DEQUANTIZE(%q)\n  %u: f32[1,2] = TANH(%t)\n  %r:"
    )
    graph, log, _ = run(text)
    assert [node.op for node in graph.nodes] == ["DEQUANTIZE", "TANH", "QUANTIZE"]
    assert not [entry for entry in log.entries if entry.is_refusal]


def test_rule_2_an_int8_value_may_have_other_readers() -> None:
    text = BORDERS.replace("  output %y", "  %z: i8[1,2] q(0.5,3) = RELU6(%r)\n  output %z\n  output %y")
    graph, _, _ = run(text)
    assert [node.op for node in graph.nodes] == ["RELU", "RELU6"]
    assert [value.name for value in graph.outputs] == ["z", "y"]


def test_rule_4_refuses_where_something_else_reads_the_input() -> None:
    text = BORDERS.replace("  output %y", "  %z: f32[1,2] = TANH(%x)\n  output %z\n  output %y")
    assert refused(text) == ["drop-border-conversions: kept into: 'x' is read elsewhere"]


def test_rule_4_refuses_where_something_else_reads_the_output() -> None:
    text = BORDERS.replace("  output %y", "  %z: f32[1,2] = TANH(%y)\n  output %z\n  output %y")
    assert refused(text) == ["drop-border-conversions: kept out of: 'y' is read elsewhere"]


def test_rule_5_refuses_where_the_input_would_be_the_output() -> None:
    middle = '  %r: i8[1,2] q(0.5,3) = RELU(%q) @"middle"\n'
    text = BORDERS.replace(middle, "").replace("DEQUANTIZE(%r)", "DEQUANTIZE(%q)")
    assert refused(text) == ["drop-border-conversions: kept out of: the output would be 'x' itself"]
    assert refused(BORDERS.replace("  output %y", "  output %q\n  output %y")) == [
        "drop-border-conversions: kept into: the output would be 'x' itself"
    ]


def test_rule_5_refuses_where_another_output_would_be_the_output() -> None:
    text = BORDERS.replace("  output %y", '  %z: f32[1,2] = DEQUANTIZE(%r) @"again"\n  output %y\n  output %z')
    assert refused(text) == ["drop-border-conversions: kept again: the output would be 'y' itself"]


def add_borders(graph: Graph) -> None:
    """Make an int8 graph take and give float32."""
    ports = [Value(f"{value.name}.real", TensorType(value.type.shape, DType.FLOAT32)) for value in graph.inputs]
    for real, value in zip(ports, graph.inputs, strict=True):
        graph.append("QUANTIZE", [real], [value], NO_ATTRS, before=graph.nodes[0])
    graph.inputs = ports
    ports = [Value(f"{value.name}.real", TensorType(value.type.shape, DType.FLOAT32)) for value in graph.outputs]
    for real, value in zip(ports, graph.outputs, strict=True):
        graph.append("DEQUANTIZE", [value], [real], NO_ATTRS)
    graph.outputs = ports


@pytest.mark.parametrize("runtime", ["litert", "tflm"])
@given(graphs(DType.INT8))
def test_the_numbers_inside_stay_the_same_bit_for_bit_and_twice_is_once(runtime: str, graph: Graph) -> None:
    if not installed(runtime):
        pytest.skip(f"{EXECUTORS[runtime].package} is not installed")
    samples, run_model = random_samples(graph, 2), EXECUTORS[runtime].run
    real = [[to_real(array, value.type) for array, value in zip(row, graph.inputs, strict=True)] for row in samples]
    add_borders(graph)
    verify_graph(graph)
    before = run_model(write_tflite(graph), real)
    assert DropBorderConversions().run(graph, Log())
    verify_graph(graph)
    found = run_model(write_tflite(graph), samples)
    assert {array.dtype.name for row in found for array in row} == {"int8"}
    assert difference(before, dequantize_rows(graph, found)) is None
    assert not DropBorderConversions().run(graph, Log())


def test_a_note_says_what_float_borders_cost() -> None:
    (note,) = float_border_note(parse_graph(BORDERS.replace("[1,2]", "[1,200]")), Kernels.SAFE)
    assert note.code == "L108"
    assert "float inputs or outputs cost" in note.message
    without, _, _ = run(BORDERS)
    assert float_border_note(without, Kernels.SAFE) == []
