"""Fold scales and shifts per channel into the linear layer before them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from redsc.ir import Activation, Array, DType, Graph, Node, Quant, Value, op_def
from redsc.ir.rules import Grouped, Produces
from redsc.passes.base import Exactness, Log, Pass

__all__ = ["FoldAffine"]

_ONE_SIDED = (-128, 127)  # zero points of an int8 form that cuts off one sign, as a fused ReLU does


@dataclass(frozen=True, slots=True)
class FoldAffine(Pass):
    """Fold a multiplication, addition or subtraction by constants per channel into the linear layer before it.

    With y = W x + b: s y + t = (s W) x + (s b + t), for numbers s and t per output channel. A batch normalisation
    is one of each.

    1. Fires when one operand is a float constant with one number in all, or one per channel along the last axis.
    2. Fires when the other is made by a linear layer with constant float weights and bias and no fused activation.
    3. Refuses when something else reads the layer's output, or it is a graph output.
    4. Refuses when the layer's output has an int8 form that cuts off one sign: it stands for an activation.
    5. An int8 form of the weights is scaled along; one scale for all channels with different factors is given up.
    """

    name: ClassVar[str] = "fold-affine"
    summary: ClassVar[str] = "fold scales and shifts per channel into the layer before them"
    preserves: ClassVar[Exactness] = Exactness.FLOAT_CLOSE

    def run(self, graph: Graph, log: Log) -> bool:
        """Walk once in schedule order: the factor of a normalisation comes before its shift."""
        folded = [node for node in list(graph.nodes) if node.op in _AFFINE and self._fold(graph, node, log)]
        return bool(folded)

    def _fold(self, graph: Graph, node: Node, log: Log) -> bool:
        found = _layer_and_constant(node)
        if found is None:
            return False
        layer, numbers = found
        source, result = layer.outputs[0], node.outputs[0]
        if not graph.is_private(source):
            log.refuse(self.name, node.name, f"{source.name!r} is read elsewhere")
            return False
        if source.type.quant is not None and source.type.quant.zero_point in _ONE_SIDED:
            log.refuse(self.name, node.name, f"the int8 form of {source.name!r} cuts off one sign")
            return False
        scale, shift = _AFFINE[node.op](numbers)
        _apply(graph, layer, scale, shift)
        source.type = result.type
        layer.attrs = replace(layer.attrs, activation=node.attrs.activation)
        graph.replace_uses(result, source)
        graph.remove(node)
        source.name = result.name
        log.change(self.name, layer.name, f"takes over {node.op} {node.name}")
        return True


_AFFINE = {
    "MUL": lambda numbers: (numbers, np.zeros_like(numbers)),
    "ADD": lambda numbers: (np.ones_like(numbers), numbers),
    "SUB": lambda numbers: (np.ones_like(numbers), -numbers),
}


def _layer_and_constant(node: Node) -> tuple[Node, Array] | None:
    """Return the linear layer and the numbers per channel that a node joins, or None (rules 1 and 2)."""
    operands = [node.operand(0), node.operand(1)]
    if node.op != "SUB" and operands[0].is_constant:
        operands.reverse()
    source, constant = operands
    layer, data = source.producer, constant.data
    if layer is None or data is None or data.dtype != np.float32 or not _is_linear(layer):
        return None
    channels = source.type.shape[-1]
    if data.size not in (1, channels) or (data.size > 1 and data.shape[-1] != channels):
        return None
    return layer, np.broadcast_to(data.reshape(-1).astype(np.float64), channels)


def _is_linear(layer: Node) -> bool:
    """Whether a node is a linear layer with constant float weights and bias and no activation."""
    rule = op_def(layer.op).channels
    if not isinstance(rule, Produces | Grouped) or layer.attrs.activation is not Activation.NONE:
        return False
    places = (rule.weight, *rule.followers)
    operands = [layer.inputs[place] if place < len(layer.inputs) else None for place in places]
    return all(value is not None and value.is_constant and value.type.dtype is DType.FLOAT32 for value in operands)


def _apply(graph: Graph, layer: Node, scale: Array, shift: Array) -> None:
    """Scale the layer's weights and bias, and shift its bias."""
    rule = op_def(layer.op).channels
    assert isinstance(rule, Produces | Grouped)
    axis = rule.out_axis if isinstance(rule, Produces) else rule.axis
    weight, (bias_place,) = layer.operand(rule.weight), rule.followers
    bias = layer.operand(bias_place)
    assert weight.data is not None
    assert bias.data is not None
    shape = [-1 if i == axis else 1 for i in range(weight.data.ndim)]
    graph.set_input(layer, rule.weight, _replaced(weight, weight.data * scale.reshape(shape), scale))
    graph.set_input(layer, bias_place, _replaced(bias, bias.data * scale + shift, None))


def _replaced(value: Value, data: Array, scale: Array | None) -> Value:
    """Return a constant in the place of another one; its int8 form follows rule 5."""
    quant = value.type.quant
    if quant is not None:
        factors = np.ones(1) if scale is None else np.abs(scale)
        if scale is None or (factors == 0).any() or not (quant.is_per_channel or (factors == factors[0]).all()):
            quant = None
        else:
            scales = np.array(quant.scales) * (factors if quant.is_per_channel else factors[:1])
            quant = Quant(tuple(float(s) for s in scales.astype(np.float32)), quant.zero_points, quant.axis)
    return Value.constant(value.name, np.ascontiguousarray(data, np.float32), quant)
