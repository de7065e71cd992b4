"""The backend tests that ship with onnx: each is answered as expected, or refused with a reason."""

from __future__ import annotations

import onnx
import pytest

from tests.conftest import ROOT
from tests.formats.onnx.node_suite import coverage_page, outcomes

PAGE = ROOT / "docs" / "onnx-coverage.md"
FEWEST_PASSED = 450  # of onnx 1.23; another version has a few more or less
VERSION = "1.23"


def test_every_case_is_answered_or_refused(request: pytest.FixtureRequest) -> None:
    found = list(outcomes())
    assert [f"{item.name}: {item.reason}" for item in found if item.is_wrong] == []
    assert sum(bool(item.fed) for item in found) >= FEWEST_PASSED
    if not onnx.__version__.startswith(VERSION):
        pytest.skip(f"docs/onnx-coverage.md is of onnx {VERSION}")
    page = coverage_page(found)
    if request.config.getoption("--update-golden"):
        PAGE.write_text(page, encoding="utf-8", newline="\n")
    assert PAGE.read_text(encoding="utf-8") == page, f"run `pytest --update-golden {request.node.nodeid}`"
