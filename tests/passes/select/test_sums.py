"""Sums of terms against networks that are really cut: exact for MACs and cycles, never above real RAM and flash."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.budgets import Budgets
from redsc.choices import Kernels, Resident, Sharing
from redsc.cost.latency import LatencyBound
from redsc.ir import DType, Graph
from redsc.options import Options
from redsc.passes.select.exact.cp_level import LevelDomain
from redsc.passes.select.exact.cp_sat import QUICK_EFFORT, Query, solve
from redsc.passes.select.make_problem import make_problem
from redsc.passes.select.problem import Problem
from redsc.passes.select.sums.costs import Costs
from redsc.passes.select.sums.terms import evaluate
from redsc.passes.slice.plan import Level
from redsc.passes.spaces.blocks import with_nested
from tests.helpers import NetBuilder, latency_table
from tests.passes.selecting import chain, small_problem
from tests.passes.skipping import residual, residual_graphs, stem
from tests.strategies import graphs

GRAPHS = st.one_of(graphs(), residual_graphs())
BOUNDS = [LatencyBound(1000, latency_table(library)) for library in ("cmsis-nn", "redsc")]


@st.composite
def problems(draw: DrawFn) -> Problem:
    kernels, resident, sharing = (draw(st.sampled_from(kind)) for kind in (Kernels, Resident, Sharing))
    budgets = Budgets(ram_bytes=1, flash_bytes=1, resident=resident, kernels=kernels, sharing=sharing)
    return posed(draw(GRAPHS), budgets, draw(st.integers(1, 4)))


def posed(graph: Graph, budgets: Budgets, multiple: int = 1) -> Problem:
    problem = make_problem(graph, Options(budgets=budgets, width_multiple=multiple), ("100",))
    return replace(problem, latency=BOUNDS[0])


@st.composite
def levels(draw: DrawFn, problem: Problem, count: int) -> list[Level]:
    """Return nested levels of any widths, with any blocks skipped."""
    found: list[Level] = []
    outer = Level("", problem.full)
    for _ in range(count):
        widths = {
            name: draw(st.sampled_from([w for w in problem.legal(name) if w <= most]))
            for name, most in outer.widths.items()
        }
        names = [block.name for block in problem.blocks if draw(st.booleans())]
        outer = Level("", widths, with_nested(problem.blocks, (*outer.skipped, *names)))
        found.append(outer)
    return found


def fixed(problem: Problem, chosen: list[Level], macs: list[int]) -> tuple[LevelDomain, ...]:
    """Return domains that can be nothing but these levels."""
    return tuple(
        LevelDomain(
            ceiling, {s: (w,) for s, w in level.widths.items()}, frozenset(level.skipped), frozenset(level.skipped)
        )
        for level, ceiling in zip(chosen, macs, strict=True)
    )


@given(problems(), st.data())
def test_macs_and_cycles_are_exact(problem: Problem, data: st.DataObject) -> None:
    bound = data.draw(st.sampled_from(BOUNDS))
    problem = replace(problem, latency=bound)
    costs = Costs.of(problem)
    (level,) = data.draw(levels(problem, 1))
    network = problem.candidate(level.widths, level.skipped)
    assert evaluate(costs.macs, level.widths, level.skipped) == network.macs
    assert costs.cycles is not None
    cycles = evaluate(costs.cycles, level.widths, level.skipped)
    assert cycles == sum(map(bound.table.millicycles, network.graph.nodes))


@given(problems(), st.data())
def test_levels_never_need_less_than_their_bounds(problem: Problem, data: st.DataObject) -> None:
    costs = Costs.of(problem)
    assert costs.ram is not None
    assert costs.flash is not None
    chosen = data.draw(levels(problem, 3))
    networks = problem.networks(chosen)
    rest = Costs.of(problem.beside(networks[0]))
    assert rest.ram is not None
    assert rest.flash is not None
    for first in range(3):  # some levels are fixed, above and below, or none are
        ram, flash = (rest.ram, rest.flash) if first else (costs.ram, costs.flash)
        for end in range(first + 1, 4) if first else [1]:
            above, free, below = networks[:first], chosen[first:end], networks[end:]
            assert ram.bound(free, [*above, *below]) <= problem.ram(networks)
            assert flash.bound(problem, above, free, len(below)) <= problem.flash(networks)


@given(problems(), st.data())
def test_the_solver_counts_as_the_sums_do(problem: Problem, data: st.DataObject) -> None:
    """Levels that can be nothing else have a solution within just what they need, and none within a byte less."""
    whole = replace(problem, latency=None)
    costs, full = Costs.of(whole), whole.whole
    assert costs.ram is not None
    assert costs.flash is not None
    chosen = data.draw(levels(whole, 2))
    macs = [evaluate(costs.macs, level.widths, level.skipped) for level in chosen]
    exact = Query(fixed(whole, chosen, macs), (full,) if data.draw(st.booleans()) else ())
    ram, flash = costs.ram.bound(chosen, exact.above), costs.flash.bound(whole, exact.above, chosen)
    found = solve(costs, replace(exact, ram_bytes=ram, flash_bytes=flash), QUICK_EFFORT)
    assert found is not None
    networks = [whole.candidate(level.widths, level.skipped) for level in chosen]
    assert found.objective == costs.lost(networks)
    assert solve(costs, replace(exact, ram_bytes=ram - 1), QUICK_EFFORT) is None
    assert solve(costs, replace(exact, flash_bytes=flash - 1), QUICK_EFFORT) is None
    if macs[1]:
        light = fixed(whole, chosen, [macs[0], macs[1] - 1])
        assert solve(costs, replace(exact, domains=light), QUICK_EFFORT) is None


@given(st.data(), st.sampled_from(Resident))
def test_bounds_are_close_where_weights_are_large(data: st.DataObject, resident: Resident) -> None:
    problem = posed(chain((64, 64, 32)), Budgets(ram_bytes=1, flash_bytes=1, resident=resident), 16)
    costs = Costs.of(problem)
    assert costs.ram is not None
    assert costs.flash is not None
    chosen = data.draw(levels(problem, 3))
    networks = [problem.candidate(level.widths, level.skipped) for level in chosen]
    assert costs.ram.bound(chosen, []) == problem.ram(networks)
    flash = problem.flash(networks)
    assert 0.85 * flash <= costs.flash.bound(problem, [], chosen) <= flash


def test_a_source_that_is_live_anyway_is_counted_once() -> None:
    net = NetBuilder(DType.FLOAT32)
    x = stem(net, 8)
    graph = net.outputs(net.conv(residual(net, x, 8), 8), x)
    problem = posed(graph, Budgets(ram_bytes=1))
    (block,) = problem.blocks
    costs, network = Costs.of(problem), problem.candidate(problem.full, [block.name])
    assert costs.ram is not None
    heads = max(evaluate(cost, problem.full, [block.name]) for cost in costs.ram.heads)
    assert heads == network.memory.head_bytes < problem.whole.memory.head_bytes


def test_blocks_inside_skipped_ones_cost_nothing_more() -> None:
    problem = small_problem("residuals")
    inner, outer = problem.blocks[1:]
    assert inner.result in outer.inside
    network = problem.candidate(problem.full, [inner.name, outer.name])
    assert problem.loss(network) == problem.losses.of_skip(outer.name)


def test_what_a_larger_level_skips_no_smaller_one_has() -> None:
    problem = small_problem("bodies")
    costs, names = Costs.of(problem), frozenset(block.name for block in problem.blocks)
    most, free = problem.whole.macs, {name: problem.legal(name) for name in problem.full}
    without = LevelDomain(most, free, must_skip=names, may_skip=names)
    assert solve(costs, Query((without, LevelDomain(most, free, may_skip=names))), QUICK_EFFORT) is not None
    assert solve(costs, Query((without, LevelDomain(most, free))), QUICK_EFFORT) is None
