from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redsc.errors import RedscError, UsageError
from redsc.passes.slice.plan import Level, LevelPlan, ceiling_macs, ceiling_name
from tests.conftest import Golden

PLAN = LevelPlan(
    (Level("100", {"conv": 8, "dense": 4}), Level("37.5", {"conv": 4, "dense": 4}, ("block2",), (48, 48))),
    {"conv": (7, 6, 5, 4, 3, 2, 1, 0), "dense": (0, 1, 2, 3)},
)


def test_a_plan_survives_the_way_to_disk_and_back() -> None:
    assert LevelPlan.from_json(PLAN.to_json()) == PLAN


def test_a_lossless_plan_has_no_order() -> None:
    plan = LevelPlan((Level("100", {}),), {})
    assert LevelPlan.from_json(plan.to_json()) == plan


def test_the_file_is_short_enough_to_edit(golden: Golden) -> None:
    golden(PLAN.to_json(), ".json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"plan_version": 2, "levels": [], "order": {}}',
        '{"plan_version": 1, "levels": [], "order": {}}',
        '{"plan_version": 1, "levels": [{"name": "50"}], "order": {}}',
        '{"plan_version": 1, "levels": [{"name": "50", "widths": {"a": "x"}}], "order": {}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_plan_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        LevelPlan.from_json(text)
    assert caught.value.diagnostic.code == "U205"


@given(st.text(max_size=200))
def test_random_text_never_gives_anything_but_a_redsc_error(text: str) -> None:
    with pytest.raises(RedscError):
        LevelPlan.from_json(text)


@given(st.integers(1, 10**12), st.data())
def test_a_name_is_a_ceiling_of_the_macs_it_was_made_from(full: int, data: st.DataObject) -> None:
    macs = data.draw(st.integers(1, full))
    name = ceiling_name(macs, full)
    assert macs <= ceiling_macs(name, full)
    assert float(name) <= ceil(1000 * macs / full + 1) / 10


def test_ceilings_are_exact() -> None:
    assert ceiling_macs("33.3", 1000) == 333
    assert ceiling_macs("25", 2_656_768) == 664_192


@pytest.mark.parametrize("name", ["", "half", "1/2", "nan", "5e1", "0", "100.5", "-5", "\u0665\u0660", "1_0"])
def test_a_level_that_is_no_percentage_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError):
        ceiling_macs(name, 100)
