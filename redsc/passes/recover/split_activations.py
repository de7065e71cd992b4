"""A network whose fused activations are nodes of their own: recovery fits what a layer makes before them."""

from __future__ import annotations

from dataclasses import replace

from redsc.ir import NO_ATTRS, OPS, Activation, Graph, Value, copy_graph

__all__ = ["split_activations"]


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
