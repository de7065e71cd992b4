"""Read the channel spaces off a finished walk.

Channels that follow one another in the layer they come from, and wherever else they occur, are one space. Those
that are tied count as one, at the place of the first. So the channels of every layer start as one run; a run is
cut where an axis has only a part of it, or repeats its channels unlike each other, until every axis consists of
whole runs (partition refinement). Every channel is on some axis and what is tied or frozen are axes, so runs are
tied and frozen as a whole.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import numpy as np

from redsc.ir import Names
from redsc.passes.spaces.finder import Channels, Finder, Origin
from redsc.passes.spaces.space import ChannelGroups, Layout, Segment, Space

__all__ = ["find_spaces"]


def find_spaces(finder: Finder) -> ChannelGroups:
    """Return the spaces in the order of their first channels, with unique names, and the layout of every axis."""
    roots, least = np.unique(finder.representatives(), return_inverse=True)
    axes = {name: {axis: least[found] for axis, found in known.items()} for name, known in finder.axes.items()}
    arrays = {found.tobytes(): found for known in axes.values() for found in known.values()}
    reasons = _reasons(finder, least)
    firsts = np.searchsorted(roots, [origin.first for origin in finder.origins])
    starts = sorted({0, len(roots), *firsts.tolist()})
    blocks = _whole_blocks(starts, arrays)
    runs = list(pairwise(starts))
    number = {start: index for index, (start, _) in enumerate(runs)}
    layouts = {key: _layout(found, number) for key, found in blocks.items()}
    quanta, names = _quanta(finder.origins, least), _names(finder.origins, roots, least, runs)
    spaces = (
        Space(number[start], name, end - start, reasons.get(start), int(np.gcd.reduce(quanta[start:end])))
        for name, (start, end) in zip(names, runs, strict=True)
    )
    return ChannelGroups(
        tuple(spaces),
        {name: {axis: layouts[found.tobytes()] for axis, found in known.items()} for name, known in axes.items()},
    )


def _reasons(finder: Finder, least: Channels) -> dict[int, str]:
    """Return why channels are frozen; the first reason counts."""
    reasons: dict[int, str] = {}
    for channels, reason in reversed(finder.frozen):
        reasons.update(dict.fromkeys(least[channels].tolist(), reason))
    return reasons


def _whole_blocks(starts: list[int], arrays: Mapping[bytes, Channels]) -> dict[bytes, list[tuple[int, int]]]:
    """Cut runs until every axis consists of whole ones; return what each axis consists of."""
    while True:
        before = len(starts)
        blocks = {key: _blocks(starts, found) for key, found in arrays.items()}
        if len(starts) == before:
            return blocks


def _blocks(starts: list[int], channels: Channels) -> list[tuple[int, int]]:
    """Return the runs that make up an axis, and how often each repeats its channels; cut those it has a part of."""
    blocks = []
    edges = [*(np.flatnonzero(np.diff(channels)) + 1).tolist(), len(channels)]
    place = 0
    while place < len(channels):
        start = int(channels[place])
        inner = edges[bisect_right(edges, place)] - place
        run = bisect_left(starts, start)
        if starts[run] != start:
            starts.insert(run, start)
        wanted = np.repeat(np.arange(start, starts[run + 1]), inner)
        found = channels[place : place + len(wanted)]
        differ = np.flatnonzero(found != wanted[: len(found)])
        size = (int(differ[0]) if len(differ) else len(found)) // inner
        if start + size != starts[run + 1]:
            starts.insert(run + 1, start + size)
        blocks.append((start, inner))
        place += size * inner
    return blocks


def _layout(blocks: Iterable[tuple[int, int]], number: Mapping[int, int]) -> Layout:
    """Return blocks as segments, equal neighbours as one."""
    layout: list[Segment] = []
    for start, inner in blocks:
        last = layout[-1] if layout else None
        if last and (last.space, last.inner) == (number[start], inner):
            layout[-1] = Segment(last.space, last.outer + 1, inner)
        else:
            layout.append(Segment(number[start], 1, inner))
    return tuple(layout)


def _quanta(origins: Iterable[Origin], least: Channels) -> Channels:
    """Return how many channels of its layer go with each one; the greatest common divisor if layers differ."""
    quanta = np.zeros(len(least), np.int64)
    for origin in origins:
        found, counts = np.unique(least[origin.first : origin.first + origin.size], return_counts=True)
        quanta[found] = np.gcd(quanta[found], counts)
    return quanta


def _names(
    origins: list[Origin], roots: Channels, least: Channels, runs: Iterable[tuple[int, int]]
) -> Iterator[str]:
    """Yield a unique name per run: that of its layer, and which of the layer's channels if there are others."""
    firsts = [origin.first for origin in origins]
    names, layers = Names(), dict[int, str]()
    for start, end in runs:
        place = bisect_right(firsts, roots[start]) - 1
        origin = origins[place]
        channels = least[origin.first : origin.first + origin.size]
        if place not in layers:
            layers[place] = names.take(origin.name)
        is_whole = start <= channels.min() and channels.max() < end
        part = f"{layers[place]}[{roots[start] - origin.first}:{roots[end - 1] + 1 - origin.first}]"
        yield layers[place] if is_whole else names.take(part)
