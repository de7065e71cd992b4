"""Pages in a real browser: no complaint, no request, nothing wider than the window, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from redsc.compile import read_model
from redsc.formats import write_tflite
from redsc.report.analysis import analyze_model
from redsc.report.data import Report
from redsc.report.html import render_analysis, render_report, render_sweep
from tests.helpers import residual_net
from tests.report.browser import CHROMIUM, Browser, open_browser
from tests.report.pages import hostile_report
from tests.report.test_sweep import MEASURED

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium; as root `make debian` installs it")

WINDOWS = [(width, scheme) for width in (375, 1280) for scheme in ("light", "dark")]
BRIGHTNESS = """(() => {
  const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number);
  return red + green + blue;
})()"""
TOO_WIDE = """[...document.querySelectorAll("body *")].filter((item) =>
  !item.closest(".scroll") && item.getBoundingClientRect().right > innerWidth + 0.5).length"""
CUT_OFF = """[...document.querySelectorAll("svg text")].filter((item) => {
  const [text, picture] = [item, item.closest("svg")].map((shown) => shown.getBoundingClientRect());
  return text.height && (text.top < picture.top - 1 || text.bottom > picture.bottom + 1);
}).map((item) => item.textContent)"""
SORTED = """(() => {
  const head = document.querySelector("#nodes th:nth-child(5)"), body = head.closest("table").tBodies[0];
  const numbers = () => [...body.rows].map((row) => Number(row.cells[4].dataset.number));
  head.click(); const down = numbers();
  head.click(); const up = numbers();
  return [down, up];
})()"""


@pytest.fixture(scope="module")
def pages(report: Report, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "residual.tflite").write_bytes(write_tflite(residual_net()))
    texts = {
        "report": render_report(report),
        "hostile": render_report(hostile_report(report)),
        "analysis": render_analysis(analyze_model(read_model(folder / "residual.tflite"))),
        "sweep": render_sweep(MEASURED),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.mark.parametrize(("width", "scheme"), WINDOWS)
@pytest.mark.parametrize("name", ["report", "hostile", "analysis", "sweep"])
def test_a_page_is_shown_without_complaint(
    name: str, width: int, scheme: str, browser: Browser, pages: dict[str, Path]
) -> None:
    browser.complaints.clear()
    browser.requests.clear()
    browser.show("about:blank", width, 800, scheme)
    empty = len(browser.picture())
    browser.show(pages[name].as_uri(), width, 800, scheme)
    assert browser.complaints == []
    assert browser.requests[-1:] == [pages[name].as_uri()]
    assert len([url for url in browser.requests if not url.startswith("about:")]) == 1
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(TOO_WIDE) == 0
    assert browser.value(CUT_OFF) == []
    assert (browser.value(BRIGHTNESS) < 200) == (scheme == "dark")
    assert len(browser.picture()) > 4 * empty


def test_a_table_is_sorted_by_the_column_that_is_selected(browser: Browser, pages: dict[str, Path]) -> None:
    browser.show(pages["report"].as_uri(), 1280, 800, "light")
    down, up = browser.value(SORTED)
    assert down == sorted(down, reverse=True)
    assert up == sorted(up)
    assert len(set(up)) > 1


def test_a_script_that_got_into_a_page_would_not_run(
    browser: Browser, pages: dict[str, Path], tmp_path: Path
) -> None:
    text = pages["report"].read_text(encoding="utf-8")
    (tmp_path / "bad.html").write_text(text.replace("<main>", "<main><script>document.title = 'taken'</script>"))
    browser.show((tmp_path / "bad.html").as_uri(), 1280, 800, "light")
    assert browser.value("document.title") != "taken"
    assert any("Content Security Policy" in complaint for complaint in browser.complaints)
    browser.complaints.clear()
