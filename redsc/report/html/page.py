"""From a report to its page: the same report gives the same bytes."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup

from redsc.report.analysis import Analysis, kernel_table, number_table
from redsc.report.bounds import bounds
from redsc.report.data import Report
from redsc.report.html.elements import COLOURS, clean
from redsc.report.html.memory import Curve, arena_map, memory_chart
from redsc.report.html.plots import level_map, level_plots, memory_over_time, peak_text, step_names
from redsc.report.html.tables import node_table, text_table, widths
from redsc.report.sweep import Sweep, sweep_table
from redsc.report.sweep_svg import STYLE, model_picture
from redsc.report.terminal import fact_lines, level_table
from redsc.report.text import FACT_COLUMN
from redsc.version import __version__

__all__ = ["render_analysis", "render_report", "render_sweep"]


def render_report(report: Report) -> str:
    """Return the page of a compile: one file, without links to others."""
    levels = report.levels
    return _render(
        "report.html.j2",
        report=report,
        bounds=bounds(report),
        levels=text_table(*level_table(report)),
        plots=list(level_plots(levels)),
        memory=memory_over_time(levels),
        peak=peak_text(levels[0]),
        names=[f"level {level.name}" for level in levels],
        maps=[(level, level_map(report, level)) for level in levels],
        widths=widths(report.spaces, levels),
        nodes=[(level, node_table(level.nodes, level.live_bytes)) for level in levels],
        facts=[(line[:FACT_COLUMN].strip(), line[FACT_COLUMN:]) for line in fact_lines(report)],
    )


def render_analysis(analysis: Analysis) -> str:
    """Return the page of an analysis: one file, without links to others."""
    curves = [Curve("best order that is known", analysis.live_bytes)]
    if analysis.file_live_bytes != analysis.live_bytes:
        curves.append(Curve("order of the file", analysis.file_live_bytes))
    return _render(
        "analysis.html.j2",
        analysis=analysis,
        numbers=text_table(*number_table(analysis)),
        kernels=text_table(*kernel_table(analysis)),
        names=[curve.name for curve in curves],
        memory=memory_chart(curves, step_names(analysis.nodes)),
        maps=[(name, row, arena_map(row.buffers, row.head_bytes)) for name, row in analysis.kernels.items()],
        nodes=node_table(analysis.nodes, analysis.live_bytes),
    )


def render_sweep(sweep: Sweep) -> str:
    """Return the page of a sweep: one file, without links to others."""
    models = [
        (model, Markup(model_picture(sweep, model)), text_table(*sweep_table(sweep.of(model))))
        for model in sweep.models
    ]
    return _render("sweep.html.j2", STYLE, sweep=sweep, models=models, version=__version__)


def _render(template: str, more_style: str = "", **view: object) -> str:
    script = _text("sort.js")
    policy = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    style = Markup(_text("style.css") + more_style)
    found = _templates().get_template(template)
    return found.render(view, style=style, script=Markup(script), script_sha256=policy)


def _text(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _templates() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=clean,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.globals["colours"] = COLOURS
    found.filters["format_name"] = {"onnx": "ONNX", "tflite": "TFLite"}.__getitem__
    return found
