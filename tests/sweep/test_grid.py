from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from redsc.errors import UsageError
from redsc.options import Options
from redsc.sweep.grid import Point, grid, labels, parse_ram
from redsc.units import parse_size
from tests.conftest import Golden


def test_a_list_is_sorted_and_each_size_is_there_once() -> None:
    assert parse_ram("128KB, 64KiB,65536") == ("65536", "128KB")


def test_a_range_has_eight_sizes_in_equal_ratios() -> None:
    sizes = [parse_size(text) for text in parse_ram("32KiB..256KiB")]
    assert (len(sizes), sizes[0], sizes[-1]) == (8, 32 * 1024, 256 * 1024)
    ratios = [b / a for a, b in pairwise(sizes)]
    assert max(ratios) - min(ratios) < 1e-4


def test_a_range_may_say_how_many() -> None:
    assert parse_ram("1KB..4KB/3") == ("1000B", "2000B", "4000B")


@pytest.mark.parametrize(
    "text", ["64KB..32KB", "0..4KB", "1KB..2KB/1", "1KB..2KB/999", "1KB..", "much", "1KB,,2KB"]
)
def test_what_is_no_size_and_no_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_ram(text)


def test_a_range_that_falls_is_an_error_that_says_how_one_is_written(golden: Golden) -> None:
    with pytest.raises(UsageError) as error:
        parse_ram("64KB..32KB")
    golden(f"{error.value}\n")


def test_every_size_meets_every_selector() -> None:
    points = grid(("1KB", "2KB"), ("joint", "uniform"))
    assert [(point.ram, point.selector) for point in points] == [
        ("1KB", "joint"),
        ("1KB", "uniform"),
        ("2KB", "joint"),
        ("2KB", "uniform"),
    ]
    options = Point("2KB", "uniform").of(Options(levels=("50",)))
    assert (options.budgets.ram_bytes, options.budgets.ram_text) == (2000, "2KB")
    assert (options.selector, options.levels) == ("uniform", ("50",))


def test_labels_are_as_short_as_they_can_be() -> None:
    paths = [Path(text) for text in ("/zoo/a/net.tflite", "/zoo/b/net.tflite", "/zoo/b/other.onnx")]
    assert labels(paths) == ["a/net.tflite", "b/net.tflite", "other.onnx"]
