from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.cost.order import (
    OrderPlan,
    OrderProblem,
    Step,
    find_order,
    greedy_order,
    order_free_bound,
    order_problem,
    peak_bytes,
    reuse_distance,
)
from redsc.formats import load_model
from tests.conftest import Zoo
from tests.cost.memory_graphs import FOLDER, PEAKS, load_problem
from tests.zoo_models import MLPERF

MLPERF_TINY = (
    *("ad01_fp32", "ad01_int8", "kws_ref_model", "kws_ref_model_float32", "pretrainedResnet"),
    *("pretrainedResnet_quant", "str_ww_ref_model", "vww_96_float", "vww_96_int8"),
)
MOST_STATES = {
    "amoeba_32_f36_n6": 9_000,
    "darts_224_f12_n4": 100,
    "nasnet_32_f32_n6": 175_000,
    "randwire_n16_s7": 0,
    "randwire_n32_s0": 11_000,
    "two_branch": 0,
}
TWO_BRANCHES = (Step((0,), (1,)), Step((0,), (2,)), Step((1,), (3,)), Step((2,), (4,)), Step((3, 4), (5,)))
WIDE = OrderProblem((8, 64, 64, 4, 4, 8), TWO_BRANCHES, frozenset({0}), frozenset({5}))
EVEN = OrderProblem((8, 8, 8, 8, 8, 8), TWO_BRANCHES, frozenset({0}), frozenset({5}))


def all_orders(problem: OrderProblem, done: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Yield every legal order."""
    if len(done) == len(problem.steps):
        yield done
    for step, sources in enumerate(problem.predecessors()):
        if step not in done and sources <= set(done):
            yield from all_orders(problem, (*done, step))


@st.composite
def problems(draw: DrawFn, most: int, least_reads: int = 0) -> OrderProblem:
    """Return up to `most` steps with one or two outputs, some with scratch and credits, on one or two inputs."""
    bytes_ = st.integers(0, 9)
    sizes = draw(st.lists(bytes_, min_size=1, max_size=2))
    inputs, steps = frozenset(range(len(sizes))), []
    for _ in range(draw(st.integers(0, most))):
        recent = st.integers(max(0, len(sizes) - 5), len(sizes) - 1)
        read = tuple(sorted(draw(st.sets(recent, min_size=least_reads, max_size=3))))
        made = tuple(range(len(sizes), len(sizes) + draw(st.sampled_from([1, 1, 2]))))
        sizes += draw(st.lists(bytes_, min_size=len(made), max_size=len(made)))
        credits = [(t, draw(st.integers(0, sizes[t]))) for t in read]
        steps.append(Step(read, made, draw(st.sampled_from([0, 0, 5])), tuple(credits)))
    outputs = draw(st.sets(st.integers(0, len(sizes) - 1), max_size=2))
    return OrderProblem(tuple(sizes), tuple(steps), inputs, frozenset(outputs))


def test_rule_1_the_peak_is_the_least_of_all_orders() -> None:
    plan = find_order(WIDE)
    assert peak_bytes(WIDE, range(5)) == 136
    assert plan.order == (0, 2, 1, 3, 4)
    assert (plan.peak, plan.lower_bound, plan.is_optimal) == (76, 76, True)


def test_rule_1_without_states_it_is_the_least_known_with_a_bound(zoo: Zoo) -> None:
    problem = load_problem(zoo(f"{FOLDER}/randwire_n32_s0.json"))
    given, greedy, bound, optimum = PEAKS["randwire_n32_s0"]
    blind = find_order(problem, max_states=0)
    assert (blind.peak, blind.lower_bound, blind.is_optimal) == (min(given, greedy), bound, False)
    short = find_order(problem, max_states=5_000)
    assert bound < short.lower_bound <= optimum <= short.peak
    assert 0 < short.states <= 5_000
    assert not short.is_optimal


def test_rule_2_of_orders_of_one_peak_it_takes_the_one_that_reads_sooner() -> None:
    plan = find_order(EVEN)
    assert plan.peak == peak_bytes(EVEN, range(5)) == 24
    assert plan.order == (0, 2, 1, 3, 4)
    assert reuse_distance(EVEN, plan.order) < reuse_distance(EVEN, range(5))


def test_rule_3_the_given_order_stays_where_none_is_better() -> None:
    steps = tuple(EVEN.steps[i] for i in (1, 3, 0, 2, 4))
    swapped = OrderProblem(EVEN.sizes, steps, EVEN.inputs, EVEN.outputs)
    assert find_order(swapped).order == (0, 1, 2, 3, 4)


def test_rule_1_the_more_steps_the_fewer_states(monkeypatch: pytest.MonkeyPatch, zoo: Zoo) -> None:
    problem = load_problem(zoo(f"{FOLDER}/randwire_n32_s0.json"))
    monkeypatch.setattr("redsc.cost.order.search._MOST_BITS", 100 * len(problem.steps))
    plan = find_order(problem)
    assert 0 < plan.states <= 100
    assert not plan.is_optimal


def test_the_greedy_order_takes_what_leaves_least() -> None:
    assert greedy_order(WIDE) == (0, 2, 1, 3, 4)


def test_a_problem_without_steps_has_an_empty_order() -> None:
    plan = find_order(OrderProblem((7,), (), frozenset({0}), frozenset({0})))
    assert (plan.order, plan.peak, plan.is_optimal) == ((), 7, True)


@settings(max_examples=200)
@given(problems(most=9, least_reads=1) | problems(most=6))
def test_the_peak_equals_brute_force(problem: OrderProblem) -> None:
    plan = find_order(problem)
    assert plan.is_optimal
    assert plan.peak == min(peak_bytes(problem, order) for order in all_orders(problem))


@settings(max_examples=300)
@given(problems(most=14), st.integers(0, 20))
def test_bound_optimum_plan_and_given_order_stand_in_their_order(problem: OrderProblem, max_states: int) -> None:
    optimum, plan = find_order(problem).peak, find_order(problem, max_states)
    assert order_free_bound(problem) <= plan.lower_bound <= optimum <= plan.peak
    assert plan.peak == peak_bytes(problem, plan.order) <= peak_bytes(problem, range(len(problem.steps)))
    assert plan.states <= max_states


@settings(max_examples=200)
@given(problems(most=14))
def test_an_order_has_every_step_once_and_after_what_makes_its_inputs(problem: OrderProblem) -> None:
    order, sources = find_order(problem).order, problem.predecessors()
    assert sorted(order) == list(range(len(problem.steps)))
    assert all(sources[step] <= set(order[:place]) for place, step in enumerate(order))


@settings(max_examples=200)
@given(problems(most=14))
def test_at_the_same_peak_no_read_is_farther_than_before(problem: OrderProblem) -> None:
    plan, before = find_order(problem), range(len(problem.steps))
    if plan.peak == peak_bytes(problem, before):
        assert reuse_distance(problem, plan.order) <= reuse_distance(problem, before)


@cache
def published(path: Path) -> tuple[OrderProblem, OrderPlan]:
    problem = load_problem(path)
    return problem, find_order(problem)


@pytest.mark.parametrize("name", PEAKS)
def test_published_networks_are_ordered_with_proof(zoo: Zoo, name: str) -> None:
    problem, plan = published(zoo(f"{FOLDER}/{name}.json"))
    given, greedy = range(len(problem.steps)), greedy_order(problem)
    peaks = (peak_bytes(problem, given), peak_bytes(problem, greedy), order_free_bound(problem), plan.peak)
    assert peaks == PEAKS[name]
    assert plan.is_optimal
    assert plan.states <= MOST_STATES[name]


@pytest.mark.parametrize("name", PEAKS)
def test_published_networks_read_no_later_than_in_the_given_order(zoo: Zoo, name: str) -> None:
    problem, plan = published(zoo(f"{FOLDER}/{name}.json"))
    assert reuse_distance(problem, plan.order) <= reuse_distance(problem, range(len(problem.steps)))


@pytest.mark.parametrize("name", MLPERF_TINY)
def test_mlperf_tiny_is_in_a_best_order_already(zoo: Zoo, name: str) -> None:
    problem = order_problem(load_model(zoo(f"{MLPERF}/{name}.tflite")).graph)
    plan = find_order(problem)
    assert plan.order == tuple(range(len(problem.steps)))
    assert plan.is_optimal
