"""Reorder nodes for the least peak of RAM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from redsc.choices import Kernels
from redsc.cost.memory import planned_head_bytes
from redsc.cost.order import OrderPlan, OrderProblem, find_order, order_problem, peak_bytes, reuse_distance
from redsc.cost.overlap import overlap_credits
from redsc.ir import Graph
from redsc.passes.base import Exactness, Log, Pass

__all__ = ["Schedule"]


@dataclass(frozen=True, slots=True)
class Schedule(Pass):
    """Reorder nodes so that the least is live at the worst moment, then so that readers stand near producers.

    1. The order has the least peak of all, results written over operands where the kernels may; with more than
       `max_states` states to search, the least known one.
    2. An order of the same peak is taken where its reuse distance is less: its data is in the cache more often.
    3. Refuses where no known order is better than the given one in either, or its arena would be higher.
    """

    kernels: Kernels = Kernels.SAFE
    max_states: int = 200_000
    name: ClassVar[str] = "schedule"
    summary: ClassVar[str] = "reorder nodes for the least peak of RAM"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        """Find the order, then put the nodes into it."""
        problem = order_problem(graph, overlap_credits(graph, self.kernels), self.kernels)
        given = tuple(range(len(graph.nodes)))
        plan = find_order(problem, self.max_states)
        if plan.order == given:
            log.refuse(self.name, graph.name, f"no better order is known; {_describe_peak(plan)}")
            return False
        nodes, head = graph.nodes, planned_head_bytes(graph, self.kernels)
        graph.nodes = [nodes[step] for step in plan.order]
        if planned_head_bytes(graph, self.kernels) > head:
            graph.nodes = nodes
            log.refuse(self.name, graph.name, f"the arena would be higher; {_describe_peak(plan)}")
            return False
        log.change(self.name, graph.name, _describe_gain(problem, given, plan))
        return True


def _describe_peak(plan: OrderPlan) -> str:
    proof = "the least of all orders" if plan.is_optimal else f"and no order is below {plan.lower_bound:,} B"
    return f"its peak is {plan.peak:,} B, {proof}"


def _describe_gain(problem: OrderProblem, given: tuple[int, ...], plan: OrderPlan) -> str:
    peak = peak_bytes(problem, given)
    if plan.peak < peak:
        return f"the peak was {peak:,} B; {_describe_peak(plan)}"
    old, new = (reuse_distance(problem, order) for order in (given, plan.order))
    return f"the reuse distance is {new:,} B, it was {old:,} B; {_describe_peak(plan)}"
