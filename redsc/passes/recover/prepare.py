"""Two forms of a network that recovery wants: every layer with a bias of its own, and activations as nodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from redsc.ir import NO_ATTRS, OPS, Activation, DType, Graph, Node, Value, copy_graph, op_def
from redsc.ir.rules import Grouped, Produces

__all__ = ["own_biases", "split_activations"]


def own_biases(graph: Graph) -> Graph:
    """Return a copy in which each float layer with a constant weight has a bias that no other layer reads.

    A layer without one gets zeros, a shared one is copied: levels then have room for a bias of their own, and
    layers that have nothing else in common can be cut apart. int8 layers stay as they are.
    """
    result = copy_graph(graph)
    for node in result.nodes:
        rule = op_def(node.op).channels
        if not isinstance(rule, (Produces, Grouped)) or not _is_real_constant(node.operand(rule.weight)):
            continue
        (index,) = rule.followers
        bias = node.inputs[index] if index < len(node.inputs) else None
        if bias is None:
            zeros = np.zeros(node.operand(rule.weight).type.shape[rule.out_axis], np.float32)
            _set_operand(result, node, index, Value.constant(result.unused_name(f"{node.name}/bias"), zeros))
        elif bias.data is not None and len(bias.uses) > 1:
            own = Value.constant(result.unused_name(f"{node.name}/bias"), bias.data, bias.type.quant)
            result.set_input(node, index, own)
    return result


def split_activations(graph: Graph) -> Graph:
    """Return a copy in which fused activations are nodes of their own, behind a value `NAME/linear`."""
    result = copy_graph(graph)
    for node in list(result.nodes):
        activation = getattr(node.attrs, "activation", Activation.NONE)
        if activation.value not in OPS:  # NONE, or one that only exists fused
            continue
        (output,) = node.outputs
        linear = Value(result.unused_name(f"{output.name}/linear"), output.type)
        after = result.nodes.index(node) + 1
        following = result.nodes[after] if after < len(result.nodes) else None
        output.producer = None
        node.outputs, linear.producer = (linear,), node
        node.attrs = replace(node.attrs, activation=Activation.NONE)
        result.append(activation.value, [linear], [output], NO_ATTRS, node.origin, before=following)
    return result


def _is_real_constant(value: Value) -> bool:
    return value.is_constant and value.type.dtype is DType.FLOAT32


def _set_operand(graph: Graph, node: Node, index: int, value: Value) -> None:
    """Give a node an operand that it left out."""
    inputs = [*node.inputs, *[None] * (index + 1 - len(node.inputs))]
    inputs[index] = value
    graph.rewrite(node, node.op, inputs, node.attrs)
