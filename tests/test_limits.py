"""docs/security.md says what the limits are; every one of them is asked somewhere."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from redsc.limits import DEFAULT_LIMITS

ROOT = Path(__file__).resolve().parents[1]
LIMITS = dataclasses.asdict(DEFAULT_LIMITS)


def test_the_page_has_every_limit_with_its_value() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", page, re.MULTILINE)
    assert {name: int(value.replace(",", "")) for name, value in rows} == LIMITS


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_asked(name: str) -> None:
    code = [path.read_text(encoding="utf-8") for path in (ROOT / "redsc").rglob("*.py")]
    assert any(re.search(rf"(?i)limits\.{name}\b", text) for text in code)
