"""What cutting costs: the numbers that selectors minimise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from redsc.runtime.data.view import Size

__all__ = ["WORST_LOSS", "Losses"]

WORST_LOSS = 1e6  # of a network whose outputs are no numbers any more


@dataclass(frozen=True, slots=True)
class Losses:
    """The loss of the whole network when one thing alone is cut: a space, a block, or the size of the image.

    `widths[space][width]` are the known points, among them the narrowest legal width and the full one, whose loss
    is 0; none is more than `WORST_LOSS`. A level costs the sum over its spaces, its skipped blocks and the size of
    its image, where that was measured. `measured` says whether data were asked: then a loss is an error of the
    outputs, else a share of the weights' energy.
    """

    widths: Mapping[str, Mapping[int, float]]
    skips: Mapping[str, float] = field(default_factory=dict)
    measured: bool = False
    sizes: Mapping[Size, float] = field(default_factory=dict)

    def of_width(self, space: str, width: int) -> float:
        """Return the loss of a width: linear between known points, and never less for a narrower one."""
        points = sorted(self.widths[space].items())
        found = np.maximum.accumulate([loss for _, loss in reversed(points)])[::-1]
        return float(np.interp(width, [known for known, _ in points], found))

    def of_size(self, size: Size | None) -> float:
        """Return the loss of images of another size, 0 where it was not measured."""
        return 0.0 if size is None else self.sizes.get(size, 0.0)

    def of_skip(self, block: str) -> float:
        """Return the loss of a skipped block."""
        return self.skips[block]
