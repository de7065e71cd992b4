"""Fold scales and shifts per channel into the linear layer before them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from redsc.ir import Activation, Array, DType, Graph, Node, Quant, Value, op_def
from redsc.ir.rules import Grouped, Produces
from redsc.passes.base import Exactness, Log, Pass
from redsc.passes.simplify.fuse_activation import FUSABLE

__all__ = ["FoldAffine"]

_ONE_SIDED = (-128, 127)  # zero points of an int8 form that cuts off one sign, as a fused ReLU does


@dataclass(frozen=True, slots=True)
class FoldAffine(Pass):
    """Fold a multiplication, addition or subtraction by constants per channel into the linear layer before it.

    With y = W x + b: s y + t = (s W) x + (s b + t), for numbers s and t per output channel. A batch normalisation
    is one of each. A layer without a bias gets one where t is not zero.

    1. Fires when one operand is a float constant with one number in all, or one per channel along the last axis;
       the result has the shape of the other one, which SUB has first.
    2. Fires when the other is made by a linear layer with constant float weights and bias and no fused activation.
    3. Refuses when something else reads the layer's output, or it is a graph output.
    4. Refuses when the layer's output has an int8 form that cuts off one sign: it stands for an activation.
    5. Refuses when the layer's output has an int8 form and the result has none, nor what it is folded on into: the
       layer would lose its own.
    6. Refuses to scale weights that another node reads as well, and to make a number infinite.
    7. An int8 form of the weights is scaled along; one scale for all channels with different factors is given up.
    """

    name: ClassVar[str] = "fold-affine"
    summary: ClassVar[str] = "fold scales and shifts per channel into the layer before them"
    preserves: ClassVar[Exactness] = Exactness.FLOAT_CLOSE

    def run(self, graph: Graph, log: Log) -> bool:
        """Walk once in schedule order: the factor of a normalisation comes before its shift."""
        folded = [node for node in list(graph.nodes) if node.op in _AFFINE and self._fold(graph, node, log)]
        return bool(folded)

    def _fold(self, graph: Graph, node: Node, log: Log) -> bool:
        found = _layer_and_numbers(node)
        if found is None:
            return False
        layer, (scale, shift) = found[0], _AFFINE[node.op](found[1])
        weight, bias = _scaled_weight(layer, scale), _moved_bias(graph, layer, scale, shift)
        reason = _why_not(graph, layer, node, (weight, bias))
        if reason:
            log.refuse(self.name, node.name, reason)
            return False
        _set_constants(graph, layer, weight, bias)
        _take_over(graph, layer, node)
        log.change(self.name, layer.name, f"takes over {node.op} {node.name}", layer.outputs[0].type.nbytes)
        return True


_AFFINE = {
    "MUL": lambda numbers: (numbers, np.zeros_like(numbers)),
    "ADD": lambda numbers: (np.ones_like(numbers), numbers),
    "SUB": lambda numbers: (np.ones_like(numbers), -numbers),
}


def _layer_and_numbers(node: Node) -> tuple[Node, Array] | None:
    """Return the linear layer and the numbers per channel that a node joins, or None (rules 1 and 2)."""
    operands = [node.operand(0), node.operand(1)]
    if node.op != "SUB" and operands[0].is_constant:
        operands.reverse()
    source, constant = operands
    layer, data = source.producer, constant.data
    if layer is None or data is None or data.dtype != np.float32 or not _is_linear(layer):
        return None
    channels = source.type.shape[-1]
    if data.size != 1 and data.shape != (1,) * (data.ndim - 1) + (channels,):
        return None
    if node.outputs[0].type.shape != source.type.shape:
        return None
    return layer, np.broadcast_to(data.reshape(-1).astype(np.float64), channels)


def _is_linear(layer: Node) -> bool:
    """Whether a node is a linear layer with constant float weights, such a bias or none, and no activation."""
    if not isinstance(op_def(layer.op).channels, Produces | Grouped):
        return False
    constants = [value for value in (layer.operand(_places(layer)[0]), _old_bias(layer)) if value is not None]
    is_float = all(value.is_constant and value.type.dtype is DType.FLOAT32 for value in constants)
    return is_float and layer.attrs.activation is Activation.NONE


def _places(layer: Node) -> tuple[int, int, int]:
    """Return where a linear layer has its weights and its bias, and the axis of the weights that counts outputs."""
    rule = op_def(layer.op).channels
    assert isinstance(rule, Produces | Grouped)
    (bias,) = rule.followers
    return rule.weight, bias, rule.out_axis


def _old_bias(layer: Node) -> Value | None:
    _, place, _ = _places(layer)
    return layer.inputs[place] if place < len(layer.inputs) else None


def _scaled_weight(layer: Node, scale: Array) -> Value | None:
    """Return the scaled weights, None where they stay."""
    place, _, axis = _places(layer)
    old = layer.operand(place)
    if old.data is None or (scale == 1).all():
        return None
    factors = scale.reshape([-1 if i == axis else 1 for i in range(old.data.ndim)])
    return Value.constant(old.name, _as_float(old.data * factors), _scaled_quant(old.type.quant, scale, axis))


def _scaled_quant(quant: Quant | None, scale: Array, axis: int) -> Quant | None:
    """Return the int8 form in which scaled weights are the same integers, but for their signs (rule 7)."""
    if quant is None or (quant.is_per_channel and quant.axis != axis):
        return None
    factors = np.abs(scale if quant.is_per_channel else scale[:1])
    if not quant.is_per_channel and (np.abs(scale) != factors).any():
        return None
    scales = _as_float(np.array(quant.scales) * factors)
    if not (np.isfinite(scales) & (scales > 0)).all():
        return None
    return Quant(tuple(scales.tolist()), quant.zero_points, quant.axis)


def _moved_bias(graph: Graph, layer: Node, scale: Array, shift: Array) -> Value | None:
    """Return the new bias, None where there is none and none is needed."""
    old = _old_bias(layer)
    if old is None or old.data is None:
        name = graph.unused_name(f"{layer.outputs[0].name}.bias")
        return Value.constant(name, _as_float(shift)) if shift.any() else None
    name = old.name if len(old.uses) == 1 else graph.unused_name(f"{old.name}.{layer.outputs[0].name}")
    return Value.constant(name, _as_float(old.data.reshape(-1) * scale + shift).reshape(old.type.shape))


def _why_not(graph: Graph, layer: Node, node: Node, constants: tuple[Value | None, ...]) -> str | None:
    """Return why a layer may not make the result of the node that reads it with these constants, or None."""
    source, result, weight = layer.outputs[0], node.outputs[0], layer.operand(_places(layer)[0])
    quant = source.type.quant
    if not graph.is_private(source):
        return f"{source.name!r} is read elsewhere"
    if quant is not None and quant.zero_point in _ONE_SIDED:
        return f"the int8 form of {source.name!r} cuts off one sign"
    if quant is not None and not _gets_a_form(graph, result):
        return f"{source.name!r} has an int8 form, {result.name!r} has none"
    if constants[0] is not None and len(weight.uses) > 1:
        return f"the weights {weight.name!r} are read elsewhere"
    if not all(
        np.isfinite(value.data).all() for value in constants if value is not None and value.data is not None
    ):
        return "a number would become infinite"
    return None


def _gets_a_form(graph: Graph, value: Value) -> bool:
    """Whether a value has an int8 form, or the end of the affine ops and activations that alone read it has one."""
    while value.type.quant is None:
        readers = [use.node for use in value.uses]
        if not graph.is_private(value) or readers[0].op not in {*_AFFINE, *FUSABLE}:
            return False
        value = readers[0].outputs[0]
    return True


def _set_constants(graph: Graph, layer: Node, weight: Value | None, bias: Value | None) -> None:
    """Give a layer its new constants."""
    weight_place, bias_place, _ = _places(layer)
    inputs = list(layer.inputs)
    if weight is not None:
        inputs[weight_place] = weight
    if bias is not None:
        inputs[bias_place:] = [bias]
    graph.rewrite(layer, layer.op, inputs, layer.attrs)


def _take_over(graph: Graph, layer: Node, node: Node) -> None:
    """Let a layer make the result of the node that reads it."""
    source, result = layer.outputs[0], node.outputs[0]
    graph.replace_uses(result, source)
    graph.remove(node)
    source.name, source.type = result.name, result.type
    layer.attrs = replace(layer.attrs, activation=node.attrs.activation)


def _as_float(data: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(data, np.float32)
