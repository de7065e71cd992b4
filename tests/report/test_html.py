from __future__ import annotations

import re
from dataclasses import replace

import pytest

from redsc.compile import read_model
from redsc.errors import printable
from redsc.formats import write_tflite
from redsc.report.analysis import Analysis, analyze_model
from redsc.report.bounds import bounds
from redsc.report.data import Report
from redsc.report.html import render_analysis, render_report
from redsc.report.html.plots import peak_text
from redsc.report.html.tables import node_table, widths
from redsc.report.network import BufferReport, NodeReport
from tests.helpers import residual_net
from tests.report.pages import HOSTILE, hostile_report, parse


@pytest.fixture(scope="module")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    path = tmp_path_factory.mktemp("analysis") / "net.tflite"
    path.write_bytes(write_tflite(residual_net()))
    return analyze_model(read_model(path))


@pytest.fixture(scope="module")
def text(report: Report) -> str:
    return render_report(report)


def test_the_same_report_gives_the_same_bytes(report: Report, text: str, analysis: Analysis) -> None:
    assert render_report(report) == text
    assert render_analysis(analysis) == render_analysis(analysis)


def test_a_page_needs_nothing_but_itself(text: str, analysis: Analysis) -> None:
    for page in (text, render_analysis(analysis)):
        found = parse(page)
        links = [
            value for _, given in found.elements for key in ("href", "src", "action") if (value := given.get(key))
        ]
        names = {given["id"] for _, given in found.elements if "id" in given}
        assert links
        assert {str(link).removeprefix("#") for link in links} <= names
        assert not re.search(r"url\(|@import|https?:", page)
        assert {tag for tag, _ in found.elements} & {"link", "img", "iframe", "object", "use"} == set()


def test_every_script_is_ours(text: str, analysis: Analysis, report: Report) -> None:
    pages = [parse(page) for page in (text, render_analysis(analysis), render_report(hostile_report(report)))]
    assert [len(page.text_in("script")) for page in pages] == [1, 1, 1]
    assert len({page.text_in("script")[0] for page in pages}) == 1
    assert not any(key.startswith("on") for page in pages for _, given in page.elements for key in given)


def test_names_are_text_whatever_they_contain(report: Report) -> None:
    page = render_report(hostile_report(report))
    found = parse(page)
    assert page.encode()
    assert "\x1b" not in page
    assert "\u202e" not in page
    shown = printable(HOSTILE)
    assert shown in found.text_in("h1")
    assert shown in found.text_in("td")
    assert shown in found.text_in("b")
    assert any(text.startswith(shown) for text in found.text_in("title"))
    assert not found.all("img")


def test_the_verdict_compares_with_every_budget(report: Report) -> None:
    rows = {bound.name: bound for bound in bounds(report)}
    assert list(rows) == ["RAM", "Flash", "MACs", "Latency"]
    assert rows["RAM"].percent == round(report.arena.resident_all_bytes / 1000, 1)
    assert rows["RAM"].budget == "100,000 B"
    assert rows["MACs"].percent is None
    assert "Fits" in render_report(report)
    free = replace(report, budget=replace(report.budget, ram_bytes=None, flash_bytes=None))
    assert "No budget was given" in render_report(free)


def test_the_arena_maps_have_a_box_per_buffer(report: Report, text: str) -> None:
    boxes = parse(text).all("rect", "box")
    buffers = [buffer for level in report.levels for buffer in level.buffers]
    assert len(boxes) == len(buffers)
    assert sorted(str(box["class"]) for box in boxes) == sorted(f"box {buffer.kind}" for buffer in buffers)
    titles = parse(text).text_in("title")
    assert all(
        any(title.startswith(f"{b.name} ({b.kind})\n{b.bytes:,} B at {b.offset:,}") for title in titles)
        for b in buffers
    )


def test_memory_over_time_draws_the_bytes_of_every_step(report: Report, text: str) -> None:
    paths = [str(path["d"]) for path in parse(text).all("path", "curve")]
    assert len(paths) == len(report.levels)
    values = report.levels[0].live_bytes
    heights = [int(place) for place in re.findall(r"V(\d+)", paths[-1])]  # the largest level is drawn last, on top
    assert [max(heights) - height for height in heights] == [value - min(values) for value in values]
    assert max(values) <= report.levels[0].arena.head_bytes


def test_the_peak_is_named_with_what_is_live_then(report: Report) -> None:
    nodes = (NodeReport("a", None, "CONV_2D", (1, 4), 9, 9), NodeReport("b", None, "RELU", (1, 4), 0, 0))
    buffers = (
        BufferReport("x", "input", 16, 0, -1, 1),
        BufferReport("y", "activation", 64, 16, 0, 2),
        BufferReport("z", "output", 32, 80, 1, 2),
    )
    level = replace(report.levels[0], name="50", nodes=nodes, buffers=buffers)
    assert level.live_bytes == (16, 80, 96)
    assert peak_text(level) == "Level 50 is fullest in step 2: b (RELU), with 96 B: y 64 B + z 32 B."
    first = replace(level, buffers=(*buffers[:1], replace(buffers[1], bytes=0), replace(buffers[2], bytes=8)))
    assert peak_text(first).startswith("Level 50 is fullest before the first step, with 16 B: x 16 B")


def test_levels_are_compared_where_there_are_several(report: Report, text: str) -> None:
    page = parse(text)
    assert len(page.all("circle", "point")) == 2 * len(report.levels)
    assert len(page.all("line", "interval")) == len(report.levels)
    alone = parse(render_report(replace(report, levels=report.levels[:1])))
    assert alone.all("circle", "point") == []
    assert len(alone.all("path", "curve")) == 1
    assert len(alone.all("rect", "hover")) == 1 + len(report.levels[0].nodes)
    unmeasured = tuple(replace(level, quality=None, latency_us=None) for level in report.levels)
    assert len(parse(render_report(replace(report, levels=unmeasured))).all("circle", "point")) == len(unmeasured)


def test_the_node_table_has_what_is_known(report: Report) -> None:
    level = report.levels[0]
    table = node_table(level.nodes, level.live_bytes)
    assert table.header[-2:] == ("~us", "SQNR dB")
    assert [row[0].text for row in table.rows] == [str(step) for step in range(1, len(level.nodes) + 1)]
    assert max(row[4].share or 0 for row in table.rows) == 1
    plain = [replace(node, latency_us=None, sqnr_db=None) for node in level.nodes]
    assert node_table(plain, level.live_bytes).header[-1] == "RAM in use B"


def test_widths_are_shares_of_the_whole_network(report: Report) -> None:
    rows = widths(report.spaces, report.levels)
    assert [row.name for row in rows] == list(report.spaces)
    for row in rows:
        assert [channels for _, channels, _ in row.levels] == [level.widths[row.name] for level in report.levels]
        assert all(percent == round(100 * channels / row.size, 1) for _, channels, percent in row.levels)


def test_the_log_has_every_entry(report: Report, text: str) -> None:
    page = parse(text)
    assert len(page.text_in("code")) == len(report.log) > 0
    assert {entry.rule for entry in report.log} == set(page.text_in("code"))


def test_an_analysis_has_a_map_for_every_library_of_kernels(analysis: Analysis) -> None:
    page = parse(render_analysis(analysis))
    assert len(page.all("rect", "box")) == sum(len(row.buffers) for row in analysis.kernels.values())
    assert len(page.all("path", "curve")) == 1 + (analysis.live_bytes != analysis.file_live_bytes)
    assert max(analysis.file_live_bytes) == analysis.live_peak_bytes
