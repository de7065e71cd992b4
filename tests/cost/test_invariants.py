"""The numbers of memory stand in their order, whatever the network: DESIGN calls it the chain."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from redsc.choices import TFLM_KERNELS, Kernels
from redsc.cost.arena import ArenaProblem, plan_arena
from redsc.cost.liveness import peak_working_set
from redsc.cost.memory import arena_problem, head_bytes, ram_buffers
from redsc.cost.order import find_order, order_free_bound, order_problem, peak_bytes
from redsc.ir import Graph
from tests.strategies import graphs


@given(graphs())
def test_the_chain_from_the_order_free_bound_to_tflms_own_head(graph: Graph) -> None:
    problem, buffers = order_problem(graph), tuple(ram_buffers(graph))
    best, packed = find_order(problem), plan_arena(ArenaProblem(buffers))
    chain = [
        order_free_bound(problem),
        best.peak,
        peak_bytes(problem, range(len(graph.nodes))),
        packed.lower_bound,
        packed.height,
        head_bytes(graph, {}),
    ]
    assert chain == sorted(chain)
    live = peak_working_set(graph)
    assert live is None or live.nbytes <= packed.lower_bound


@given(graphs(), st.sampled_from(TFLM_KERNELS))
def test_tflm_reaches_the_planned_height_with_our_offsets(graph: Graph, kernels: Kernels) -> None:
    plan = plan_arena(arena_problem(graph, kernels))
    offsets = {value.name: offset for value, offset in zip(graph.activations(), plan.offsets, strict=False)}
    assert head_bytes(graph, offsets) == plan.height


@given(graphs())
def test_more_is_allowed_and_less_is_needed(graph: Graph) -> None:
    heights = [plan_arena(arena_problem(graph, kernels)).height for kernels in (Kernels.SAFE, Kernels.REFERENCE)]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] <= plan_arena(ArenaProblem(tuple(ram_buffers(graph)))).height
