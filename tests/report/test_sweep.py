from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from redsc.errors import Diagnostic, printable
from redsc.report.html import render_sweep
from redsc.report.sweep import Sweep, SweptLevel, SweptPoint, print_sweep
from redsc.report.sweep_svg import draw_sweep
from redsc.runtime.evaluate.quality import Quality
from redsc.version import __version__
from tests.conftest import Golden
from tests.report.pages import HOSTILE, parse

SVG = "{http://www.w3.org/2000/svg}"


def _level(name: str, macs: int, value: float, *, on_front: bool) -> SweptLevel:
    quality = Quality("accuracy", value, 100, (value - 0.1, value + 0.1), 9.5, round(0.9 - value, 6), 0.02)
    return SweptLevel(name, macs, macs / 2e6, 8000, 1500, None, 0.25, quality, on_front=on_front)


MEASURED = Sweep(
    (
        SweptPoint(
            "kws.tflite",
            "ab12",
            4000,
            "joint",
            error=Diagnostic("R501", "the model needs 6,000 B of RAM", ("one line",), "a hint"),
        ),
        SweptPoint(
            "kws.tflite",
            "ab12",
            16_000,
            "joint",
            "optimal",
            0.25,
            15_000,
            50_000,
            (_level("100", 2_000_000, 0.9, on_front=True), _level("50", 990_000, 0.85, on_front=False)),
        ),
        SweptPoint(
            "kws.tflite",
            "ab12",
            16_000,
            "genetic",
            "heuristic",
            0.35,
            14_000,
            49_000,
            (replace(_level("50", 950_000, 0.8, on_front=True), resolution=(8, 8), crop=(0, 2, 16, 16)),),
        ),
    ),
    "nano33ble, estimated, ±4 %",
)


def _unmeasured() -> Sweep:
    levels = [
        replace(point, levels=tuple(replace(level, quality=None, latency_us=None) for level in point.levels))
        for point in MEASURED.points
    ]
    other = replace(levels[0], model="<ad & co>")
    return Sweep((*levels, other))


@pytest.mark.parametrize("point", MEASURED.points)
def test_a_point_is_read_as_it_was_written(point: SweptPoint) -> None:
    assert SweptPoint.from_json(point.to_json()) == point


def test_the_json_has_the_documented_keys(golden: Golden) -> None:
    assert json.loads(MEASURED.to_json())["schema_version"] == 1
    golden(MEASURED.to_json().replace(f'"redsc": "{__version__}"', '"redsc": "VERSION"'), ".json")


@pytest.mark.parametrize("kind", ["measured", "unmeasured"])
def test_the_table_reads_well(kind: str, golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    print_sweep(MEASURED if kind == "measured" else _unmeasured())
    golden(capsys.readouterr().out)


def _markers(picture: ElementTree.Element, kind: str) -> list[str]:
    paths = (path for path in picture.iter(f"{SVG}path") if path.get("class") == kind)
    return [str(title.text) for path in paths if (title := path.find(f"{SVG}title")) is not None]


def test_the_picture_shows_every_level_and_the_front() -> None:
    picture = ElementTree.fromstring(draw_sweep(MEASURED))
    full, opened = _markers(picture, "marker"), _markers(picture, "marker open")
    assert [text.split(":")[0] for text in full] == ["level 100, joint, 16,000 B", "level 50, genetic, 16,000 B"]
    assert [text.split(":")[0] for text in opened] == ["level 50, joint, 16,000 B"]
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert {"kws.tflite", "accuracy", "million MACs", "4,000 B of RAM", "16,000 B of RAM"} <= set(texts)
    assert "prefers-color-scheme: dark" in draw_sweep(MEASURED)


def test_up_is_better_whatever_is_drawn() -> None:
    for sweep in (MEASURED, _raised_losses(_unmeasured())):
        picture = ElementTree.fromstring(draw_sweep(sweep))
        line = next(item for item in picture.iter(f"{SVG}polyline") if item.get("class") == "front")
        places = [tuple(map(float, pair.split(","))) for pair in str(line.get("points")).split()]
        assert places == sorted(places)
        assert [y for _, y in places] == sorted((y for _, y in places), reverse=True)
        assert len(places) == 3


def _raised_losses(sweep: Sweep) -> Sweep:
    """Return a sweep whose levels lose more the fewer MACs they have."""
    return Sweep(
        tuple(
            replace(point, levels=tuple(replace(level, loss=1 - level.macs_fraction) for level in point.levels))
            for point in sweep.points
        )
    )


def test_names_are_text_and_a_model_that_fits_nowhere_says_so() -> None:
    picture = ElementTree.fromstring(draw_sweep(_unmeasured()))
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert "<ad & co>" in texts
    assert "nothing fits" in texts
    assert "loss of the solver, unmeasured" in texts


def test_a_single_level_has_axes_too() -> None:
    point = replace(MEASURED.points[1], levels=MEASURED.points[1].levels[:1])
    assert ElementTree.fromstring(draw_sweep(Sweep((point,)))).tag == f"{SVG}svg"
    lossless = replace(point, levels=(replace(point.levels[0], quality=None, loss=0.0),))
    assert ElementTree.fromstring(draw_sweep(Sweep((lossless,)))).tag == f"{SVG}svg"


def test_a_loss_that_is_not_finite_is_not_drawn() -> None:
    endless = Quality("sqnr_db", -3.0, 10, None, -3.0, None, None)
    point = MEASURED.points[1]
    levels = (
        replace(point.levels[0], quality=Quality("sqnr_db", None, 10, None, None, 0.0, 0.0)),
        replace(point.levels[1], quality=endless),
    )
    picture = ElementTree.fromstring(draw_sweep(Sweep((replace(point, levels=levels),))))
    assert len(_markers(picture, "marker") + _markers(picture, "marker open")) == 1


def test_the_page_has_a_picture_and_a_table_for_every_model() -> None:
    sweep = _unmeasured()
    text = render_sweep(sweep)
    page = parse(text)
    assert page.text_in("h2") == ["kws.tflite", "<ad & co>"]
    assert len(page.all("table", "sortable")) == len(page.all("svg")) == len(sweep.models)
    assert len(page.all("path", "marker")) > sum(len(point.levels) for point in sweep.points)  # and the legend's
    assert sum("level 50, genetic, 16,000 B" in title for title in page.text_in("title")) == 1
    assert not re.search(r"url\(|@import|https?:", text)
    assert render_sweep(sweep) == text


def test_a_model_on_the_page_is_text_whatever_its_name() -> None:
    sweep = Sweep(tuple(replace(point, model=HOSTILE) for point in MEASURED.points))
    page = parse(render_sweep(sweep))
    assert page.text_in("h2") == [printable(HOSTILE)]
    assert not page.all("img")
    assert len(page.all("script")) == 1
