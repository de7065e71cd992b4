"""Levels as points: what each is worth, or takes, over what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from redsc.report.axis import Axis
from redsc.report.html.elements import COLOURS, element, join, titled
from redsc.report.html.frame import Frame

__all__ = ["Point", "scatter"]

_HEIGHT = 260
_LEFT, _RIGHT = 9.0, 96.0  # percent: room for names beside the points


@dataclass(frozen=True, slots=True)
class Point:
    """A level: its place, the interval in which `y` is known to be, and what is said of it."""

    name: str
    x: float
    y: float
    title: str
    interval: tuple[float, float] | None = None


def scatter(label: str, points: Sequence[Point], *, from_zero: bool = False) -> Markup:
    """Return the points joined by a line, with bars where an interval is known."""
    heights = [value for point in points for value in (point.y, *(point.interval or ()))]
    frame = Frame.over([*heights, *([0.0] if from_zero else [])], _HEIGHT, _short)
    across = Axis.over([point.x for point in points], _LEFT, _RIGHT)
    places = [(across.place(point.x), frame.axis.place(point.y)) for point in points]
    lines = [
        element("line", x1=f"{a[0]:.2f}%", y1=a[1], x2=f"{b[0]:.2f}%", y2=b[1], class_="join")
        for a, b in pairwise(places)
    ]
    marks = [
        _marked(point, slot, place, frame) for slot, (point, place) in enumerate(zip(points, places, strict=True))
    ]
    ticks = [(across.place(tick), _short(tick)) for tick in across.ticks()]
    return frame.render(label, ticks, [*lines, *marks])


def _marked(point: Point, slot: int, place: tuple[float, float], frame: Frame) -> Markup:
    x, y = f"{place[0]:.2f}%", place[1]
    parts = [
        titled("circle", f"level {point.name}: {point.title}", cx=x, cy=y, r=6, class_=f"point c{slot % COLOURS}"),
        element("text", point.name, x=x, y=y, dx=-10, dy=-8, class_="name", text_anchor="end"),
    ]
    if point.interval is not None:
        low, high = map(frame.axis.place, point.interval)
        parts.insert(0, element("line", x1=x, x2=x, y1=low, y2=high, class_="interval"))
    return join(parts)


def _short(number: float) -> str:
    return f"{number:g}"
