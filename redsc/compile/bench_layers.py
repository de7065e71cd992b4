"""Which layers a bench measures: those that a network can have, at a few widths of their channel spaces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from redsc.choices import Kernels
from redsc.cost.latency.shape import layer_shape
from redsc.engine.rows import emit_calls
from redsc.engine.shared import find_shared
from redsc.formats.tables import CannotTranslate
from redsc.ir import Graph, Node, copy_graph
from redsc.passes.select.problem import Problem
from redsc.passes.select.sums.nodes import cut_node, spaces_of
from redsc.passes.select.sums.terms import MOST_SPACES
from redsc.targets.grid import Channels

__all__ = ["BenchLayers", "grid_layers", "level_layers"]

BenchLayers = Mapping[tuple[str, Channels], Graph]
"""Graphs of one layer each, by what tells them apart in a cost table (`redsc.cost.latency.shape`)."""


def grid_layers(problem: Problem, count: int) -> BenchLayers:
    """Return the layers of a network under all pairs of `count` legal widths of each space that they touch.

    1. Layers of one form and width are measured once: the first of them.
    2. Of a layer with more than two spaces only the whole is measured.
    3. Where levels may choose the size of the image, these are the layers at every size.
    4. What cannot be measured alone is left out, and copies are: plans lay most of them where they cost nothing.
    """
    grids = {name: _grid(problem.legal(name), count) for name in problem.full}
    seen = (problem, *map(problem.at, problem.sizes))
    cuts = (cut for image in seen for node in image.graph.nodes for cut in _cuts(image, node, grids))
    return _distinct(problem.budgets.kernels, cuts)


def level_layers(levels: Iterable[Graph], kernels: Kernels) -> BenchLayers:
    """Return the layers of levels, the largest first."""
    return _distinct(kernels, (_alone(node) for level in levels for node in level.nodes))


def _alone(node: Node) -> Graph:
    """Return a graph of nothing but a node."""
    inputs = [value for value in node.present_inputs() if not value.is_constant]
    return copy_graph(Graph("", inputs, list(node.outputs), [node]))


def _cuts(problem: Problem, node: Node, grids: Mapping[str, Sequence[int]]) -> Iterator[Graph]:
    """Yield a layer with all widths of a grid, the whole first: all others read its weights in place."""
    spaces = spaces_of(problem, node)
    if len(spaces) > MOST_SPACES:
        spaces = []
    for widths in product(*(grids[name] for name in spaces)):
        yield cut_node(problem, node, dict(zip(spaces, widths, strict=True)))


def _grid(legal: Sequence[int], count: int) -> list[int]:
    """Return so many widths at most, evenly among the legal ones: the widest first, and the narrowest."""
    last = len(legal) - 1
    places = {round(step * last / (count - 1)) for step in range(count)}
    return [legal[place] for place in sorted(places, reverse=True)]


def _distinct(kernels: Kernels, cuts: Iterable[Graph]) -> BenchLayers:
    found = dict[tuple[str, Channels], Graph]()
    for graph in cuts:
        shape = layer_shape(graph.nodes[0])
        if shape is not None and shape not in found and _computes(graph, kernels):
            found[shape] = graph
    return found


def _computes(graph: Graph, kernels: Kernels) -> bool:
    """Whether a layer does anything but copy a whole tensor; one without a kernel is none of a level either."""
    try:
        calls = emit_calls(graph.nodes[0], find_shared([graph]), kernels)
    except CannotTranslate:
        return False
    return any(not call.is_copy for call in calls)
