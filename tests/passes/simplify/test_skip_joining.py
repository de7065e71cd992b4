from __future__ import annotations

import numpy as np
import pytest

from redsc.formats import write_tflite
from redsc.ir import Graph, parse_graph, print_graph, verify_graph
from redsc.passes.base import Log
from redsc.passes.simplify.skip_joining import SkipJoining
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import random_samples

JOINED = """graph @g {
  input %a: f32[1,3]
  input %b: f32[2,3]
  const %begin: i32[2] = [1,0]
  const %size: i32[2] = [2,3]
  %j: f32[3,3] = CONCATENATION(%a, %b) {axis=0}
  %y: f32[2,3] = SLICE(%j, %begin, %size) @"last"
  output %y
}
"""
SLICE = "SLICE(%j, %begin, %size)"
QUANT = "i8 q(0.5, 0)"


def run(text: str) -> tuple[Graph, Log, bool]:
    graph, log = parse_graph(text), Log()
    changed = SkipJoining().run(graph, log)
    verify_graph(graph)
    return graph, log, changed


def what_it_reads(text: str) -> str:
    """Return what the output is a view of after the pass, whose answers must not change."""
    before, (graph, _, changed) = parse_graph(text), run(text)
    assert changed
    samples = random_samples(before, 2)
    expected, found = (EXECUTORS["litert"].run(write_tflite(item), samples) for item in (before, graph))
    assert np.array_equal(expected, found)
    (view,) = [node for node in graph.nodes if node.outputs[0].name == "y"]
    assert view.op == "RESHAPE"
    return view.operand(0).name


def stays(text: str) -> list[str]:
    graph, log, changed = run(text)
    assert not changed
    assert print_graph(graph) == print_graph(parse_graph(text))
    return [entry.render() for entry in log.entries]


def test_rule_1_a_slice_of_an_operand_is_a_view_of_it() -> None:
    assert what_it_reads(JOINED) == "b"
    assert [entry.render() for entry in run(JOINED)[1].entries] == [
        "skip-joining: changed last: SLICE takes 'b', 24 B less to write"
    ]


def test_rule_1_views_do_not_matter() -> None:
    text = JOINED.replace("[1,0]", "[0,1,0]").replace("[2,3]\n  %j", "[1,2,3]\n  %j").replace("i32[2]", "i32[3]")
    text = text.replace("  %y: f32[2,3]", "  %v: f32[1,3,3] = RESHAPE(%j) {new_shape=[1,3,3]}\n  %y: f32[1,2,3]")
    assert what_it_reads(text.replace("SLICE(%j", "SLICE(%v")) == "b"


def test_rule_1_stacks_and_strided_slices() -> None:
    text = """graph @g {
  input %a: f32[3]
  input %b: f32[3]
  const %begin: i32[2] = [-1,0]
  const %end: i32[2] = [0,0]
  const %strides: i32[2] = [1,1]
  %j: f32[2,3] = PACK(%a, %b) {values_count=2, axis=0}
  %y: f32[3] = STRIDED_SLICE(%j, %begin, %end, %strides) {begin_mask=2, end_mask=2, shrink_axis_mask=1}
  output %y
}
"""
    assert what_it_reads(text) == "b"


def test_rule_2_joins_of_joins() -> None:
    text = JOINED.replace("%j: f32[3,3] = CONCATENATION(%a, %b)", "%i: f32[3,3] = CONCATENATION(%b, %a)")
    text = text.replace("  %y", "  %j: f32[4,3] = CONCATENATION(%a, %i) {axis=0}\n  %y")
    assert what_it_reads(text) == "b"


def test_rule_3_operands_that_are_not_one_behind_the_other() -> None:
    text = JOINED.replace("f32[1,3]", "f32[2,3]").replace("f32[3,3]", "f32[2,6]").replace("axis=0", "axis=1")
    assert stays(text.replace("[1,0]", "[0,3]")) == []


@pytest.mark.parametrize("begin", ["[0,0]", "[1,1]"])
def test_rule_4_parts_of_operands(begin: str) -> None:
    width = 3 - int(begin[3])
    text = JOINED.replace("[1,0]", begin).replace("i32[2] = [2,3]", f"i32[2] = [2,{width}]")
    assert stays(text.replace("%y: f32[2,3]", f"%y: f32[2,{width}]")) == []


def test_rule_5_another_scale() -> None:
    text = JOINED.replace("%y: f32[2,3]", "%y: f32[2,3] q(0.25,0)")
    assert stays(text) == ["skip-joining: kept last: 'b' has another scale"]
