"""Order the channels of every free space, so that each narrower level is a prefix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from redsc.ir import Graph
from redsc.passes.slice.channels import gather_channels
from redsc.passes.spaces.space import ChannelGroups

__all__ = ["permute_channels"]


def permute_channels(graph: Graph, groups: ChannelGroups, order: Mapping[str, Sequence[int]]) -> Graph:
    """Return a graph that computes the same; channel i of space s is the old channel `order[s][i]`.

    Producers' rows, their followers and consumers' columns move together: int8 outputs are bit-exact (integer sums
    do not depend on their order), float outputs differ by rounding only.

    1. Every free space that is named in `order` is permuted; names of frozen spaces are ignored.
    2. Graph inputs and outputs never move: their spaces are frozen.
    """
    keep = {space.id: np.asarray(order[space.name]) for space in groups.free if space.name in order}
    return gather_channels(graph, groups, keep)
