"""The axes of a picture: from numbers to places, with round numbers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

__all__ = ["Axis"]

_TICKS = 5


@dataclass(frozen=True, slots=True)
class Axis:
    """From numbers to places: `first` lies at `start`, `last` at `end`; both are round, `step` is between ticks."""

    start: float
    end: float
    first: float
    last: float
    step: float

    @staticmethod
    def over(values: Sequence[float], start: float, end: float, *, falls: bool = False) -> Axis:
        """Return the axis over some numbers; where it falls, the least of them lies at its end."""
        low, high = min(values), max(values)
        step = _nice((high - low) / _TICKS or abs(high) or 1.0)
        first, last = floor(low / step) * step, ceil(high / step) * step
        if first == last:
            last += step
        return Axis(start, end, last, first, step) if falls else Axis(start, end, first, last, step)

    def place(self, value: float) -> float:
        """Return where a number lies."""
        return self.start + (value - self.first) / (self.last - self.first) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return the numbers that are written beside it."""
        low, count = min(self.first, self.last), round(abs(self.last - self.first) / self.step)
        return [round(low + number * self.step, 9) for number in range(count + 1)]


def _nice(step: float) -> float:
    """Return 1, 2 or 5 times a power of ten, at least as large."""
    power = 10.0 ** floor(log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * 0.999)
