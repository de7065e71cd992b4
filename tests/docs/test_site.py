"""The documentation as a site, built as `make docs` does: in strict mode a link that leads nowhere is an error."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from redsc.cli.commands import cli
from redsc.codes import CODES
from redsc.passes import SELECTORS, SIMPLIFY, STAGED
from tests.conftest import ROOT

WRITTEN = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LOADED = {"script": "src", "img": "src", "iframe": "src", "link": "href"}  # what a browser fetches without a click


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return folder


class _Page(HTMLParser):
    """Collects what a page loads, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value for name, value in attrs if LOADED.get(tag) == name and value]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_verb_code_and_pass_has_a_page(site: Path) -> None:
    pages = {
        path.relative_to(site / "reference").with_suffix("").as_posix()
        for path in site.rglob("reference/**/*.html")
    }
    verbs = {f"verbs/{name}" for name in cli.commands}
    passes = {f"passes/{name}" for name in (*SIMPLIFY, *STAGED, *(f"select-{name}" for name in SELECTORS))}
    errors = {f"errors/{code}" for code in CODES}
    indexes = {f"{folder}/index" for folder in ("verbs", "passes", "errors")}
    assert pages == {*verbs, *passes, *errors, *indexes, "python"}


def test_a_page_of_each_kind_says_what_it_should(site: Path) -> None:
    words = {
        "verbs/compile": (
            "Compile MODEL",
            "redsc compile [OPTIONS] MODEL",
            "--ram SIZE",
            "--share [strided|copies]",
            "Exit codes",
        ),
        "errors/R501": ("more RAM than there is", "exit code 5", "budget is 1,000 B (1KB)", "hint:", "What to do"),
        "passes/fold-padding": ("equal bit for bit", "Refuses when", "kernels/padding.h"),
        "passes/select-netadapt": ("NetAdapt", "ECCV 2018"),
        "python": ("compile_model(path", "ram_bytes"),
    }
    for name, expected in words.items():
        text = _Page((site / "reference" / f"{name}.html").read_text("utf-8")).text
        assert [part for part in expected if part not in text] == [], name


def test_a_reader_needs_no_network(site: Path) -> None:
    pages = {path: _Page(path.read_text("utf-8")) for path in site.rglob("*.html")}
    from_elsewhere = [(path.name, url) for path, page in pages.items() for url in page.loads if "//" in url]
    assert from_elsewhere == []
    missing = [
        (path.name, url)
        for path, page in pages.items()
        for url in page.loads
        if path.name != "404.html" and not (path.parent / url.partition("?")[0]).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_of_the_sources(path: Path) -> None:
    """But for the pages that the site alone has, where the build looks after them."""
    links = re.findall(
        r"\]\((?!https?:|#|reference/)([^)#\s]+)",
        re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text("utf-8"), flags=re.S),
    )
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("name", cli.commands)
def test_every_verb_ends_its_help_with_an_example_that_it_takes(name: str) -> None:
    program, verb, *arguments = shlex.split((cli.commands[name].epilog or "").removeprefix("Example: "))
    assert (program, verb) == ("redsc", name)
    cli.commands[name].make_context(name, arguments)
