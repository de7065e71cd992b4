"""Measure what each cut costs the whole network: the losses that a selector adds up.

One space is cut, or one block is skipped, at a time; those who read it make up for it as far as a closed form can
(`absorb.py`), and the outputs are compared with those of the whole network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from math import isfinite, lcm

import numpy as np

from redsc.formats import write_tflite
from redsc.ir import Activation, Add, Array, Graph, Value
from redsc.passes.losses.absorb import RIDGE, absorb_cut
from redsc.passes.losses.loss import WORST_LOSS, Losses
from redsc.passes.simplify.drop_dead_nodes import drop_unread
from redsc.passes.simplify.fuse_activation import FUSABLE
from redsc.passes.slice.nested import replace_constants
from redsc.passes.slice.resize_inputs import resize_inputs
from redsc.passes.spaces.blocks import SkipBlock
from redsc.passes.spaces.consumers import row_channels, row_lengths
from redsc.passes.spaces.space import ChannelGroups
from redsc.runtime.data.view import Size, View
from redsc.runtime.evaluate.divergence import Judge
from redsc.runtime.evaluate.task import Task
from redsc.runtime.observe.moments import Moments, observe_moments
from redsc.store import Store

__all__ = ["Count", "few_widths", "measure_losses", "measure_sizes", "split", "spread"]

_SAMPLES = 128  # that are run through every cut network
_FITTED = 512  # at most, for the covariances: they are run once
_WIDTHS = 6  # narrower than the whole; the losses between them are interpolated
_METHOD = 2  # goes up when the same inputs get other losses

Samples = Sequence[Sequence[Array]]
Count = Callable[[int, int], None]
Probes = Mapping[str, Callable[[Mapping[str, Moments]], Graph]]


def measure_losses(
    permuted: Graph,
    groups: ChannelGroups,
    blocks: Sequence[SkipBlock],
    legal: Mapping[str, Sequence[int]],
    samples: Samples,
    task: Task,
    progress: Count = lambda _done, _total: None,
    store: Store | None = None,
    *,
    solves: bool = True,
) -> Losses:
    """Return the error of the outputs (`Judge.error`) when one free space alone is cut, or one block is skipped.

    1. A space is measured at its narrowest legal width and some between, evenly spread; its full width costs 0.
    2. Layers that read a cut space are repaired by `absorb_cut`; a block becomes its source plus, per channel, the
       mean of what it adds.
    3. Where outputs become infinite or NaN the loss is `WORST_LOSS`.
    4. At most 128 samples, evenly spread, tell the error. Others make the covariances, at most 512, where
       there are as many; else all do. LiteRT's optimised kernels run the networks, in one thread.

    Args:
        permuted: the whole float network, its channels in order.
        groups: its channel spaces.
        blocks: what a level may leave out.
        legal: by the name of every free space its legal widths, ascending, the full one last.
        samples: inputs in the network's own layout, at least one.
        task: what the outputs are, and so what an error is.
        progress: is told how many networks of how many have run.
        store: keeps the losses for the next time that the same is asked; None keeps nothing.
        solves: as in `absorb_cut`: what recovery will be allowed to do.

    Raises:
        UsageError: an activation of the whole network becomes infinite or NaN on the data.
        ExecutorError: LiteRT refuses the network.
    """
    store = store or Store(None)
    judged, fitted = split(samples)
    points = [(space.name, width) for space in groups.free for width in few_widths(legal[space.name])]
    cuts: Probes = {
        f"{space} at {width}": partial(absorb_cut, permuted, groups, {space: width}, solves=solves)
        for space, width in points
    }
    skips: Probes = {f"without {block.name}": partial(_bridge, permuted, block) for block in blocks}
    probes = {**cuts, **skips}
    key = _key(permuted, groups, blocks, probes, (*judged, *fitted), task, solves)
    found = store.get_floats(key)
    if found is None or found.keys() != probes.keys():
        progress(0, len(probes))
        lengths = _lengths(permuted, groups, blocks, bool(cuts))
        moments = observe_moments(permuted, fitted, lengths, row_channels(permuted, groups))
        found = _measure(permuted, moments, probes, judged, task, progress)
        store.put_floats(key, found)
    else:
        progress(len(probes), len(probes))
    widths: dict[str, dict[int, float]] = {space.name: {space.size: 0.0} for space in groups.free}
    for (space, width), label in zip(points, cuts, strict=True):
        widths[space][width] = found[label]
    lost = {block.name: found[label] for block, label in zip(blocks, skips, strict=True)}
    return Losses(widths, lost, measured=True)


def measure_sizes(graph: Graph, sizes: Iterable[Size], samples: Samples, task: Task) -> dict[Size, float]:
    """Return the error of the outputs, as `measure_losses` does, where the whole network sees smaller images.

    Samples are scaled down by `redsc.runtime.data.view`; nothing is repaired.

    Raises:
        UsageError: the network does not take images of a size.
        ExecutorError: LiteRT refuses the network.
    """
    from redsc.runtime.litert import run

    judged, _ = split(samples)
    judge = Judge.of_outputs(graph, run(write_tflite(graph), judged, optimized=True), task)
    return {size: _loss(judge, resize_inputs(graph, size), View(size=size).of_rows(judged)) for size in sizes}


def few_widths(legal: Sequence[int], count: int = _WIDTHS) -> list[int]:
    """Return at most `count` of the legal widths but the last, evenly spread, the first among them."""
    return [legal[index] for index in _spread(len(legal), count + 1)[:-1]]


def split(samples: Samples, judged: int = _SAMPLES, fitted: int = _FITTED) -> tuple[Samples, Samples]:
    """Return the samples to judge by and those to fit to, evenly spread: others if there are as many, else all."""
    chosen = set(_spread(len(samples), judged))
    others = [sample for index, sample in enumerate(samples) if index not in chosen]
    return spread(samples, judged), spread(others if len(others) >= len(chosen) else samples, fitted)


def spread(samples: Samples, count: int) -> list[Sequence[Array]]:
    """Return at most `count` of the samples, evenly spread, in their order."""
    return [samples[index] for index in _spread(len(samples), count)]


def _spread(count: int, most: int) -> list[int]:
    """Return at most so many indices of `count`, evenly spread, the first and (but for one) the last among them."""
    return [int(index) for index in np.unique(np.linspace(0, count - 1, min(count, most)).round())]


def _measure(
    permuted: Graph,
    moments: Mapping[str, Moments],
    probes: Probes,
    samples: Samples,
    task: Task,
    progress: Count,
) -> dict[str, float]:
    """Return the error of every probe's network; all run in the same kernels."""
    from redsc.runtime.litert import run

    judge = Judge.of_outputs(permuted, run(write_tflite(permuted), samples, optimized=True), task)
    found: dict[str, float] = {}
    for label, make in probes.items():
        found[label] = _loss(judge, make(moments), samples)
        progress(len(found), len(probes))
    return found


def _loss(judge: Judge, graph: Graph, samples: Samples) -> float:
    from redsc.runtime.litert import run

    rows = run(write_tflite(graph), samples, optimized=True)
    if not all(np.isfinite(array).all() for row in rows for array in row):
        return WORST_LOSS
    loss = judge.error(rows)
    return min(max(loss, 0.0), WORST_LOSS) if isfinite(loss) else WORST_LOSS


def _lengths(graph: Graph, groups: ChannelGroups, blocks: Sequence[SkipBlock], has_cuts: bool) -> dict[str, int]:
    """Return by name the length of the rows to observe of whatever a probe asks for."""
    lengths = row_lengths(graph, groups) if has_cuts else {}
    ends = {name for block in blocks for name in (block.source, block.result)}
    for value in graph.activations():
        if value.name in ends:
            lengths[value.name] = lcm(lengths.get(value.name, 1), value.type.shape[-1])
    return lengths


def _bridge(permuted: Graph, block: SkipBlock, moments: Mapping[str, Moments]) -> Graph:
    """Return the network with a block's source, plus the mean per channel of what the block does, as its result."""
    graph = replace_constants(permuted, {})
    values = {value.name: value for value in graph.activations()}
    source, result = values[block.source], values[block.result]
    means = (moments[value.name].folded(value.type.shape[-1]).mean for value in (result, source))
    shift = Value.constant(f"{block.result}/shift", np.subtract(*means).astype(np.float32))
    node = result.producer
    assert node is not None
    activation = FUSABLE.get(node.op, getattr(node.attrs, "activation", Activation.NONE))
    body = list(node.present_inputs())
    graph.rewrite(node, "ADD", [source, shift], Add(activation))
    drop_unread(graph, body)
    return graph


def _key(
    permuted: Graph,
    groups: ChannelGroups,
    blocks: Sequence[SkipBlock],
    probes: Iterable[str],
    samples: Samples,
    task: Task,
    solves: bool,
) -> str:
    """Return the address of these losses: everything that they depend on."""
    arrays = [array for row in samples for array in row]
    return Store.key(
        "losses",
        _METHOD,
        RIDGE,
        f"{task.value} {solves}",
        write_tflite(permuted),
        repr((groups, tuple(blocks), tuple(probes))),
        *(f"{array.dtype}{array.shape}" for array in arrays),
        *(array.tobytes() for array in arrays),
    )
