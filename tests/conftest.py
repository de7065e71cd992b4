"""Fixtures that every test may use: golden files, the model zoo, a reproducible hypothesis."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

Golden = Callable[..., None]
Zoo = Callable[[str], Path]

settings.register_profile(
    "redsc",
    derandomize=True,
    deadline=None,
    max_examples=30,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("search", settings.get_profile("redsc"), derandomize=False, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "redsc"))


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep slow results in a folder of this session: neither the user's own are read nor others left behind."""
    os.environ["REDSC_CACHE"] = str(tmp_path_factory.mktemp("cache"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files that differ")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Return `golden(text, name=".txt")`, which compares a text with golden/<test module>/<test name><name>."""
    module = Path(str(request.path)).relative_to(ROOT / "tests").with_suffix("")
    test = re.sub(r"[^A-Za-z0-9_.-]+", "-", request.node.name).strip("-")

    def compare(text: str, name: str = ".txt") -> None:
        path = ROOT / "golden" / module / f"{test}{name if name.startswith('.') else f'-{name}'}"
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            return
        shown = path.relative_to(ROOT)
        if not path.exists():
            pytest.fail(f"{shown} is missing; write it with `pytest --update-golden` and review it")
        wanted = path.read_text(encoding="utf-8")
        if text != wanted:
            lines = difflib.unified_diff(wanted.splitlines(), text.splitlines(), str(shown), "now", lineterm="")
            diff = "\n".join(lines) or "only the ends of lines differ"
            pytest.fail(
                f"{diff}\nif this is right, run `pytest --update-golden` and review the diff", pytrace=False
            )

    return compare


@pytest.fixture(scope="session")
def zoo() -> Zoo:
    """Return `zoo("models/a/b.tflite")`, the path of a file of the model zoo; skips where there is no zoo."""
    folder = Path(os.environ.get("REDSC_ZOO", ROOT.parent / "shared" / "zoo"))

    def find(relative: str) -> Path:
        path = folder / relative
        if not path.is_file():
            pytest.skip(f"the model zoo has no {relative}; set REDSC_ZOO to its folder")
        return path

    return find
