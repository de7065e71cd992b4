"""The simulated cache against a slow one written from the definition, and its laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.choices import FlashCache
from redsc.cost.cache import CACHES, Cache, Stretch, distinct_lines, fills_of_walks

CACHE = st.builds(
    lambda sets, ways, line: Cache(sets * ways * line, ways, line, "made up"),
    st.sampled_from([1, 2, 4]),
    st.integers(1, 3),
    st.sampled_from([4, 8]),
)
WALKS = st.lists(
    st.tuples(st.integers(0, 96), st.integers(1, 24)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=8
)


def fills_by_definition(cache: Cache, walk: list[Stretch]) -> int:
    """Keep the time of every line's last use; a miss takes the place of the least recent one of its set."""
    used: dict[int, int] = {}
    fills = clock = 0
    for start, end in walk:
        for byte in range(start, end):
            line = byte // cache.line_bytes
            clock += 1
            if line not in used:
                fills += 1
                rivals = [other for other in used if other % cache.sets == line % cache.sets]
                if len(rivals) == cache.ways:
                    del used[min(rivals, key=used.__getitem__)]
            used[line] = clock
    return fills


@given(CACHE, st.lists(st.tuples(WALKS, st.integers(0, 4)), max_size=3))
def test_fills_are_those_of_the_definition(cache: Cache, walks: list[tuple[list[Stretch], int]]) -> None:
    whole = [stretch for walk, times in walks for stretch in walk * times]
    assert fills_of_walks(cache, walks) == fills_by_definition(cache, whole)


@given(CACHE, WALKS)
def test_no_cache_fills_fewer_lines_than_are_touched(cache: Cache, walk: list[Stretch]) -> None:
    assert fills_of_walks(cache, [(walk, 1)]) >= distinct_lines(cache, walk)


@pytest.mark.parametrize("name", CACHES)
def test_what_fits_is_filled_once(name: str) -> None:
    cache = CACHES[name]
    assert fills_of_walks(cache, [([(0, cache.size_bytes)], 5)]) == cache.size_bytes // cache.line_bytes
    too_long = [(0, cache.size_bytes + cache.size_bytes // cache.ways)]
    assert fills_of_walks(cache, [(too_long, 5)]) == 5 * distinct_lines(cache, too_long)


def test_geometries_are_whole() -> None:
    for cache in CACHES.values():
        assert cache.sets * cache.ways * cache.line_bytes == cache.size_bytes


def test_every_cache_has_a_name_and_says_what_a_fill_costs() -> None:
    assert {item.value for item in FlashCache} == {*CACHES, "none"}
    assert all(cache.fill_cycles > 1 and "estimated" in cache.source for cache in CACHES.values())
