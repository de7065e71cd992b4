"""Multiply-accumulates, exact."""

from __future__ import annotations

from redsc.ir import Graph, op_def

__all__ = ["graph_macs"]


def graph_macs(graph: Graph) -> int:
    """Return the MACs of one inference, borders included, as the field counts them."""
    return sum(op_def(node.op).macs(node) for node in graph.nodes)
