from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redsc.cost.arena import ArenaProblem, Effort, arena_problems, check_arena, lower_bound_bytes, plan_arena
from redsc.cost.arena.bodies import Bodies
from redsc.cost.arena.first_fit import first_fit
from redsc.cost.buffer import Buffer, aligned
from redsc.cost.liveness import LiveRange
from redsc.errors import InternalError
from tests.conftest import Zoo
from tests.cost.memory_graphs import load_packing
from tests.strategies import buffers


def _buffer(name: str, size: int, start: int, end: int) -> Buffer:
    return Buffer(name, size, LiveRange(start, end))


def _problem(items: Sequence[Buffer]) -> ArenaProblem:
    return ArenaProblem(tuple(items))


def _first_fit(items: Sequence[Buffer], order: Sequence[int]) -> tuple[int, ...]:
    found = first_fit(Bodies.of(_problem(items)), order)
    assert found is not None
    return found


CHAIN = [_buffer("a", 32, 0, 2), _buffer("b", 16, 1, 3), _buffer("c", 32, 2, 4)]


@pytest.mark.parametrize(("nbytes", "size"), [(0, 0), (1, 16), (16, 16), (17, 32)])
def test_sizes_are_rounded_up_to_16(nbytes: int, size: int) -> None:
    assert aligned(nbytes) == size


def test_the_lower_bound_is_the_largest_live_sum() -> None:
    assert lower_bound_bytes(_problem(CHAIN)) == 48
    assert lower_bound_bytes(_problem([])) == 0


def test_buffers_that_do_not_meet_share_their_bytes() -> None:
    plan = plan_arena(_problem(CHAIN))
    assert plan.height == plan.lower_bound == 48
    assert plan.is_optimal
    assert plan.offsets[0] == plan.offsets[2]


def test_a_plan_above_the_bound_is_not_called_optimal() -> None:
    spans = [(16, 4, 8), (16, 2, 6), (48, 2, 3), (48, 5, 8), (32, 1, 5), (64, 2, 6)]
    plan = plan_arena(_problem([_buffer(f"b{i}", *span) for i, span in enumerate(spans)]), capacity=176)
    assert (plan.height, plan.lower_bound) == (176, 160)
    assert not plan.is_optimal


def test_nothing_to_plan_takes_nothing() -> None:
    plan = plan_arena(_problem([]))
    assert (plan.offsets, plan.height, plan.is_optimal) == ((), 0, True)


def test_first_fit_takes_the_lowest_gap() -> None:
    items = [_buffer("a", 32, 0, 1), _buffer("b", 32, 0, 9), _buffer("c", 16, 1, 9), _buffer("d", 16, 1, 9)]
    assert _first_fit(items, [0, 1, 2, 3]) == (0, 32, 0, 16)


@settings(max_examples=200)
@given(buffers())
def test_every_plan_is_valid_and_not_below_the_bound(items: list[Buffer]) -> None:
    plan = plan_arena(_problem(items))
    assert arena_problems(_problem(items), plan.offsets, plan.height) == []
    assert plan.lower_bound == lower_bound_bytes(_problem(items)) <= plan.height
    assert plan.height == max((o + b.size for o, b in zip(plan.offsets, items, strict=True)), default=0)


@settings(max_examples=200)
@given(buffers(), st.randoms(use_true_random=False))
def test_first_fit_in_any_order_is_valid(items: list[Buffer], random: Random) -> None:
    order = list(range(len(items)))
    random.shuffle(order)
    offsets = _first_fit(items, order)
    height = max((o + b.size for o, b in zip(offsets, items, strict=True)), default=0)
    assert arena_problems(_problem(items), offsets, height) == []


def _best_height(items: list[Buffer]) -> int:
    """Return the least height: some order of first fit gives it, so all orders are tried."""
    return min(
        max((o + b.size for o, b in zip(_first_fit(items, order), items, strict=True)), default=0)
        for order in permutations(range(len(items)))
    )


@settings(max_examples=100)
@given(buffers(most=3))
def test_a_tiny_plan_is_as_low_as_brute_force(items: list[Buffer]) -> None:
    assert plan_arena(_problem(items)).height == _best_height(items)


@settings(max_examples=100)
@given(buffers(most=5))
def test_what_is_called_optimal_is_as_low_as_brute_force(items: list[Buffer]) -> None:
    plan, best = plan_arena(_problem(items)), _best_height(items)
    assert plan.lower_bound <= best <= plan.height
    assert not plan.is_optimal or plan.height == best


def test_rule_1_one_offset_per_buffer() -> None:
    assert arena_problems(_problem(CHAIN), [0, 32], 48) == ["3 buffers have 2 offsets"]


@pytest.mark.parametrize("offset", [-16, 8, 33])
def test_rule_1_offsets_are_aligned_and_not_negative(offset: int) -> None:
    assert f"a has the offset {offset}" in arena_problems(_problem(CHAIN), [offset, 96, 160], 256)


def test_rule_2_buffers_end_below_the_height() -> None:
    assert arena_problems(_problem(CHAIN), [0, 32, 0], 47) == ["b ends at 48, the arena at 47"]


@pytest.mark.parametrize("offset", [0, 16])
def test_rule_3_buffers_that_are_live_together_share_no_byte(offset: int) -> None:
    assert arena_problems(_problem(CHAIN), [0, offset, 48], 80) == ["a and b overlap"]


def test_rule_3_holds_for_the_last_shared_step_only() -> None:
    assert arena_problems(_problem(CHAIN), [0, 32, 0], 48) == []


@settings(max_examples=100)
@given(buffers(), st.data())
def test_a_plan_with_a_moved_buffer_is_valid_only_where_nothing_is_hit(
    items: list[Buffer], data: st.DataObject
) -> None:
    plan = plan_arena(_problem(items))
    if not items:
        return
    moved = data.draw(st.integers(0, len(items) - 1))
    offset = 16 * data.draw(st.integers(0, 12))
    offsets = [*plan.offsets[:moved], offset, *plan.offsets[moved + 1 :]]
    taken: dict[tuple[int, int], int] = {}
    clash = False
    for index, (buffer, at) in enumerate(zip(items, offsets, strict=True)):
        for step in range(buffer.live.start, buffer.live.end):
            for unit in range(at, at + buffer.size, 16):
                clash |= taken.setdefault((step, unit), index) != index
    assert bool(arena_problems(_problem(items), offsets, 10_000)) == clash


def test_a_wrong_plan_is_our_bug() -> None:
    with pytest.raises(InternalError) as caught:
        check_arena(_problem(CHAIN), [0, 0, 0], 16)
    assert caught.value.diagnostic.code == "I701"
    assert len(caught.value.diagnostic.evidence) == 4


def test_a_capacity_that_is_met_ends_the_search() -> None:
    spans = [(16, 4, 8), (16, 2, 6), (48, 2, 3), (48, 5, 8), (32, 1, 5), (64, 2, 6)]
    problem = _problem([_buffer(f"b{i}", *span) for i, span in enumerate(spans)])
    heights = [plan_arena(problem, effort, capacity).height for effort in Effort for capacity in (0, 176)]
    assert heights == [160, 176, 160, 176]


PACKING = ("amoeba_32_f36_n6_opt", "darts_224_f12_n4_given", "nasnet_32_f32_n6_given", "randwire_n32_s0_opt")


@pytest.mark.parametrize("name", PACKING)
def test_published_networks_are_packed_to_their_bound(zoo: Zoo, name: str) -> None:
    plan = plan_arena(load_packing(zoo(f"memory/packing/pack_{name}.csv")))
    assert plan.is_optimal


@pytest.mark.parametrize(("name", "effort"), [("A", Effort.QUICK), ("H", Effort.FULL), ("K", Effort.FULL)])
def test_instances_of_minimalloc_get_a_valid_plan(zoo: Zoo, name: str, effort: Effort) -> None:
    problem = load_packing(zoo(f"memory/minimalloc/{name}.1048576.csv"))
    plan = plan_arena(problem, effort, capacity=1 << 20)
    assert arena_problems(problem, plan.offsets, plan.height) == []
    assert (plan.height <= 1 << 20) == (effort is Effort.FULL)
