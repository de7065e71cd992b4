"""Silence channels instead of cutting them: the other way to make a level, to check slicing against."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from redsc.ir import Graph, Value
from redsc.passes.slice.channels import gather_channels
from redsc.passes.spaces.space import ChannelGroups, contracted_by, kept_indices

__all__ = ["mask_channels"]


def mask_channels(graph: Graph, groups: ChannelGroups, widths: Mapping[str, int]) -> Graph:
    """Return a copy of the whole graph in which no layer hears the channels beyond each space's width.

    The weight columns that read such a channel become the weight's zero point, which contributes exactly 0 to a
    sum. The channels themselves are still computed: shapes, kernels and schedule are those of the full graph.
    """
    masked = gather_channels(graph, groups, {})
    sizes = {space.id: space.size for space in groups.spaces}
    keep = {space.id: np.arange(widths.get(space.name, space.size)) for space in groups.free}
    for node in masked.nodes:
        for weight, axis in contracted_by(node):
            layout = groups.axes.get(weight.name, {}).get(axis, ())
            if weight.is_constant and layout:
                heard = np.isin(np.arange(weight.type.shape[axis]), kept_indices(layout, keep, sizes))
                _silence(weight, axis, heard)
    return masked


def _silence(weight: Value, axis: int, heard: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
    assert weight.data is not None
    shape = [1] * weight.data.ndim
    shape[axis] = -1
    quant = weight.type.quant
    zero = np.zeros(1, weight.data.dtype) if quant is None else np.array(quant.zero_points, weight.data.dtype)
    if zero.size > 1 and quant is not None:
        zero = zero.reshape([-1 if i == quant.axis else 1 for i in range(weight.data.ndim)])
    data = np.where(heard.reshape(shape), weight.data, zero)
    data.flags.writeable = False
    weight.data = data
