from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.errors import UsageError
from redsc.units import kibibytes, other_reading, parse_count, parse_size, parse_time, size_with_unit


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("512B", 512),
        ("65_536", 65_536),
        ("200KB", 200_000),
        ("200kB", 200_000),
        ("1MB", 1_000_000),
        ("2GB", 2_000_000_000),
        ("64K", 65_536),
        ("64Ki", 65_536),
        ("64KiB", 65_536),
        ("0.5M", 524_288),
        ("1Mi", 1_048_576),
        ("1MiB", 1_048_576),
        (" 1.5 KB ", 1500),
    ],
)
def test_a_size_is_read_exactly(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "count"), [("7", 7), ("7_000", 7000), ("2.5M", 2_500_000), ("3k", 3000), ("3K", 3000), ("1G", 10**9)]
)
def test_a_count_is_decimal(text: str, count: int) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "KB", "-1KB", "1e3", "1 0", "1.5", "0.3B", "5 apples", "12QB", "1.KB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_size(text)
    assert caught.value.diagnostic.code == "U201"
    assert caught.value.diagnostic.hint


@pytest.mark.parametrize("text", ["1KiB", "2.5B", "0.0001k", "many"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_count(text)


def test_the_hint_names_the_unit_with_other_capitals() -> None:
    with pytest.raises(UsageError, match=r"hint: did you mean 200kB\?"):
        parse_size("200Kb")


def test_the_hint_shows_an_example_where_no_unit_is_near() -> None:
    with pytest.raises(UsageError, match=r"hint: write it like 200KB"):
        parse_size("200 bytes")


@pytest.mark.parametrize(
    ("text", "other"),
    [
        *(("200KB", ("200KiB", 204_800)), ("200kB", ("200KiB", 204_800)), ("1MB", ("1MiB", 1_048_576))),
        *(("20", ("20KB", 20_000)), ("200KiB", None), ("1024", None), ("20B", None), ("x", None)),
    ],
)
def test_decimal_units_and_small_numbers_have_another_reading(text: str, other: tuple[str, int] | None) -> None:
    assert other_reading(text) == other


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1,023 B"), (1024, "1,024 B (1.0 KiB)"), (54_272, "54,272 B (53.0 KiB)")]
)
def test_a_size_is_shown_exactly(size: int, text: str) -> None:
    assert size_with_unit(size) == text


@given(st.integers(0, 10**6), st.sampled_from(["KB", "MB"]))
def test_a_promise_under_the_decimal_reading_holds_under_both(number: int, unit: str) -> None:
    other = other_reading(f"{number}{unit}")
    assert other is not None
    assert parse_size(f"{number}{unit}") <= other[1]


@pytest.mark.parametrize(("text", "microseconds"), [("50ms", 50_000), ("800us", 800), ("1.5 s", 1_500_000)])
def test_times(text: str, microseconds: int) -> None:
    assert parse_time(text) == microseconds


@pytest.mark.parametrize("text", ["50", "50 minutes", "0.5us", "soon"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError):
        parse_time(text)


def test_columns_are_in_whole_kibibytes() -> None:
    assert [kibibytes(nbytes) for nbytes in (262_144, 983_040, 2_097_152, 1_023)] == ["256", "960", "2,048", "0"]
