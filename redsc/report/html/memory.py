"""RAM as pictures: how much of it is in use in every step, and what lies where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from redsc.report.html.elements import COLOURS, element, join, titled
from redsc.report.html.frame import Frame
from redsc.report.network import BufferReport

__all__ = ["Curve", "arena_map", "memory_chart"]

_CHART_HEIGHT, _MAP_HEIGHT = 250, 300
_STEP_WIDTH = 6  # pixels that a step has at least, so that a long network can be scrolled
_LABEL_HEIGHT, _LABEL_PERCENT = 16, 3.0  # of a buffer that is large enough for the number of its first step
_CHARS_PER_PERCENT = 1.3  # of a name that fits, in a wide window
_TICKS = 15
_STEPS = [factor * 10**power for power in range(8) for factor in (1, 2, 5)]  # between numbers below a chart
_WIDE = 5  # with so many steps between two numbers the column of the inputs is too narrow for a word


@dataclass(frozen=True, slots=True)
class Curve:
    """Bytes in every column of a chart: before the first step, then in every step."""

    name: str
    values: Sequence[int]


def memory_chart(curves: Sequence[Curve], steps: Sequence[str]) -> Markup:
    """Return a line per curve, in steps; `steps` says what runs in each column."""
    columns = max(len(curve.values) for curve in curves)
    frame = Frame.over([0, *(value for curve in curves for value in curve.values)], _CHART_HEIGHT, _kilobytes)
    top = round(frame.axis.last)
    lines = [
        element("path", d=_path(curve.values, top), class_=f"curve c{slot % COLOURS}", vector_effect=_FIXED)
        for slot, curve in reversed(list(enumerate(curves)))
    ]
    area = element("path", d=f"{_path(curves[0].values, top)}V{top}H0Z", class_="area c0")
    hovers = [
        titled("rect", _column_title(curves, steps, column), x=column, y=0, width=1, height=top, class_="hover")
        for column in range(columns)
    ]
    plot = element(
        "svg",
        join([area, *lines, *hovers]),
        y=frame.ceiling,
        height=frame.floor - frame.ceiling,
        viewBox=f"0 0 {columns} {top}",
        preserveAspectRatio="none",
    )
    return frame.render("memory in use over time", _step_ticks(columns), [plot], columns * _STEP_WIDTH)


_FIXED = "non-scaling-stroke"


def _path(values: Sequence[int], top: int) -> str:
    places = "".join(f"V{top - value}H{column + 1}" for column, value in enumerate(values))
    return f"M0 {top - values[0]}{places}"


def _column_title(curves: Sequence[Curve], steps: Sequence[str], column: int) -> str:
    rows = [f"{curve.name}: {curve.values[column]:,} B" for curve in curves if column < len(curve.values)]
    return "\n".join([steps[column] if column < len(steps) else f"step {column}", *rows])


def _step_ticks(columns: int) -> Iterator[tuple[float, str]]:
    """Yield where steps are numbered, the column before the first one too."""
    every = next(step for step in _STEPS if columns <= step * _TICKS)
    for column in range(0 if every < _WIDE else every, columns, every):
        yield 100 * (column + 0.5) / columns, str(column) if column else "in"


def arena_map(
    buffers: Sequence[BufferReport], head_bytes: int, unplanned_bytes: int = 0, unplanned: str = ""
) -> Markup:
    """Return the arena over time: a box per buffer, as long as it lives, as high as it is large.

    `unplanned_bytes` is what the arena would take otherwise, and `unplanned` says how.
    """
    columns = 1 + max(buffer.end for buffer in buffers)
    frame = Frame.over([0, head_bytes, unplanned_bytes], _MAP_HEIGHT, _kilobytes)
    marks = {head_bytes: f"{head_bytes:,} B"}
    if unplanned_bytes > head_bytes:
        marks[unplanned_bytes] = f"{unplanned_bytes:,} B {unplanned}"
    boxes = [_box(buffer, frame, columns) for buffer in sorted(buffers, key=lambda b: (b.start, -b.bytes))]
    plot = [*boxes, *(_mark(frame, at, text) for at, text in marks.items())]
    return frame.render("what lies where in the arena", _step_ticks(columns), plot, columns * _STEP_WIDTH)


def _box(buffer: BufferReport, frame: Frame, columns: int) -> Markup:
    top, low = frame.axis.place(buffer.offset + buffer.bytes), frame.axis.place(buffer.offset)
    left, width = 100 * (buffer.start + 1) / columns, 100 * (buffer.end - buffer.start) / columns
    title = (
        f"{buffer.name} ({buffer.kind})\n{buffer.bytes:,} B at {buffer.offset:,}\n"
        f"{_when(buffer.start)} to {_when(buffer.end - 1)}"
    )
    across = {"x": f"{left:.2f}%", "width": f"{width:.2f}%", "y": top, "height": max(1.0, low - top)}
    box = titled("rect", title, class_=f"box {buffer.kind}", **across)
    if low - top < _LABEL_HEIGHT or width < _LABEL_PERCENT:
        return box
    step = "in" if buffer.start < 0 else str(buffer.start + 1)
    name = buffer.name if len(buffer.name) <= width * _CHARS_PER_PERCENT else step
    text = element("text", name, x=4, y=(low - top) / 2 + 4, class_="name")
    return box + element("svg", text, class_="label", **across)


def _when(step: int) -> str:
    return "before the first step" if step < 0 else f"step {step + 1}"


def _mark(frame: Frame, size_bytes: int, text: str) -> Markup:
    at = frame.axis.place(size_bytes)
    line = element("line", x1="0", x2="100%", y1=at, y2=at, class_="mark")
    return line + element("text", text, x="100%", y=at - 5, text_anchor="end", class_="marked")


def _kilobytes(size_bytes: float) -> str:
    """Return a short size for an axis."""
    if size_bytes >= 10**6:
        return f"{size_bytes / 10**6:g} MB"
    return f"{size_bytes / 1000:g} KB" if size_bytes >= 1000 else f"{size_bytes:g} B"
