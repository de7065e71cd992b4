"""Cut every free space to its width: a level of the plan becomes a graph."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from redsc.ir import Graph
from redsc.passes.slice.channels import gather_channels
from redsc.passes.spaces.space import ChannelGroups

__all__ = ["slice_channels"]


def slice_channels(graph: Graph, groups: ChannelGroups, widths: Mapping[str, int]) -> Graph:
    """Return the graph in which space s has its first `widths[s]` channels only; spaces not named stay whole.

    1. Rows, followers and columns beyond the width go; nothing else changes, so scales are those of the full graph.
    2. A width equal to the size of its space changes nothing.
    """
    keep = {
        space.id: np.arange(widths[space.name])
        for space in groups.free
        if widths.get(space.name, space.size) != space.size
    }
    return gather_channels(graph, groups, keep)
