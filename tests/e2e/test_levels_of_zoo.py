"""Levels of every model of the zoo: both self-tests pass, levels are nested, and what is missing says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from redsc.compile import plan_levels
from redsc.errors import UnsupportedError
from redsc.options import Options
from tests.conftest import Zoo
from tests.e2e.test_zoo import MODELS, SHAPES, needs_zoo

LEVELS = ("100", "75", "50", "25")
WHY_NOT = ("L101", "L102", "L104")


@needs_zoo
@pytest.mark.parametrize("name", MODELS, ids=lambda name: Path(name).name)
def test_levels_are_nested_or_say_why_they_cannot_be(zoo: Zoo, name: str) -> None:
    options = Options(levels=LEVELS, shapes=tuple(SHAPES.get(name, ())), selector="uniform")
    try:
        levels = plan_levels(zoo(name), options).levels
    except UnsupportedError:
        return
    notes = [item for item in levels.diagnostics if item.code in WHY_NOT]
    named = {word.strip(",") for note in notes for word in note.message.split()}
    assert levels.names[0] == "100"
    assert set(LEVELS) <= {*levels.names, *named}
    assert all(note.evidence or note.code == "L104" for note in notes)
    whole = levels.networks[0].macs
    for wider, level in zip(levels.networks, levels.networks[1:], strict=False):
        assert level.macs <= wider.macs
        assert all(width <= wider.widths[space] for space, width in level.widths.items())
    for level_name, level in zip(levels.names, levels.networks, strict=True):
        assert level.macs <= whole * float(level_name) / 100
