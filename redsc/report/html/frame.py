"""The frame of a chart: a vertical axis that stays in place, beside a plot as wide as the page or as it needs.

Places across are percentages and places down are pixels, so that text has its size at every width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from redsc.report.axis import Axis
from redsc.report.html.elements import element

__all__ = ["Frame"]

_TOP, _BOTTOM, _AXIS_WIDTH = 22, 26, 58  # pixels around the plot; above is room for a name at its edge


@dataclass(frozen=True, slots=True)
class Frame:
    """A chart of some height, in pixels, over a vertical axis; `text` writes a number of the axis."""

    height: int
    axis: Axis
    text: Callable[[float], str]

    @staticmethod
    def over(values: Sequence[float], height: int, text: Callable[[float], str]) -> Frame:
        """Return the frame in which these numbers fit."""
        return Frame(height, Axis.over(values, height - _BOTTOM, _TOP), text)

    @property
    def floor(self) -> float:
        """Where the plot ends below."""
        return self.axis.start

    @property
    def ceiling(self) -> float:
        """Where the plot begins above."""
        return self.axis.end

    def render(
        self, label: str, ticks: Iterable[tuple[float, str]], plot: Iterable[Markup], min_width: int = 0
    ) -> Markup:
        """Return the chart; `ticks` are percentages with what stands below them."""
        lines = [
            element("line", x1="0", x2="100%", y1=at, y2=at, class_="grid")
            for at in map(self.axis.place, self.axis.ticks())
        ]
        below = [
            element("text", text, x=f"{at:.2f}%", y=self.height - 8, class_="tick", text_anchor="middle")
            for at, text in ticks
        ]
        wide = f"min-width:{min_width}px" if min_width else None
        size = {"height": self.height, "style": wide}
        picture = element("svg", *lines, *plot, *below, class_="plot", role="img", aria_label=label, **size)
        return element("div", self._scale(), element("div", picture, class_="scroll"), class_="chart")

    def _scale(self) -> Markup:
        texts = [
            element("text", self.text(tick), x=_AXIS_WIDTH - 8, y=self.axis.place(tick) + 4, text_anchor="end")
            for tick in self.axis.ticks()
        ]
        return element("svg", *texts, class_="scale", width=_AXIS_WIDTH, height=self.height, aria_hidden="true")
