"""The spaces that are read off a walk: whole runs of channels on every axis, and no more of them than needed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.passes.spaces.finder import Finder
from redsc.passes.spaces.partition import find_spaces
from redsc.passes.spaces.space import ChannelGroups, Layout, Segment

Runs = list[tuple[int, int]]


@st.composite
def walks(draw: DrawFn) -> Finder:
    """Return a walk in which layers of a few channels are joined, cut, repeated, tied and frozen at random."""
    finder = Finder()
    arrays = [finder.new_channels(draw(st.integers(1, 6)), draw(st.sampled_from("ab"))) for _ in range(3)]
    for _ in range(draw(st.integers(0, 6))):
        one, other, number = draw(st.sampled_from(arrays)), draw(st.sampled_from(arrays)), draw(st.integers(1, 3))
        act = draw(st.sampled_from(["join", "cut", "tile", "repeat", "tie", "freeze", "rows"]))
        if act == "join":
            arrays.append(np.concatenate([one, other]))
        elif act == "cut":
            arrays += [piece for piece in (one[:number], one[number:]) if len(piece)]
        elif act == "tile":
            arrays.append(np.tile(one, number))
        elif act == "repeat":
            arrays.append(np.repeat(one, number))
        elif act == "tie":
            shorter = min(len(one), len(other))
            arrays += [one[:shorter], other[:shorter]]
            finder.unify(one[:shorter], other[:shorter], "")
        elif act == "freeze":
            arrays.append(one)
            finder.freeze(one, f"reason {number}")
        elif len(one) % number == 0:
            arrays.append(finder.tie_rows(one, number))
    finder.axes.update({str(index): {0: array} for index, array in enumerate(arrays)})
    return finder


def _channels(groups: ChannelGroups, layout: Layout) -> list[tuple[int, int]]:
    """Return space and channel at every index of an axis: what the docstring of `Segment` says."""
    return [
        (segment.space, channel)
        for segment in layout
        for _ in range(segment.outer)
        for channel in range(groups.space(segment.space).size)
        for _ in range(segment.inner)
    ]


@given(walks())
def test_a_layout_says_of_every_index_which_channel_it_is(finder: Finder) -> None:
    groups, least = find_spaces(finder), finder.representatives()
    found: dict[int, tuple[int, int]] = {}
    for name, axes in finder.axes.items():
        for channel, place in zip(least[axes[0]], _channels(groups, groups.axes[name][0]), strict=True):
            assert found.setdefault(int(channel), place) == place
    assert len(set(found.values())) == len(found)
    assert sum(space.size for space in groups.spaces) == len(set(least.tolist()))


@given(walks())
def test_a_space_is_frozen_if_a_channel_of_it_is_and_tells_the_first_reason(finder: Finder) -> None:
    groups, least = find_spaces(finder), finder.representatives()
    reasons: dict[int, str] = {}
    for channels, reason in finder.frozen:
        for channel in least[channels].tolist():
            reasons.setdefault(channel, reason)
    for name, axes in finder.axes.items():
        for channel, (space, _) in zip(
            least[axes[0]].tolist(), _channels(groups, groups.axes[name][0]), strict=True
        ):
            assert groups.space(space).frozen == reasons.get(channel)


@given(walks())
def test_no_two_spaces_could_be_one(finder: Finder) -> None:
    """Neighbours that are frozen alike must part somewhere: an axis has one without the other right behind it."""
    groups = find_spaces(finder)
    axes = [_runs(axes[0]) for axes in groups.axes.values()]
    for left, right in pairwise(groups.spaces):
        of_one_layer = left.name.split("[")[0] == right.name.split("[")[0] and "[0:" not in right.name
        if of_one_layer and "[" in left.name and left.frozen == right.frozen:
            assert not all(_always_follows(runs, left.id, right.id) for runs in axes)


def _runs(layout: Layout) -> Runs:
    return [(segment.space, segment.inner) for segment in layout for _ in range(segment.outer)]


def _always_follows(runs: Runs, left: int, right: int) -> bool:
    ahead, behind = [*runs[1:], (-1, 0)], [(-1, 0), *runs[:-1]]
    return all(
        (run[0] != left or after == (right, run[1])) and (run[0] != right or before == (left, run[1]))
        for before, run, after in zip(behind, runs, ahead, strict=True)
    )


def test_parts_of_layers_with_one_name_are_told_apart() -> None:
    finder = Finder()
    for _ in range(2):
        layer = finder.new_channels(4, "a")
        finder.axes[f"v{len(finder.axes)}"] = {0: layer}
        finder.axes[f"v{len(finder.axes)}"] = {0: layer[:3]}
    names = [space.name for space in find_spaces(finder).spaces]
    assert names == ["a[0:3]", "a[3:4]", "a#2[0:3]", "a#2[3:4]"]


@given(walks())
def test_names_are_unique(finder: Finder) -> None:
    names = [space.name for space in find_spaces(finder).spaces]
    assert len(set(names)) == len(names)


def test_a_layer_whose_parts_are_tied_to_others_falls_into_parts() -> None:
    finder = Finder()
    a, b, c = (finder.new_channels(size, name) for size, name in ((6, "a"), (4, "b"), (2, "c")))
    finder.unify(a, np.concatenate([b, c]), "")
    finder.axes.update({"a": {0: a}, "b": {0: b}, "c": {1: c}})
    groups = find_spaces(finder)
    assert [(space.name, space.size, space.quantum) for space in groups.spaces] == [
        ("a[0:4]", 4, 1),
        ("a[4:6]", 2, 1),
    ]
    assert groups.axes == {"a": {0: (Segment(0), Segment(1))}, "b": {0: (Segment(0),)}, "c": {1: (Segment(1),)}}


def test_a_cut_in_one_place_cuts_wherever_the_channels_are() -> None:
    finder = Finder()
    a = finder.new_channels(5, "a")
    finder.axes.update({"flat": {0: np.tile(np.repeat(a, 2), 3)}, "part": {0: a[1:]}})
    groups = find_spaces(finder)
    first, rest = Segment(0, 1, 2), Segment(1, 1, 2)
    assert groups.axes["flat"][0] == (first, rest) * 3
    assert groups.axes["part"][0] == (Segment(1),)


def test_channels_beside_blocks_of_them_are_two_segments() -> None:
    finder = Finder()
    a = finder.new_channels(3, "a")
    finder.axes.update({"a": {0: a}, "b": {0: np.concatenate([a, np.repeat(a, 2), np.repeat(a, 2)])}})
    assert find_spaces(finder).axes["b"][0] == (Segment(0), Segment(0, 2, 2))


def test_rows_that_are_tied_are_one_space_that_is_cut_in_steps() -> None:
    finder = Finder()
    a, b = finder.new_channels(12, "a"), finder.new_channels(6, "b")
    row = finder.tie_rows(a, 2)
    finder.unify(b, np.tile(row, 3), "")
    finder.axes.update({"a": {0: a}, "b": {0: b}})
    groups = find_spaces(finder)
    (space,) = groups.spaces
    assert (space.name, space.size, space.quantum) == ("a", 2, 3)
    assert groups.axes == {"a": {0: (Segment(0, 6),)}, "b": {0: (Segment(0, 3),)}}


def test_a_walk_without_channels_has_no_spaces() -> None:
    assert find_spaces(Finder()).spaces == ()
