from __future__ import annotations

import pytest

from redsc.errors import UsageError
from redsc.option_texts import parse_crops, parse_levels, parse_resolutions, parse_shapes
from redsc.options import Options


def test_levels_are_sorted_by_percent_and_lose_their_sign() -> None:
    assert parse_levels("25, 100%,50,62.50") == ("100", "62.5", "50", "25")
    assert parse_levels("50,50.0") == ("50",)
    assert parse_levels("50,50.0000001") == ("50.0000001", "50")
    assert parse_levels("99.99999") == ("99.99999",)


@pytest.mark.parametrize("text", ["", "0", "101", "-5", "a", "50,,100", "nan", "inf", "1e1", "1_0", "\u0665\u0660"])
def test_what_is_no_percentage_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_levels(text)
    assert caught.value.diagnostic.code == "U202"


def test_options_keep_levels_largest_first_and_check_them() -> None:
    assert Options(levels=("25", "50.0", "100")).levels == ("100", "50", "25")
    with pytest.raises(UsageError):
        Options(levels=("half",))


def test_shapes_are_names_and_sizes() -> None:
    assert parse_shapes(["x=1,3,48,192", "a=b=7"]) == (("x", (1, 3, 48, 192)), ("a=b", (7,)))


@pytest.mark.parametrize("text", ["", "x", "x=", "=1", "x=0", "x=1,,2", "x=1,-2", "x=1,a", "x=1 2"])
def test_what_is_no_shape_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_shapes([text])
    assert caught.value.diagnostic.code == "U216"


def test_sizes_of_images_are_for_any_level_or_for_one() -> None:
    assert parse_resolutions("96, 64x48") == ((None, (96, 96)), (None, (64, 48)))
    assert parse_resolutions("50.0%=64,25=48x32") == (("50", (64, 64)), ("25", (48, 32)))


def test_parts_of_images_are_for_all_levels_or_for_one() -> None:
    assert parse_crops(["0,8,64,48", "50=1,2,3,4"]) == ((None, (0, 8, 64, 48)), ("50", (1, 2, 3, 4)))


@pytest.mark.parametrize("text", ["", "0", "64x", "x64", "64,", "a=64", "50=", "-4", "6 4", "50=64=32"])
def test_what_is_no_size_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        parse_resolutions(text)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,0", "1,2,3,4,5", "50=", "1,2,3,-4", "a=1,2,3,4"])
def test_what_is_no_part_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        parse_crops([text])
