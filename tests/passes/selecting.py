"""Problems to select levels for, what the checker says of a selection, and all networks that there are."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from redsc.budgets import Budgets
from redsc.cost.latency import LatencyBound
from redsc.ir import DType, Graph, Padding
from redsc.options import Options
from redsc.passes import SELECTORS
from redsc.passes.losses.loss import Losses
from redsc.passes.select.check import Rules, fullness_problems, plan_problems
from redsc.passes.select.make_problem import make_problem
from redsc.passes.select.problem import Candidate, Problem, Selection
from redsc.passes.spaces.blocks import with_nested
from redsc.runtime.data.view import WHOLE, View
from tests.helpers import NetBuilder, latency_table
from tests.passes.skipping import head, residual, stem

NAMES = ("100", "75", "50", "25")
NO_BUDGETS = Budgets()
SEARCHES = [name for name in SELECTORS if name != "ratios"]  # which searches nothing
EXACT = 1e-5  # for losses of about 1: the solver has integers


def chain(channels: tuple[int, ...] = (12, 16, 8)) -> Graph:
    net = NetBuilder(DType.INT8)
    x = net.conv(net.input(1, 10, 10, 3), channels[0])
    for count in channels[1:]:
        x = net.conv(net.depthwise(x), count, 1)
    return head(net, x)


def wide_net() -> Graph:
    net = NetBuilder(DType.INT8)
    x = net.conv(net.input(1, 12, 12, 3), 24)
    x = net.conv(net.depthwise(x), 40, 1)
    return net.outputs(net.dense(net.pool(x, "AVERAGE_POOL_2D", 8), 6))


def residuals() -> Graph:
    """Two residuals in a row, the second with another one inside."""
    net = NetBuilder(DType.INT8)
    x = residual(net, stem(net, 16), 16)
    body = residual(net, net.conv(x, 16, 1), 8)
    return head(net, net.add(x, net.conv(body, 16, 1)))


def joined() -> Graph:
    net = NetBuilder(DType.INT8)
    x = net.input(1, 8, 8, 3)
    return head(net, net.conv(net.concat(net.conv(x, 8), net.conv(x, 12)), 8, 1))


def bodies() -> Graph:
    """Three residuals in a row with one layer each: their blocks have no channels of their own."""
    net = NetBuilder(DType.INT8)
    x = stem(net, 16)
    for kernel in (3, 1, 3):
        body = net.depthwise(x, 3, padding=Padding.SAME) if kernel == 1 else net.conv(x, 16, kernel)
        x = net.add(x, body)
    return head(net, net.conv(x, 8, 1))


SMALL = {"chain": chain, "residuals": residuals, "joined": joined, "bodies": bodies}
MULTIPLES = {"chain": 2, "residuals": 8, "joined": 2, "bodies": 4}


def problem_of(graph: Graph, budgets: Budgets = NO_BUDGETS, names: tuple[str, ...] = NAMES) -> Problem:
    """Return a problem with the losses that the weights show."""
    return make_problem(graph, Options(budgets=budgets), names)


def posed(
    graph: Graph,
    names: tuple[str, ...] = ("100", "60", "25"),
    budgets: Budgets = NO_BUDGETS,
    seed: int = 0,
    multiple: int = 2,
) -> Problem:
    """Return a problem with random losses: convex in the width, as measured ones mostly are."""
    options = Options(budgets=budgets, width_multiple=multiple)
    problem, chance = make_problem(graph, options, names), random.Random(seed)
    widths = {}
    for space in problem.groups.free:
        worst, power = chance.uniform(0.5, 1.5), chance.uniform(1.2, 4)
        widths[space.name] = {w: worst * (1 - w / space.size) ** power for w in range(1, space.size + 1)}
    return replace(problem, losses=Losses(widths, {block.name: chance.uniform(0.1, 2) for block in problem.blocks}))


def small_problem(net: str, budgets: Budgets = NO_BUDGETS, seed: int = 0) -> Problem:
    return posed(SMALL[net](), budgets=budgets, seed=seed, multiple=MULTIPLES[net])


def in_half_the_time(problem: Problem) -> Problem:
    """Return the problem with half of the time that the whole network takes."""
    table = latency_table()
    timed = replace(problem, latency=LatencyBound(10**9, table))
    return replace(problem, latency=LatencyBound(timed.microseconds(timed.whole) // 2, table))


def rules_of(problem: Problem) -> Rules:
    return Rules(problem.budgets, problem.width_multiple, problem.blocks, problem.latency)


def complaints(problem: Problem, selection: Selection) -> list[str]:
    check = (problem.graph, problem.groups, selection.plan, rules_of(problem))
    return [*plan_problems(*check), *fullness_problems(*check)]


def every_network(problem: Problem, view: View = WHOLE) -> Iterator[Candidate]:
    """Yield the networks of all legal widths, without any blocks."""
    names = [block.name for block in problem.blocks]
    chosen = product([False, True], repeat=len(names))
    skips = {with_nested(problem.blocks, [n for n, on in zip(names, c, strict=True) if on]) for c in chosen}
    for widths in product(*(problem.legal(name) for name in problem.full)):
        for skipped in sorted(skips):
            yield problem.candidate(dict(zip(problem.full, widths, strict=True)), skipped, view)


def is_inside(inner: Candidate, outer: Candidate) -> bool:
    """Whether one network is nested in another."""
    is_narrower = all(width <= outer.widths[name] for name, width in inner.widths.items())
    return is_narrower and set(outer.skipped) <= set(inner.skipped)


def least_loss(problem: Problem) -> float:
    """Return the least loss of two levels below the whole network: all nested pairs are tried, the best first."""
    _, larger, smaller = (request.ceiling_macs for request in problem.requests)
    rest = problem.beside(problem.whole)
    light = sorted((item for item in every_network(rest) if item.macs <= larger), key=problem.loss)
    losses = [problem.loss(item) for item in light]
    small = [place for place, item in enumerate(light) if item.macs <= smaller]
    pairs = sorted((losses[a] + losses[b], a, b) for a in range(len(light)) for b in small)
    nested = ((loss, light[a], light[b]) for loss, a, b in pairs if is_inside(light[b], light[a]))
    return next(loss for loss, outer, inner in nested if problem.fits([problem.whole, outer, inner]))
