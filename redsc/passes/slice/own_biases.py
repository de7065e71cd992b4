"""A network in which every layer has a bias of its own: what levels are cut from."""

from __future__ import annotations

import numpy as np

from redsc.ir import DType, Graph, Node, Value, copy_graph, op_def
from redsc.ir.rules import Grouped, Produces

__all__ = ["own_biases"]


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


def _is_real_constant(value: Value) -> bool:
    return value.is_constant and value.type.dtype is DType.FLOAT32


def _set_operand(graph: Graph, node: Node, index: int, value: Value) -> None:
    """Give a node an operand that it left out."""
    inputs = [*node.inputs, *[None] * (index + 1 - len(node.inputs))]
    inputs[index] = value
    graph.rewrite(node, node.op, inputs, node.attrs)
