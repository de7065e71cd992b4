from __future__ import annotations

import pytest
from hypothesis import given

from redsc.choices import Kernels
from redsc.cost.buffer import aligned
from redsc.cost.engine import scratch_bytes
from redsc.cost.liveness import peak_working_set
from redsc.cost.memory import ram_buffers
from redsc.cost.order import (
    OrderProblem,
    Step,
    order_free_bound,
    order_problem,
    peak_bytes,
    reuse_distance,
    unas_peak_bytes,
)
from redsc.ir import Graph, parse_graph
from tests.helpers import NetBuilder
from tests.strategies import graphs

SUM = """graph @g {
  input %x: f32[64]
  %a: f32[4] = RELU(%x)
  %b: f32[4] = RELU6(%a)
  %c: f32[4] = ADD(%a, %b)
  output %c
}"""


def network(sizes: tuple[int, ...], *steps: Step, outputs: set[int]) -> OrderProblem:
    """Return a problem whose inputs are the tensors that no step makes."""
    made = {tensor for step in steps for tensor in step.outputs}
    return OrderProblem(sizes, steps, frozenset(range(len(sizes))) - made, frozenset(outputs))


CHAIN = network((3, 5, 7, 2), Step((0,), (1,)), Step((1,), (2,)), Step((2,), (3,)), outputs={3})


def test_inputs_and_outputs_of_a_step_are_live_together() -> None:
    assert peak_bytes(CHAIN, [0, 1, 2]) == 5 + 7


def test_a_network_input_is_live_until_its_last_reader() -> None:
    problem = network((9, 1, 1, 1), Step((0,), (1,)), Step((1,), (2,)), Step((0, 2), (3,)), outputs={3})
    assert peak_bytes(problem, [0, 1, 2]) == 9 + 1 + 1


def test_all_network_inputs_are_live_before_the_first_step() -> None:
    problem = network((9, 9, 1), Step((0,), (2,)), outputs={2})
    assert peak_bytes(problem, [0]) == order_free_bound(problem) == 9 + 9


def test_network_outputs_are_live_to_the_end() -> None:
    problem = network((1, 9, 1, 1), Step((0,), (1,)), Step((0,), (2,)), Step((2,), (3,)), outputs={1, 3})
    assert peak_bytes(problem, [0, 1, 2]) == 9 + 1 + 1


def test_what_nobody_reads_is_live_in_its_own_step() -> None:
    problem = network((1, 9, 2, 3), Step((0,), (1, 2)), Step((2,), (3,)), outputs={3})
    assert peak_bytes(problem, [0, 1]) == 1 + 9 + 2


def test_scratch_is_live_in_its_own_step() -> None:
    problem = network((3, 4, 3), Step((0,), (1,), scratch=10), Step((1,), (2,)), outputs={2})
    assert peak_bytes(problem, [0, 1]) == 3 + 4 + 10


def test_a_credit_counts_where_its_input_dies() -> None:
    problem = network((4, 4), Step((0,), (1,), credits=((0, 4),)), outputs={1})
    assert peak_bytes(problem, [0]) == 4


def test_a_credit_is_lost_where_its_input_is_read_later() -> None:
    steps = (Step((0,), (1,), credits=((0, 4),)), Step((0, 1), (2,)))
    assert peak_bytes(network((4, 4, 0), *steps, outputs={2}), [0, 1]) == 4 + 4


def test_the_largest_credit_of_a_step_counts() -> None:
    problem = network((3, 3, 3), Step((0, 1), (2,), credits=((0, 1), (1, 3))), outputs={2})
    assert peak_bytes(problem, [0]) == 3 + 3 + 3 - 3


@given(graphs())
def test_the_peak_of_a_graph_is_that_of_its_buffers(graph: Graph) -> None:
    buffers, steps = ram_buffers(graph), range(len(graph.nodes))
    sums = [sum(b.size for b in buffers if b.live.start <= step < b.live.end) for step in (-1, *steps)]
    assert peak_bytes(order_problem(graph), steps) == max(sums)


def test_the_credits_of_a_node_are_those_of_its_step() -> None:
    graph = parse_graph(SUM)
    a, b = graph.nodes[2].present_inputs()
    problem = order_problem(graph, lambda node: {a: 8, b: 16} if node.op == "ADD" else {})
    assert [step.credits for step in problem.steps] == [(), (), ((1, 8), (2, 16))]


def test_the_scratch_of_a_kernel_counts() -> None:
    net = NetBuilder()
    problem = order_problem(net.outputs(net.mean(net.input(1, 4, 4, 3), 1, 2)))
    assert problem.steps[0].scratch > 0


def test_the_scratch_is_that_of_the_kernels_that_run() -> None:
    net = NetBuilder()
    x = net.conv(net.input(1, 4, 4, 8), 8)
    graph = net.outputs(net.mean(x, 1, 2))
    engine = order_problem(graph, kernels=Kernels.ENGINE)
    conv, mean = graph.nodes
    assert [step.scratch for step in engine.steps] == [aligned(scratch_bytes(node)) for node in (conv, mean)]
    assert engine.steps[0].scratch > order_problem(graph).steps[0].scratch == 0


def test_the_peak_as_unas_counts_it_has_no_network_inputs() -> None:
    assert unas_peak_bytes(parse_graph(SUM)) == 16 + 16


def test_the_peak_as_unas_counts_it_adds_in_place_only_where_an_input_dies() -> None:
    text = SUM.replace("output %c", "output %a\n  output %b\n  output %c")
    assert unas_peak_bytes(parse_graph(text)) == 16 + 16 + 16


@given(graphs())
def test_the_peak_as_unas_counts_it_is_not_above_the_live_sum(graph: Graph) -> None:
    peak = peak_working_set(graph)
    assert peak is not None
    assert unas_peak_bytes(graph) <= peak.nbytes


def test_the_bound_counts_what_must_be_live_in_every_order() -> None:
    problem = network((5, 3, 2, 1), Step((0,), (1,)), Step((1,), (2,)), Step((0, 2), (3,)), outputs={3})
    assert order_free_bound(problem) == 5 + 3 + 2


@pytest.mark.parametrize(("last", "bound"), [(Step((2,), (3,)), 4), (Step((0, 2), (3,)), 8)])
def test_the_bound_counts_a_credit_only_where_its_input_can_die(last: Step, bound: int) -> None:
    steps = (Step((0,), (1,), credits=((0, 4),)), Step((1,), (2,), credits=((1, 4),)), last)
    assert order_free_bound(network((4, 4, 0, 0), *steps, outputs={3})) == bound


def test_the_very_next_step_reads_at_no_distance() -> None:
    assert reuse_distance(CHAIN, [0, 1, 2]) == 0


def test_a_distance_counts_what_the_steps_between_touch_once() -> None:
    steps = (Step((), (0,)), Step((), (1,)), Step((1,), (2,)), Step((2,), (3,)), Step((0, 3), (4,)))
    assert reuse_distance(network((100, 1, 2, 4, 8), *steps, outputs={4}), range(5)) == 1 + 2 + 4


def test_a_distance_begins_at_the_read_before() -> None:
    steps = (Step((0,), (1,)), Step((1,), (2,)), Step((0, 2), (3,)), Step((3,), (4,)), Step((0, 4), (5,)))
    assert reuse_distance(network((100, 1, 2, 4, 8, 16), *steps, outputs={5}), range(5)) == (1 + 2) + (4 + 8)


def test_network_inputs_are_made_just_before_the_first_step() -> None:
    problem = network((5, 6, 1, 2), Step((0,), (2,)), Step((1, 2), (3,)), outputs={3})
    assert reuse_distance(problem, [0, 1]) == 5 + 1
