"""A report that several tests read."""

from __future__ import annotations

import pytest

from redsc.report.data import Report
from tests.report.pages import full_report


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Return the report of a float network that became int8, with everything that a report can have."""
    return full_report(tmp_path_factory.mktemp("full"))
