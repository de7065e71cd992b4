from __future__ import annotations

from hypothesis import given

from redsc.formats import write_tflite
from redsc.ir import Graph, parse_graph, print_graph, verify_graph
from redsc.passes.base import Log
from redsc.passes.simplify.drop_dead_nodes import DropDeadNodes
from redsc.runtime import EXECUTORS
from redsc.runtime.compare import difference, random_samples
from tests.strategies import graphs

CHAIN = """graph @g {
  input %x: f32[1,2]
  %a: f32[1,2] = RELU(%x) @"first"
  %b: f32[1,2] = RELU6(%a) @"second"
  %c: f32[1,2] = TANH(%a) @"third"
  output %c
}
"""


def run(text: str) -> tuple[Graph, Log, bool]:
    graph, log = parse_graph(text), Log()
    changed = DropDeadNodes().run(graph, log)
    verify_graph(graph)
    return graph, log, changed


def test_rule_1_what_nothing_reads_goes() -> None:
    graph, log, changed = run(CHAIN)
    assert changed
    assert print_graph(graph) == CHAIN.replace('  %b: f32[1,2] = RELU6(%a) @"second"\n', "")
    assert [entry.render() for entry in log.entries] == [
        "drop-dead-nodes: changed second: RELU6 is read by nothing, 8 B less to write"
    ]


def test_rule_1_one_walk_drops_a_whole_chain_from_its_end() -> None:
    graph, log, _ = run(CHAIN.replace("%c: f32[1,2] = TANH(%a)", "%c: f32[1,2] = TANH(%x)"))
    assert [node.name for node in graph.nodes] == ["third"]
    assert [entry.place for entry in log.entries] == ["second", "first"]


def test_rule_1_a_graph_output_stays() -> None:
    text = CHAIN.replace("  output %c", "  output %b\n  output %c")
    graph, _, changed = run(text)
    assert not changed
    assert print_graph(graph) == text


def test_rule_1_a_node_with_one_live_output_stays() -> None:
    text = """graph @g {
  input %x: f32[1,4]
  const %axis: i32[] = [1]
  %a: f32[1,2], %b: f32[1,2] = SPLIT(%axis, %x) {num_splits=2}
  output %b
}
"""
    assert not run(text)[2]


@given(graphs())
def test_the_outputs_are_equal_bit_for_bit_and_twice_is_once(graph: Graph) -> None:
    samples, litert = random_samples(graph, 2), EXECUTORS["litert"]
    if len(graph.outputs) > 1:
        graph.outputs = graph.outputs[1:]  # what made the first output is dead now
    before = litert.run(write_tflite(graph), samples)
    DropDeadNodes().run(graph, Log())
    verify_graph(graph)
    assert difference(before, litert.run(write_tflite(graph), samples)) is None
    assert not DropDeadNodes().run(graph, Log())
