"""One node of a problem: the spaces whose widths it depends on, and what it is with such widths, alone."""

from __future__ import annotations

from redsc.ir import Graph, Node, Value
from redsc.passes.select.problem import Problem, Widths
from redsc.passes.slice.slice import slice_channels

__all__ = ["cut_node", "spaces_of", "touched_spaces"]


def touched_spaces(problem: Problem, value: Value) -> list[str]:
    """Return the free spaces that the axes of a value follow, each once."""
    layouts = problem.groups.axes.get(value.name, {}).values()
    spaces = dict.fromkeys(problem.groups.space(segment.space) for layout in layouts for segment in layout)
    return [space.name for space in spaces if space.frozen is None]


def spaces_of(problem: Problem, node: Node) -> list[str]:
    """Return the spaces of what a node reads and writes in RAM, by name.

    They are sorted, as those of its weight are: all terms of a pair then share the solver's variables.
    """
    values = [value for value in (*node.present_inputs(), *node.outputs) if not value.is_constant]
    return sorted({name for value in values for name in touched_spaces(problem, value)})


def cut_node(problem: Problem, node: Node, widths: Widths) -> Graph:
    """Return a graph of nothing but a node, with these widths of the spaces around it."""
    inputs = [value for value in node.present_inputs() if not value.is_constant]
    return slice_channels(Graph("", inputs, list(node.outputs), [node]), problem.groups, widths)
