"""What a level sees of an image: a part of it, scaled to a size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from redsc.ir import Array
from redsc.option_texts import Crop, Size
from redsc.runtime.data.dataset import DataSet

__all__ = ["WHOLE", "Crop", "Size", "View", "area_shares", "average_areas"]


@dataclass(frozen=True, slots=True)
class View:
    """A part of the image (None: all of it), scaled to a size (None: as it is)."""

    crop: Crop | None = None
    size: Size | None = None

    @property
    def input_size(self) -> Size | None:
        """The size of what is seen; None is that of the whole image."""
        return self.size or (self.crop[2:] if self.crop else None)

    def of(self, image: Array) -> Array:
        """Return what is seen of an image [batch, height, width, channels]; integers are rounded."""
        if self.crop:
            top, left, height, width = self.crop
            image = image[:, top : top + height, left : left + width]
        return image if self.size is None else average_areas(image, self.size)

    def of_rows(self, rows: Sequence[Sequence[Array]]) -> list[list[Array]]:
        """Return samples in which images, the arrays of four axes, are what is seen of them."""
        return [[self.of(array) if array.ndim == 4 else array for array in row] for row in rows]

    def of_data(self, data: DataSet) -> DataSet:
        """Return a data set of what is seen."""
        return data if self == WHOLE else replace(data, samples=self.of_rows(data.samples))


WHOLE = View()


def average_areas(image: Array, size: Size) -> Array:
    """Return an image [batch, height, width, channels] in a smaller size: each pixel is the mean of its area.

    A pixel of which only a part lies in the area counts by that part. Integers are rounded half to even.
    """
    height, width = size
    if image.shape[1:3] == size:
        return image
    rows, columns = area_shares(image.shape[1], height), area_shares(image.shape[2], width)
    mean = np.einsum("ih,bhwc,jw->bijc", rows, image.astype(np.float64), columns, optimize=True)
    if not np.issubdtype(image.dtype, np.floating):
        mean = np.rint(mean)
    return np.ascontiguousarray(mean.astype(image.dtype))


def area_shares(before: int, after: int) -> Array:
    """Return [after, before]: which share of each pixel of the smaller size comes from each of the larger one."""
    edges = np.arange(after + 1) * (before / after)
    low, high = (
        np.maximum(edges[:-1, None], np.arange(before)),
        np.minimum(edges[1:, None], np.arange(1, before + 1)),
    )
    shares: Array = np.clip(high - low, 0, None) * (after / before)
    return shares
