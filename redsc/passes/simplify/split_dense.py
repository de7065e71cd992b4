"""Make a layer of every piece of a dense layer's outputs that goes its own way."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from redsc.ir import Array, Graph, Node, Reshape, TensorType, Value, op_def
from redsc.ir.ops.cut import sliced_axes
from redsc.ir.rules import Slices, Splits, View
from redsc.passes.base import Exactness, Log, Pass
from redsc.passes.slice.channels import gather_axes

__all__ = ["SplitDense"]


@dataclass(frozen=True, slots=True)
class SplitDense(Pass):
    """Make a layer of every piece of a dense layer's outputs.

    Queries, keys and values of attention are often made by one layer, and so are numbers and their gates. Layers
    of their own need no copies, and a level that cuts all pieces takes the first rows of each weight: it can share
    them.

    1. Fires on a FULLY_CONNECTED of which only slices and splits read the output, or a view of it, if each piece is
       a run of outputs, the same at every position.
    2. Outputs that are in no piece go.
    3. Refuses where pieces overlap: they would be computed twice.
    4. Refuses where other nodes read the weight: each step of an unrolled layer would become several.
    5. Refuses where a piece has another scale.
    6. Views of a piece become views of what its layer makes.
    """

    name: ClassVar[str] = "split-dense"
    summary: ClassVar[str] = "make a layer of every piece of a dense layer's outputs"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        """Look at every dense layer."""
        layers = [node for node in graph.nodes if node.op == "FULLY_CONNECTED"]
        return bool([node for node in layers if self._split(graph, node, log)])

    def _split(self, graph: Graph, node: Node, log: Log) -> bool:
        pieces = _pieces(graph, node)
        if pieces is None:
            return False
        if reason := _why_not(node, pieces):
            log.refuse(self.name, node.name, reason)
            return False
        takers = [piece.producer for piece in pieces]
        for piece, rows in pieces.items():
            _make(graph, node, piece, rows)
        for dead in [*dict.fromkeys(taker for taker in takers if taker), *_views(node), node]:
            graph.remove(dead)
        log.change(self.name, node.name, f"one layer for each of {len(pieces)} pieces")
        return True


def _pieces(graph: Graph, node: Node) -> dict[Value, range] | None:
    """Return which outputs of a layer each piece has, None where something else reads them."""
    views, width = _views(node), node.outputs[0].type.shape[-1]
    result = views[0].outputs[0] if views else node.outputs[0]
    if any(graph.is_output(step.outputs[0]) for step in (*views, node)):
        return None
    if not result.type.elements:
        return None
    places, count = np.arange(result.type.elements).reshape(result.type.shape), result.type.elements // width
    found: dict[Value, range | None] = {}
    for use in result.uses:
        rule = op_def(use.node.op).channels
        if not isinstance(rule, (Slices, Splits)) or op_def(use.node.op).source(use.node) is not result:
            return None
        parts = zip(use.node.outputs, _parts(use.node, places), strict=True)
        found |= {value: _rows(part, width, count) for value, part in parts if graph.is_read(value)}
    runs = {value: rows for value, rows in found.items() if rows is not None}
    return runs if len(runs) == len(found) > 0 else None


def _views(node: Node) -> list[Node]:
    """Return the views of a layer's output, each the only reader of what is before it, the last one first."""
    readers = [use.node for use in node.outputs[0].uses]
    if len(readers) != 1 or not isinstance(op_def(readers[0].op).alias, View):
        return []
    return [*_views(readers[0]), readers[0]]


def _parts(node: Node, places: Array) -> list[Array]:
    """Return what each output of a slice or split takes."""
    if isinstance(op_def(node.op).channels, Slices):
        return [places[sliced_axes(node)]]
    shapes = [value.type.shape for value in node.outputs]
    if len(shapes[0]) != places.ndim:
        (axis,) = [node.attrs.axis % places.ndim]
        return [part.squeeze(axis) for part in np.split(places, len(shapes), axis)]
    axis = next((axis for axis, size in enumerate(places.shape) if shapes[0][axis] != size), 0)
    return np.split(places, np.cumsum([shape[axis] for shape in shapes])[:-1], axis)


def _rows(part: Array, width: int, count: int) -> range | None:
    """Return the outputs that are taken of `count` rows of `width`; None where these are no run, or differ."""
    flat = part.reshape(-1)
    if not len(flat):
        return None
    first, length = int(flat[0]) % width, len(flat) // count
    wanted = np.arange(count)[:, None] * width + np.arange(first, first + length)
    return range(first, first + length) if np.array_equal(flat, wanted.reshape(-1)) else None


def _why_not(node: Node, pieces: dict[Value, range]) -> str | None:
    made, weight = node.outputs[0].type, node.operand(1)
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    taken = sorted(pieces.values(), key=lambda rows: rows.start)
    if any(left.stop > right.start for left, right in pairwise(taken)):
        return "pieces overlap"
    if not weight.is_constant or (bias is not None and not bias.is_constant):
        return "its weights are computed"
    if len(weight.uses) > 1:
        return f"{weight.name!r} is read elsewhere"
    if any(value.type.quant != made.quant for value in pieces):
        return "a piece has another scale"
    return None


def _make(graph: Graph, node: Node, piece: Value, rows: range) -> None:
    """Let a layer with these outputs of a node, before it, make a piece."""
    part = f"[{rows.start}:{rows.stop}]"

    def cut(index: int, value: Value | None) -> Value | None:
        axis = 0 if index == 1 else -1
        name = None if value is None else graph.unused_name(value.name + part)
        return value and gather_axes(value, {axis % len(value.type.shape): np.array(rows)}, name)

    inputs = [node.inputs[0], *(cut(index, value) for index, value in enumerate(node.inputs) if index)]
    kind = TensorType((*node.outputs[0].type.shape[:-1], len(rows)), piece.type.dtype, piece.type.quant)
    made = Value(graph.unused_name(node.outputs[0].name + part), kind)
    origin = (node.name + part, *node.origin)
    graph.append(node.op, inputs, [made], node.attrs, origin, before=node)
    for reader in [use.node for use in piece.uses if isinstance(op_def(use.node.op).alias, View)]:
        graph.rewrite(reader, "RESHAPE", [made], Reshape(reader.outputs[0].type.shape))
    if not graph.is_read(piece):
        return
    if kind.shape != piece.type.shape:
        shaped = Value(graph.unused_name(piece.name), piece.type)
        graph.append("RESHAPE", [made], [shaped], Reshape(piece.type.shape), origin, before=node)
        made = shaped
    graph.replace_uses(piece, made)
    made.name = piece.name
