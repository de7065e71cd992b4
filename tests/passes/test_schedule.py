from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.choices import Kernels
from redsc.cost.order import order_problem, peak_bytes
from redsc.cost.overlap import overlap_credits
from redsc.formats import load_model, write_tflite
from redsc.ir import Graph, parse_graph, print_graph, verify_graph
from redsc.passes.base import Log, run_passes
from redsc.passes.schedule import Schedule
from redsc.runtime import EXECUTORS, installed
from redsc.runtime.compare import difference, random_samples
from tests.conftest import Zoo
from tests.helpers import small_net
from tests.strategies import graphs

WIDE = """graph @g {
  input %x: f32[1,4]
  const %many: i32[2] = [16,4]
  const %axis: i32[1] = [0]
  %a: f32[16,4] = BROADCAST_TO(%x, %many)
  %b: f32[16,4] = BROADCAST_TO(%x, %many)
  %c: f32[4] = MEAN(%a, %axis) {keep_dims=false}
  %d: f32[4] = MEAN(%b, %axis) {keep_dims=false}
  %y: f32[4] = ADD(%c, %d) {activation=NONE}
  output %y
}
"""
EVEN = """graph @g {
  input %x: f32[4]
  %a: f32[4] = RELU(%x)
  %b: f32[4] = RELU6(%x)
  %c: f32[4] = TANH(%a)
  %d: f32[4] = TANH(%b)
  %y: f32[4] = ADD(%c, %d) {activation=NONE}
  output %y
}
"""


def run(graph: Graph, schedule: Schedule | None = None) -> tuple[bool, list[str]]:
    log = Log()
    changed = (schedule or Schedule()).run(graph, log)
    verify_graph(graph)
    return changed, [entry.render() for entry in log.entries]


def names(graph: Graph) -> list[str]:
    return [node.name for node in graph.nodes]


def peak(graph: Graph) -> int:
    return peak_bytes(order_problem(graph, overlap_credits(graph, Kernels.SAFE)), range(len(graph.nodes)))


def shuffle(graph: Graph, random: Random) -> None:
    """Put the nodes into a random order that is legal."""
    left, made, order = list(graph.nodes), {*graph.inputs, *graph.constants()}, []
    while left:
        node = random.choice([item for item in left if made.issuperset(item.present_inputs())])
        left.remove(node)
        made.update(node.outputs)
        order.append(node)
    graph.nodes = order


def test_rule_1_the_peak_becomes_the_least_of_all_orders() -> None:
    graph = parse_graph(WIDE)
    changed, log = run(graph)
    assert changed
    assert names(graph) == ["a", "c", "b", "d", "y"]
    assert log == ["schedule: changed g: the peak was 560 B; its peak is 320 B, the least of all orders"]


def test_rule_1_after_too_many_states_the_log_has_a_bound() -> None:
    _, log = run(parse_graph(WIDE), Schedule(max_states=0))
    assert log == ["schedule: changed g: the peak was 560 B; its peak is 320 B, and no order is below 304 B"]


def test_rule_2_at_the_same_peak_readers_move_to_producers() -> None:
    graph = parse_graph(EVEN)
    changed, log = run(graph)
    assert changed
    assert names(graph) == ["a", "c", "b", "d", "y"]
    assert log == [
        "schedule: changed g: the reuse distance is 80 B, it was 96 B; its peak is 32 B, the least of all orders"
    ]


def test_rule_3_a_chain_stays() -> None:
    graph = small_net()
    before = print_graph(graph)
    changed, log = run(graph)
    assert not changed
    assert print_graph(graph) == before
    assert log == ["schedule: kept main: no better order is known; its peak is 1,280 B, the least of all orders"]


def test_rule_3_the_given_order_stays_where_the_arena_would_be_higher(monkeypatch: pytest.MonkeyPatch) -> None:
    heights = iter((320, 560))
    monkeypatch.setattr("redsc.passes.schedule.planned_head_bytes", lambda *_: next(heights))
    graph = parse_graph(WIDE)
    changed, log = run(graph)
    assert not changed
    assert names(graph) == ["a", "b", "c", "d", "y"]
    assert log == ["schedule: kept g: the arena would be higher; its peak is 320 B, the least of all orders"]


@given(graphs(), st.randoms(use_true_random=False))
def test_the_outputs_of_every_order_are_equal_bit_for_bit(graph: Graph, random: Random) -> None:
    samples, litert = random_samples(graph, 2), EXECUTORS["litert"]
    before = litert.run(write_tflite(graph), samples)
    shuffle(graph, random)
    assert difference(before, litert.run(write_tflite(graph), samples)) is None
    run_passes(graph, [Schedule()], Log())
    assert difference(before, litert.run(write_tflite(graph), samples)) is None


@given(graphs(), st.randoms(use_true_random=False))
def test_another_run_changes_no_peak(graph: Graph, random: Random) -> None:
    shuffle(graph, random)
    before = peak(graph)
    run(graph)
    once = peak(graph)
    run(graph)
    assert peak(graph) == once <= before


@pytest.mark.parametrize("executor", ["litert", "tflm"])
def test_a_published_network_needs_less_and_answers_the_same(zoo: Zoo, executor: str) -> None:
    if not installed(executor):
        pytest.skip(f"{executor} is not installed")
    graph = load_model(zoo("models/mediapipe-0.10.14/hand_recrop.tflite")).graph
    samples, before = random_samples(graph, 1), write_tflite(graph)
    assert peak(graph) == 1_572_864
    run(graph)
    assert peak(graph) == 1_310_720
    execute = EXECUTORS[executor].run
    assert difference(execute(before, samples), execute(write_tflite(graph), samples)) is None
