"""Sums of terms against networks that are really cut: exact for MACs and cycles, never above real RAM and flash."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.cost.latency import LATENCY_TABLES, LatencyBound
from redsc.ir import Graph
from redsc.options import Budgets, Kernels, Options, Resident
from redsc.passes.blocks import with_nested
from redsc.passes.make_problem import make_problem
from redsc.passes.plan import Level
from redsc.passes.select.costs import Costs
from redsc.passes.select.problem import Problem
from redsc.passes.select.terms import evaluate
from tests.passes.skipping import residual_graphs
from tests.strategies import graphs

GRAPHS = st.one_of(graphs(), residual_graphs())
BOUND = LatencyBound(1000, LATENCY_TABLES["cortex-m4-cmsis-nn"])


@st.composite
def problems(draw: DrawFn) -> Problem:
    kernels, resident = draw(st.sampled_from(Kernels)), draw(st.sampled_from(Resident))
    budgets = Budgets(ram_bytes=1, flash_bytes=1, resident=resident, kernels=kernels)
    return posed(draw(GRAPHS), budgets, draw(st.integers(1, 4)))


def posed(graph: Graph, budgets: Budgets, multiple: int = 1) -> Problem:
    problem = make_problem(graph, Options(budgets=budgets, width_multiple=multiple), ("100",))
    return replace(problem, latency=BOUND)


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


@given(problems(), st.data())
def test_macs_and_cycles_are_exact(problem: Problem, data: st.DataObject) -> None:
    costs = Costs.of(problem)
    (level,) = data.draw(levels(problem, 1))
    network = problem.candidate(level.widths, level.skipped)
    assert evaluate(costs.macs, level.widths, level.skipped) == network.macs
    assert costs.cycles is not None
    cycles = evaluate(costs.cycles, level.widths, level.skipped)
    assert -(-cycles // (BOUND.table.megahertz * 1000)) == problem.microseconds(network)


@given(problems(), st.data())
def test_levels_never_need_less_than_their_bounds(problem: Problem, data: st.DataObject) -> None:
    costs = Costs.of(problem)
    assert costs.ram is not None
    assert costs.flash is not None
    chosen = data.draw(levels(problem, 3))
    networks = [problem.candidate(level.widths, level.skipped) for level in chosen]
    for first in range(3):  # some levels are fixed, above and below, or none are
        for end in range(first + 1, 4):
            above, free, below = networks[:first], chosen[first:end], networks[end:]
            assert costs.ram.bound(free, [*above, *below]) <= problem.ram(networks)
            assert costs.flash.bound(problem, above, free, len(below)) <= problem.flash(networks)
