"""A sweep as a picture: per model what levels are worth over their MACs, by RAM budget; up and left is better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from colorsys import hls_to_rgb
from math import isfinite
from xml.sax.saxutils import escape

from redsc.errors import printable
from redsc.report.axis import Axis
from redsc.report.sweep import Sweep, SweptLevel, SweptPoint, quality_text

__all__ = ["STYLE", "draw_sweep", "model_picture"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 820, 330, 80, 180, 40, 50  # of a picture, and around its plot
_GREY = "#888888"
_ROW = 17  # of the legend
_SIZE = 4.5  # of a marker
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 14px; }
  .grid { stroke: #888888; stroke-opacity: 0.25; }
  .series { fill: none; stroke-width: 1.2; stroke-opacity: 0.6; }
  .front { fill: none; stroke: #888888; stroke-opacity: 0.35; stroke-width: 7; stroke-linejoin: round; }
  .marker { stroke-width: 1.6; }
  .open { fill-opacity: 0; }
  @media (prefers-color-scheme: dark) { text { fill: #d0d7de; } }
"""
_SHAPES = (  # of markers, by selector
    "M{s},0 A{s},{s} 0 1 1 -{s},0 A{s},{s} 0 1 1 {s},0 Z",
    "M-{s},-{s} H{s} V{s} H-{s} Z",
    "M0,-{s} L{s},{s} H-{s} Z",
    "M0,-{s} L{s},0 L0,{s} L-{s},0 Z",
    "M0,{s} L{s},-{s} H-{s} Z",
)
_RATES = ("accuracy", "agreement")  # metrics that are shown as they are; of others the loss is


def draw_sweep(sweep: Sweep) -> str:
    """Return a picture that reads on light and on dark ground.

    A series per RAM budget and selector, colours by budget, shapes by selector. Filled markers are on the front
    over all that costs; the broad line joins what is best in this plane alone.
    """
    height = _HEIGHT * len(sweep.models)
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f"<style>{STYLE}</style>",
    ]
    for number, model in enumerate(sweep.models):
        lines += [f'<g transform="translate(0,{number * _HEIGHT})">', *_picture(model, sweep.of(model)), "</g>"]
    return "\n".join([*lines, "</svg>", ""])


def model_picture(sweep: Sweep, model: str) -> str:
    """Return the picture of one model as an element of a page, which has `STYLE`."""
    lines = _picture(model, sweep.of(model))
    return "\n".join([f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img">', *lines, "</svg>"])


def _picture(model: str, points: Sequence[SweptPoint]) -> Iterator[str]:
    yield _text(_LEFT, _TOP - 16, model, "title")
    shown = [level for point in points for level in point.levels if isfinite(_worth(level))]
    if not shown:
        yield _text(_LEFT, _TOP + 20, "nothing fits")
        return
    quality = shown[0].quality
    rates = quality is not None and quality.metric in _RATES
    label = "loss of the solver, unmeasured" if quality is None else quality.metric if rates else "measured loss"
    x = Axis.over([level.macs / 1e6 for level in shown], _LEFT, _WIDTH - _RIGHT)
    y = Axis.over([_worth(level) for level in shown], _HEIGHT - _BOTTOM, _TOP, falls=not rates)
    yield from _frame(x, y, label)
    yield _line(_best(shown, -1 if rates else 1), x, y, 'class="front"')
    yield from _series(points, x, y)


def _worth(level: SweptLevel) -> float:
    """Return what is drawn of a level: a measured rate, else what it loses."""
    quality = level.quality
    if quality is not None and quality.metric in _RATES and quality.value is not None:
        return quality.value
    return level.lost


def _frame(x: Axis, y: Axis, label: str) -> Iterator[str]:
    for tick in x.ticks():
        at = x.place(tick)
        yield f'<path class="grid" d="M{at:.1f},{y.start} V{y.end}"/>'
        yield _text(at, y.start + 18, f"{tick:g}", anchor="middle")
    for tick in y.ticks():
        at = y.place(tick)
        yield f'<path class="grid" d="M{x.start},{at:.1f} H{x.end}"/>'
        yield _text(x.start - 8, at + 4, f"{tick:g}", anchor="end")
    yield _text((x.start + x.end) / 2, y.start + 38, "million MACs", anchor="middle")
    middle = (y.start + y.end) / 2
    yield f'<g transform="translate(24,{middle:.1f}) rotate(-90)">{_text(0, 0, label, anchor="middle")}</g>'


def _series(points: Sequence[SweptPoint], x: Axis, y: Axis) -> Iterator[str]:
    """Yield lines, markers and the legend."""
    budgets = list(dict.fromkeys(point.ram_budget_bytes for point in points))
    selectors = list(dict.fromkeys(point.selector for point in points))
    for point in points:
        levels = [level for level in point.levels if isfinite(_worth(level))]
        colour = _colour(budgets.index(point.ram_budget_bytes), len(budgets))
        yield _line(levels, x, y, f'class="series" stroke="{colour}"')
        for level in levels:
            title = (
                f"level {level.name}, {point.selector}, {point.ram_budget_bytes:,} B: {level.macs:,} MACs, "
                f"{point.ram_bytes:,} B of RAM, {point.flash_bytes:,} B of flash, {quality_text(level)}"
            )
            shape = selectors.index(point.selector)
            place = x.place(level.macs / 1e6), y.place(_worth(level))
            yield _marker(*place, shape, colour, is_open=not level.on_front, title=title)
    left, top = _WIDTH - _RIGHT + 30, _TOP + 8
    for row, budget in enumerate(budgets):
        yield _marker(left, top + row * _ROW, 0, _colour(row, len(budgets)))
        yield _text(left + 12, top + row * _ROW + 4, f"{budget:,} B of RAM")
    for row, selector in enumerate(selectors):
        below = top + (len(budgets) + row) * _ROW
        yield _marker(left, below, row, _GREY, is_open=True)
        yield _text(left + 12, below + 4, selector)
    yield _text(left - 5, top + (len(budgets) + len(selectors)) * _ROW + 4, "filled: on the front")


def _best(levels: Sequence[SweptLevel], sign: int) -> list[SweptLevel]:
    """Return the levels than which none with as few MACs is better, by their MACs."""
    found: list[SweptLevel] = []
    for level in sorted(levels, key=lambda level: (level.macs, sign * _worth(level))):
        if not found or sign * _worth(level) < sign * _worth(found[-1]):
            found.append(level)
    return found


def _line(levels: Sequence[SweptLevel], x: Axis, y: Axis, style: str) -> str:
    places = " ".join(f"{x.place(level.macs / 1e6):.1f},{y.place(_worth(level)):.1f}" for level in levels)
    return f'<polyline {style} points="{places}"/>'


def _marker(x: float, y: float, shape: int, colour: str, *, is_open: bool = False, title: str = "") -> str:
    path = _SHAPES[shape % len(_SHAPES)].format(s=_SIZE)
    kind = "marker open" if is_open else "marker"
    inner = f"<title>{escape(printable(title))}</title>" if title else ""
    where = f'transform="translate({x:.1f},{y:.1f})"'
    return f'<path class="{kind}" {where} d="{path}" fill="{colour}" stroke="{colour}">{inner}</path>'


def _text(x: float, y: float, text: str, kind: str = "", *, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(printable(text))}</text>'


def _colour(number: int, count: int) -> str:
    """Return a colour from orange for the least budget to blue for the largest, as bright as both grounds need."""
    rgb = hls_to_rgb((25 + 190 * number / max(count - 1, 1)) / 360, 0.46, 0.75)
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)
