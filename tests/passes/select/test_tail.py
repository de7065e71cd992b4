"""The tail of an arena by sums of terms, against networks that are really cut and really lose their blocks."""

from __future__ import annotations

import pytest

from redsc.budgets import Budgets
from redsc.choices import Kernels
from redsc.cost.buffer import ALIGNMENT_BYTES
from redsc.ir import DType, Graph, Value
from redsc.options import Options
from redsc.passes.select.make_problem import make_problem
from redsc.passes.select.problem import Problem
from redsc.passes.select.sums.costs import Costs
from redsc.passes.slice.plan import Level
from tests.helpers import NetBuilder


def bodies(count: int) -> Graph:
    """Return residuals in a row, each with a depthwise layer inside, between two convolutions."""
    net = NetBuilder(DType.INT8)
    x = net.conv(net.input(1, 8, 8, 3), 16, 3)
    for _ in range(count):
        x = net.add(x, _body(net, x))
    return net.outputs(net.dense(net.mean(net.conv(x, 32, 1), 1, 2), 4))


def _body(net: NetBuilder, x: Value) -> Value:
    return net.conv(net.depthwise(net.conv(x, 32, 1), 3), 16, 1)


def problem_of(kernels: Kernels) -> Problem:
    budgets = Budgets(ram_bytes=1, kernels=kernels)
    whole = make_problem(bodies(3), Options(budgets=budgets, width_multiple=4), ("100", "50"))
    return whole.beside(whole.whole)


@pytest.mark.parametrize("kernels", Kernels)
@pytest.mark.parametrize("skipped", [(), (0,), (1,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("part", [2, 1])
def test_a_tail_is_what_the_network_has(kernels: Kernels, skipped: tuple[int, ...], part: int) -> None:
    """Blocks that are skipped in a row requantise once: no sum over single blocks counts that."""
    problem = problem_of(kernels)
    costs = Costs.of(problem)
    assert costs.ram is not None
    widths = {name: max(size // part, 4) for name, size in problem.full.items()}
    level = Level("", widths, tuple(problem.blocks[index].name for index in skipped))
    real = problem.candidate(widths, level.skipped).memory.tail_bytes
    assert real - ALIGNMENT_BYTES <= costs.ram.tail.least(level) <= real
