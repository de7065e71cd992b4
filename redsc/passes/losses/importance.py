"""Score the channels of every free space; the higher, the later a level drops it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from redsc.ir import Array, Graph, op_def, real_values
from redsc.ir.rules import Grouped, Produces
from redsc.passes.losses.loss import Losses
from redsc.passes.spaces.blocks import SkipBlock
from redsc.passes.spaces.consumers import Consumer, find_consumers
from redsc.passes.spaces.space import ChannelGroups, Layout, makes_channels
from redsc.runtime.observe.moments import Moments

__all__ = ["channel_order", "consumer_energy", "heard_scores", "share_losses", "skip_shares", "weight_norm"]


def weight_norm(graph: Graph, groups: ChannelGroups) -> dict[str, Array]:
    """Return the squared L2 norm of every channel's producing weights, per space name.

    Norms are of real (dequantised) weights and are normalised per producer and space, so that layers joined by an
    addition count alike. Magnitude is the score that needs no data (Li et al., ICLR 2017, with the L1 norm).
    """
    scores = {space.name: np.zeros(space.size) for space in groups.free}
    for node in graph.nodes:
        rule = op_def(node.op).channels
        if not isinstance(rule, (Produces, Grouped)) or not makes_channels(node):
            continue
        weight = np.moveaxis(real_values(node.operand(rule.weight)), rule.out_axis, 0)
        norms = np.square(weight.reshape(len(weight), -1)).sum(axis=1)
        layout = groups.axes.get(node.operand(rule.weight).name, {}).get(rule.out_axis, ())
        for space, part in _by_space(groups, layout, norms):
            scores[space] += part / max(part.sum(), np.finfo(float).tiny)
    return scores


def channel_order(scores: Mapping[str, Array]) -> dict[str, tuple[int, ...]]:
    """Return the channels of every space by falling score; equal scores keep their order."""
    return {name: tuple(int(i) for i in np.argsort(-score, kind="stable")) for name, score in scores.items()}


def share_losses(scores: Mapping[str, Array], skips: Mapping[str, float] | None = None) -> Losses:
    """Return what a cut costs where no data say it: the share of its space's scores that goes.

    `widths[space][w]` = (sum of the scores after the best w) / (sum of all); `skips` as `skip_shares` gives them.
    """
    shares = {}
    for name, score in scores.items():
        best_first = np.sort(score)[::-1]
        lost = best_first.sum() - np.cumsum(best_first)
        shares[name] = dict(enumerate((lost / max(best_first.sum(), np.finfo(float).tiny)).tolist(), start=1))
        shares[name][len(score)] = 0.0
    return Losses(shares, {} if skips is None else skips)


def skip_shares(graph: Graph, blocks: Iterable[SkipBlock]) -> dict[str, float]:
    """Return what skipping costs where no data say it, by the name of the block: 1 per layer with weights.

    A cut space loses a share of its scores below 1; a skipped layer loses all of its weights' energy. So skipping
    comes after every cut inside the block: without data nobody knows what a shortcut alone is worth.
    """
    layers = {
        output.name
        for node in graph.nodes
        if isinstance(rule := op_def(node.op).channels, (Produces, Grouped))
        and node.operand(rule.weight).is_constant
        for output in node.outputs
    }
    return {block.name: float(len(layers & {*block.inside, block.result})) or 1.0 for block in blocks}


def consumer_energy(graph: Graph, groups: ChannelGroups, moments: Mapping[str, Moments]) -> dict[str, Array]:
    """Return the energy that every channel gives to the layers that read it, per space name.

    Of each consumer with weight W and input x, channel j gets ||W[:, j]||^2 Var(x_j) as a share of the sum over all
    of the consumer's inputs, so that layers joined by an addition count alike; taps and positions of a flattened
    image are summed. It is the variance that counts, as a bias makes up for a mean that is gone (the fluctuation
    metric of FLAP, An et al., AAAI 2024). A space that no layer hears is scored by `weight_norm`.

    Args:
        graph: the network; int8 weights count as the real numbers that they stand for.
        groups: its channel spaces.
        moments: of every activation in `row_lengths(graph, groups)`.
    """
    energies = (
        (consumer.layout, _energy(consumer, moments[consumer.source.name].folded(consumer.row).variance))
        for consumer in find_consumers(graph, groups)
    )
    return heard_scores(graph, groups, energies)


def heard_scores(graph: Graph, groups: ChannelGroups, heard: Iterable[tuple[Layout, Array]]) -> dict[str, Array]:
    """Return the sum, per space name, of what its layers hear of every channel, as shares of all that they hear.

    `heard` has the layout of an axis and a number for each of its indices, per layer. A space that no layer hears
    is scored by `weight_norm`.
    """
    scores = {space.name: np.zeros(space.size) for space in groups.free}
    known: set[str] = set()
    for layout, numbers in heard:
        for space, share in _by_space(groups, layout, numbers / max(numbers.sum(), np.finfo(float).tiny)):
            known.add(space)
            scores[space] += share
    norms = weight_norm(graph, groups) if known != scores.keys() else {}
    return {name: score if name in known else norms[name] for name, score in scores.items()}


def _energy(consumer: Consumer, variance: Array) -> Array:
    """Return the energy (depth) of a consumer's inputs; parts of the channels that go to one column are summed."""
    weight = np.moveaxis(real_values(consumer.weight), (consumer.rule.out_axis, consumer.rule.in_axis), (0, -1))
    squares = np.square(weight).reshape(consumer.groups, -1, consumer.depth).sum(axis=1)
    result: Array = (squares * variance.reshape(-1, consumer.depth)).sum(axis=0)
    return result


def _by_space(groups: ChannelGroups, layout: Layout, numbers: Array) -> Iterator[tuple[str, Array]]:
    """Yield, per segment of an axis that carries a free space, the sums over what each channel stands for."""
    start = 0
    for segment in layout:
        space = groups.space(segment.space)
        length = segment.outer * space.size * segment.inner
        if space.frozen is None:
            block = numbers[start : start + length].reshape(segment.outer, space.size, segment.inner)
            yield space.name, block.sum(axis=(0, 2))
        start += length
