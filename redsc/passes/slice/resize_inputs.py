"""The same network for images of another size: shapes follow from the input, weights and scales stay.

A padding SAME stays SAME, explicit paddings keep their amounts, and what covers the whole image (a global pool)
still does. What each op does is in `resize_rules.py`.
"""

from __future__ import annotations

from dataclasses import replace

from redsc.errors import UsageError
from redsc.formats.tables import Refusal
from redsc.ir import Graph, Node, Shape, ShapeError, Value, op_def
from redsc.passes.slice.resize_rules import RESIZED
from redsc.runtime.data.view import Size

__all__ = ["image_input", "image_size", "resize_inputs"]


def resize_inputs(graph: Graph, size: Size | None) -> Graph:
    """Return the network for images of this height and width, over the same constants.

    None and its own size leave it as it is.

    Raises:
        UsageError: a node tells the size of its image, or an output would change; every such place is named.
    """
    if size is None or size == image_size(graph):
        return graph
    resizer = _Resizer(graph, size)
    result = resizer.run()
    if resizer.problems:
        raise UsageError(
            f"the network does not take images of {size[0]}x{size[1]}",
            code="U222",
            evidence=resizer.problems,
            hint="other sizes are for networks of convolutions whose image ends in a global pool or mean",
        )
    return result


def image_size(graph: Graph) -> Size:
    """Return the height and width of the images that a network takes.

    Raises:
        UsageError: as `image_input` says.
    """
    _, height, width, _ = image_input(graph).type.shape
    return height, width


def image_input(graph: Graph) -> Value:
    """Return the one input that is an image: batch, height, width, channels.

    Raises:
        UsageError: there is none, or more than one.
    """
    images = [value for value in graph.inputs if len(value.type.shape) == 4]
    if len(images) != 1:
        raise UsageError(
            f"the network has {len(images)} inputs that are images, another size is for those with one",
            code="U222",
            evidence=[f"input {value.name!r} is {list(value.type.shape)}" for value in graph.inputs],
        )
    return images[0]


class _Resizer:
    """Builds the new graph; a node that cannot follow keeps its old shapes, so that all such nodes are found."""

    def __init__(self, graph: Graph, size: Size) -> None:
        self.graph, self.problems = graph, list[str]()
        image = image_input(graph)
        batch, _, _, channels = image.type.shape
        self.copies = {image: _shaped(image, (batch, *size, channels))}

    def run(self) -> Graph:
        result = Graph(self.graph.name, inputs=[self.copy(value) for value in self.graph.inputs])
        for node in self.graph.nodes:
            inputs = tuple(None if value is None else self.copy(value) for value in node.inputs)
            draft, shapes = self.follow(node, Node(node.op, inputs, (), node.attrs, node.origin))
            outputs = [_shaped(value, shape) for value, shape in zip(node.outputs, shapes, strict=True)]
            self.copies |= zip(node.outputs, outputs, strict=True)
            result.append(draft.op, draft.inputs, outputs, draft.attrs, draft.origin)
        result.outputs = [self.copy(value) for value in self.graph.outputs]
        for old, new in zip(self.graph.outputs, result.outputs, strict=True):
            if old.type != new.type:
                self.problems.append(f"the output {old.name!r} would be {list(new.type.shape)}")
        return result

    def follow(self, node: Node, draft: Node) -> tuple[Node, tuple[Shape, ...]]:
        """Return a draft that fits its operands, and the shapes that it makes of them."""
        pairs = zip(node.present_inputs(), draft.present_inputs(), strict=True)
        if all(old.type == new.type for old, new in pairs):
            return draft, tuple(value.type.shape for value in node.outputs)
        try:
            draft = _followed(node, draft)
            shapes = op_def(node.op).infer(draft)
            _require_places(shapes)
        except ShapeError as error:
            self.problems.append(f"{node.op} {node.name!r}: {error}")
            return draft, tuple(value.type.shape for value in node.outputs)
        return draft, shapes

    def copy(self, value: Value) -> Value:
        if value not in self.copies:
            self.copies[value] = Value(value.name, value.type, value.data)
        return self.copies[value]


def _followed(node: Node, draft: Node) -> Node:
    """Return what an op's rule makes of a draft."""
    rule = RESIZED[node.op]
    if isinstance(rule, Refusal):
        raise ShapeError(rule.reason)
    return rule(node, draft)


def _require_places(shapes: tuple[Shape, ...]) -> None:
    if any(size < 1 for shape in shapes for size in shape):
        raise ShapeError("nothing is left of the image")


def _shaped(value: Value, shape: Shape) -> Value:
    return Value(value.name, replace(value.type, shape=shape))
