"""The order of operators: as a problem, and the search for the one with the least peak."""

from redsc.cost.order.problem import (
    Credits,
    OrderProblem,
    Step,
    no_credits,
    order_free_bound,
    order_problem,
    peak_bytes,
    reuse_distance,
    unas_peak_bytes,
)
from redsc.cost.order.search import OrderPlan, find_order, greedy_order

__all__ = [
    "Credits",
    "OrderPlan",
    "OrderProblem",
    "Step",
    "find_order",
    "greedy_order",
    "no_credits",
    "order_free_bound",
    "order_problem",
    "peak_bytes",
    "reuse_distance",
    "unas_peak_bytes",
]
