"""Plans with overlaps and views: their laws, and CP-SAT against an exhaustive search."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redsc.cost.arena import ArenaProblem, Effort, Overlap, View, arena_problems, lower_bound_bytes, plan_arena
from redsc.cost.buffer import ALIGNMENT_BYTES, Buffer
from redsc.cost.liveness import LiveRange


def buffer(name: str, size: int, start: int, end: int) -> Buffer:
    return Buffer(name, size, LiveRange(start, end))


def chain(*sizes: int) -> tuple[Buffer, ...]:
    """Return the tensors of a chain of layers."""
    return tuple(buffer(f"t{i}", size, i, i + 2) for i, size in enumerate(sizes))


@st.composite
def problems(draw: st.DrawFn, most: int = 6) -> ArenaProblem:
    """Return a chain with random distances and a bystander, or with a whole and its parts."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=most))
    buffers = [*chain(*(ALIGNMENT_BYTES * size for size in sizes))]
    overlaps = tuple(
        Overlap(i, i + 1, ALIGNMENT_BYTES * draw(st.integers(-2, 3)), draw(st.booleans()))
        for i in range(len(buffers) - 1)
        if draw(st.booleans())
    )
    start = draw(st.integers(0, 3))
    buffers.append(
        buffer("aside", ALIGNMENT_BYTES * draw(st.integers(1, 3)), start, start + draw(st.integers(1, 4)))
    )
    views: tuple[View, ...] = ()
    if draw(st.booleans()):
        whole = len(buffers)
        buffers += [buffer("whole", 64, 2, 4), buffer("left", 32, 1, 3), buffer("right", 32, 3, 6)]
        views = (View(whole + 1, whole), View(whole + 2, whole, 32))
    return ArenaProblem(tuple(buffers), overlaps, views)


def least_height(problem: ArenaProblem, ceiling: int) -> int:
    """Return the least height of any plan below a ceiling, by trying all offsets."""
    places = [range(0, ceiling - item.size + 1, ALIGNMENT_BYTES) for item in problem.buffers]
    heights = [
        max(offset + item.size for offset, item in zip(offsets, problem.buffers, strict=True))
        for offsets in product(*places)
        if not arena_problems(problem, offsets, ceiling)
    ]
    return min(heights)


@settings(max_examples=200)
@given(problems(), st.sampled_from(Effort))
def test_every_plan_is_valid_and_not_below_the_bound(problem: ArenaProblem, effort: Effort) -> None:
    plan = plan_arena(problem, effort)
    assert arena_problems(problem, plan.offsets, plan.height) == []
    assert lower_bound_bytes(problem) <= plan.lower_bound <= plan.height


@settings(max_examples=25, deadline=None)
@given(problems(most=3).filter(lambda problem: not problem.views))
def test_what_is_called_optimal_is_as_low_as_brute_force(problem: ArenaProblem) -> None:
    plan = plan_arena(problem)
    assert plan.is_optimal
    assert plan.height == least_height(problem, plan.height)


def test_an_overlap_saves_what_the_distance_allows() -> None:
    buffers = chain(64, 64)
    heights = [plan_arena(ArenaProblem(buffers, (Overlap(0, 1, d),))).height for d in (-32, 0, 16, 64)]
    assert heights == [64, 64, 80, 128]


def test_a_view_costs_nothing_beside_its_whole() -> None:
    buffers = (buffer("left", 32, 0, 2), buffer("right", 32, 0, 2), buffer("whole", 64, 1, 3))
    apart = plan_arena(ArenaProblem(buffers))
    plan = plan_arena(ArenaProblem(buffers, views=(View(0, 2), View(1, 2, 32))))
    assert (apart.height, plan.height, plan.lower_bound) == (128, 64, 64)
    assert plan.offsets == (0, 32, 0)


def test_a_part_keeps_its_bytes_after_the_whole_is_gone() -> None:
    buffers = (buffer("whole", 64, 0, 2), buffer("part", 32, 1, 4), buffer("next", 64, 2, 4))
    plan = plan_arena(ArenaProblem(buffers, views=(View(1, 0, 32),)))
    assert (plan.offsets, plan.height) == ((32, 64, 0), 96)  # the whole leaves room for next below its part


@pytest.mark.parametrize(
    ("offsets", "found"),
    [
        ((0, 0, 64), []),
        ((16, 0, 80), ["a and b overlap"]),
        ((0, 16, 80), ["a and b overlap"]),
        ((64, 0, 128), []),
    ],
)
def test_rule_4_of_the_checker_where_only_one_distance_will_do(offsets: tuple[int, ...], found: list[str]) -> None:
    buffers = (buffer("a", 64, 0, 2), buffer("b", 64, 1, 3), buffer("c", 16, 2, 3))
    assert arena_problems(ArenaProblem(buffers, (Overlap(0, 1, 0, is_exact=True),)), offsets, 1024) == found


@pytest.mark.parametrize(
    ("offsets", "found"),
    [
        ((0, 0, 64), []),
        ((0, 16, 80), ["a and b overlap"]),
        ((16, 0, 64), []),
    ],
)
def test_rule_4_of_the_checker(offsets: tuple[int, ...], found: list[str]) -> None:
    buffers = (buffer("a", 64, 0, 2), buffer("b", 64, 1, 3), buffer("c", 16, 2, 3))
    assert arena_problems(ArenaProblem(buffers, (Overlap(0, 1, 0),)), offsets, 1024) == found


@pytest.mark.parametrize(
    ("offsets", "found"),
    [
        ((0, 32, 64), []),
        ((0, 48, 96), ["part is not 32 B into whole"]),
        ((0, 32, 32), ["whole and next overlap", "part and next overlap"]),
    ],
)
def test_rule_5_of_the_checker(offsets: tuple[int, ...], found: list[str]) -> None:
    buffers = (buffer("whole", 64, 0, 2), buffer("part", 32, 1, 4), buffer("next", 64, 1, 4))
    assert arena_problems(ArenaProblem(buffers, views=(View(1, 0, 32),)), offsets, 1024) == found
