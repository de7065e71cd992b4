from __future__ import annotations

from itertools import pairwise

import pytest

from redsc.budgets import Budgets
from redsc.choices import Resident
from redsc.cost.memory import resident_bytes
from redsc.options import Options
from redsc.passes.levels import Levels, choose_levels
from tests.passes.selecting import NAMES, chain


def chosen(ram: int | None = None, selector: str = "joint") -> Levels:
    options = Options(levels=NAMES, selector=selector, budgets=Budgets(ram_bytes=ram))
    return choose_levels(chain((24, 24)), options)


@pytest.mark.parametrize("selector", ["joint", "netadapt"])
def test_no_level_is_the_network_of_another(selector: str) -> None:
    everything = chosen(selector=selector)
    memory = [network.memory for network in everything.networks]
    least, most = (resident_bytes(memory, resident) for resident in (Resident.ONE, Resident.ALL))
    found = [chosen(ram, selector) for ram in range(most, least, (least - most) // 12)]
    for levels in found:
        assert all(larger.macs > smaller.macs for larger, smaller in pairwise(levels.networks))
    notes = [note for levels in found for note in levels.diagnostics if note.code == "L104"]
    assert any("would be the network of level" in note.message for note in notes)


def test_a_level_that_is_left_out_leaves_its_room_to_the_others() -> None:
    found = chosen(9300)
    assert found.names == ["100", "50", "25"]
    assert [note.message for note in found.diagnostics if note.code == "L104"] == [
        "level 75 is left out: it would be the network of level 50"
    ]
