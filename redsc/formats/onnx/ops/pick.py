"""Ops that only bring elements to places that constants say: one GATHER from all elements of all operands.

Which element goes where is what ONNX's reference evaluator makes of the numbers of the places.
"""

from __future__ import annotations

from math import prod

import numpy as np

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import Kind, source_layout
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.ops.parts import MOST_PICKED, join
from redsc.formats.onnx.ops.row import OnnxOp, Rows
from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, Gather, Reshape, Value

__all__ = ["PICK_ROWS"]

_DATA = {  # which operands are data; the others say where they go
    "GatherElements": (0,),
    "GatherND": (0,),
    "ReverseSequence": (0,),
    "Scatter": (0, 2),
    "ScatterElements": (0, 2),
    "ScatterND": (0, 2),
}
_RENAMED = {"Scatter": "ScatterElements"}  # since opset 11


def _pick(context: OnnxContext, node: OnnxNode) -> None:
    if (reduction := node.get("reduction", "none")) != "none":
        raise CannotTranslate(f"its reduction is {reduction}")
    names = [node.input(index) for index in _DATA[node.op]]
    shape = context.shape(node.output)
    if max(sum(prod(context.shape(name)) for name in names), prod(shape)) > MOST_PICKED:
        raise CannotTranslate(f"it moves more than {MOST_PICKED:,} elements one by one")
    places = _places(context, node)
    parts = [_flat(context, node, name) for name in names]
    operand = context.indices(node, "places", places.reshape(-1))
    everything = join(context, node, parts, 0, "all")
    found = context.step(node, "GATHER", everything, operand, attrs=Gather(0), part="picked")
    context.arrange_from_file(node, found)


def _places(context: OnnxContext, node: OnnxNode) -> Array:
    """Return for each element of the result its place among those of all data, one operand after the other."""
    from onnx.helper import make_node
    from onnx.reference import ReferenceEvaluator

    feeds, start = dict[str, Array](), 0
    for index, name in enumerate(node.inputs):
        if index in _DATA[node.op]:
            size = prod(context.shape(name))
            feeds[f"i{index}"] = np.arange(start, start + size).reshape(context.shape(name))
            start += size
        else:
            feeds[f"i{index}"] = context.constant(name, "where its elements go is")
    proto = make_node(_RENAMED.get(node.op, node.op), list(feeds), ["places"], **node.attributes)
    try:
        (found,) = ReferenceEvaluator(proto).run(None, feeds)
    except (IndexError, ValueError) as error:
        raise CannotTranslate(f"it is not known where its elements go: {error}".rstrip(".")) from error
    return np.asarray(found)


def _flat(context: OnnxContext, node: OnnxNode, name: str) -> Value:
    value = context.value_as(name, source_layout(context.rank(name)))
    return context.step(node, "RESHAPE", value, attrs=Reshape((value.type.elements,)), part=f"{name}.flat")


PICK_ROWS: Rows = {op: OnnxOp(_pick, Kind.RELAYOUT) for op in _DATA}
