"""Score the channels of every free space; the higher, the later a level drops it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from redsc.ir import Array, Graph, op_def, real_values
from redsc.ir.rules import Produces
from redsc.passes.losses import Losses
from redsc.passes.spaces import ChannelGroups

__all__ = ["channel_order", "share_losses", "weight_norm"]


def weight_norm(graph: Graph, groups: ChannelGroups) -> dict[str, Array]:
    """Return the squared L2 norm of every channel's producing weights, per space name.

    Norms are of real (dequantised) weights and are normalised per producer, so that layers joined by an addition
    count alike. Magnitude is the score that needs no data (Li et al., ICLR 2017, with the L1 norm).
    """
    scores = {space.name: np.zeros(space.size) for space in groups.free}
    for node in graph.nodes:
        rule = op_def(node.op).channels
        if not isinstance(rule, Produces) or not node.operand(rule.weight).is_constant:
            continue
        layout = groups.axes.get(node.operand(rule.weight).name, {}).get(rule.out_axis, ())
        if len(layout) == 1 and groups.space(layout[0].space).frozen is None:
            weight = np.moveaxis(real_values(node.operand(rule.weight)), rule.out_axis, 0)
            norms = np.square(weight.reshape(len(weight), -1)).sum(axis=1)
            scores[groups.space(layout[0].space).name] += norms / max(norms.sum(), np.finfo(float).tiny)
    return scores


def channel_order(scores: Mapping[str, Array]) -> dict[str, tuple[int, ...]]:
    """Return the channels of every space by falling score; equal scores keep their order."""
    return {name: tuple(int(i) for i in np.argsort(-score, kind="stable")) for name, score in scores.items()}


def share_losses(scores: Mapping[str, Array]) -> Losses:
    """Return what a cut costs where no data say it: the share of its space's scores that goes.

    `widths[space][w]` = (sum of the scores after the best w) / (sum of all).
    """
    shares = {}
    for name, score in scores.items():
        best_first = np.sort(score)[::-1]
        kept = np.cumsum(best_first) / max(best_first.sum(), np.finfo(float).tiny)
        shares[name] = {width: float(1 - kept[width - 1]) for width in range(1, len(score) + 1)}
        shares[name][len(score)] = 0.0
    return Losses(shares)
