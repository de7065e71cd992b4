from __future__ import annotations

import pytest

from redsc.budgets import Budgets, Resident
from redsc.errors import UsageError


def test_budgets_keep_how_ram_was_written() -> None:
    budgets = Budgets.parse("200KB", "1MiB", "2.5M", "one")
    assert budgets == Budgets(200_000, 1_048_576, 2_500_000, Resident.ONE, "200KB", "1MiB")
    assert Budgets.parse() == Budgets()


def test_a_wrong_way_to_be_resident_suggests_one() -> None:
    with pytest.raises(UsageError) as caught:
        Budgets.parse(resident="on")
    assert caught.value.diagnostic.hint == "did you mean one?"
