"""Let smaller levels read the weights of larger ones in place: layers with cut inputs become redsc's own ops.

A cut of rows is a prefix, which ordinary ops share. A cut of columns leaves gaps: the op is told where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from redsc.choices import Sharing
from redsc.ir import (
    CUSTOM_OPS,
    LOOKUP,
    Array,
    Conv2D,
    DType,
    FullyConnected,
    Graph,
    Node,
    Quant,
    StridedConv2D,
    StridedFullyConnected,
    Value,
    copy_graph,
    expand_lookup,
    run_columns,
)
from redsc.ir.rescale import quantize_multipliers, rescalings
from redsc.ir.runs import find_runs

__all__ = [
    "as_stock",
    "has_strided",
    "share_strided",
    "share_with",
    "slot_graphs",
]

_STRIDED = {"CONV_2D": "REDSC_CONV_2D", "FULLY_CONNECTED": "REDSC_FULLY_CONNECTED"}
_MOST = 2**15 - 1  # of a size in the kernels
_STOCK = {strided: stock for stock, strided in _STRIDED.items()}


def slot_graphs(levels: Sequence[Graph], sharing: Sharing) -> list[Graph]:
    """Return the graphs of the slots of levels, the largest first."""
    return share_strided(levels) if sharing is Sharing.STRIDED else list(levels)


def share_strided(graphs: Sequence[Graph]) -> list[Graph]:
    """Return the levels, the largest first, as a container stores them without a weight twice.

    A convolution or dense layer whose weight is a part of one that a larger level stores, with columns left out,
    becomes REDSC_CONV_2D or REDSC_FULLY_CONNECTED over that. Others stay as they are: grouped convolutions, and
    weights that are a level's own. `as_stock` undoes it.
    """
    stored: dict[str, list[Array]] = {}
    return [_share(graph, stored) for graph in graphs]


def share_with(larger: Graph, graph: Graph) -> Graph:
    """Return a level, or a part of one, as a container stores it below a level that is larger everywhere."""
    weights = (node.operand(1) for node in larger.nodes if node.op in _STRIDED)
    return _share(graph, {weight.name: [weight.data] for weight in weights if weight.data is not None})


def as_stock(graph: Graph) -> Graph:
    """Return the graph of a slot or a level with builtin ops only, over gathered weights: it runs everywhere."""
    result = copy_graph(graph)
    for node in list(result.nodes):
        if node.op in _STOCK:
            result.rewrite(node, _STOCK[node.op], *_stock_operands(node))
        elif node.op == LOOKUP:
            expand_lookup(result, node)
    return result


def has_strided(graph: Graph) -> bool:
    """Whether a graph needs redsc's own kernels."""
    return any(node.op in CUSTOM_OPS for node in graph.nodes)


def _share(graph: Graph, stored: dict[str, list[Array]]) -> Graph:
    result = copy_graph(graph)
    for node in list(result.nodes):
        if node.op not in _STRIDED or (weight := node.operand(1)).data is None:
            continue
        known = stored.setdefault(weight.name, [])
        found = next(((whole, runs) for whole in known if (runs := find_runs(whole, weight.data))), None)
        if found is None:
            known.append(weight.data)
        elif weight.data.shape[-1] < found[0].shape[-1] and _is_plain(node):
            whole, runs = found
            shared = Value.constant(weight.name, whole[: len(weight.data)], weight.type.quant)
            inputs = [node.operand(0), shared, _parameters(result, node)]
            result.rewrite(node, _STRIDED[node.op], inputs, _strided_attrs(node, runs))
    return result


def _is_plain(node: Node) -> bool:
    """Whether redsc's kernels know such a layer: not grouped, a constant bias or none, int8 or float32."""
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    source, weight, output = (value.type for value in (node.operand(0), node.operand(1), node.outputs[0]))
    is_grouped = node.op == "CONV_2D" and source.shape[-1] != weight.shape[-1]
    kinds = {source.dtype, weight.dtype, output.dtype}
    is_known = kinds == {DType.FLOAT32} or (kinds == {DType.INT8} and _has_known_sizes(node))
    return is_known and not is_grouped and (bias is None or bias.is_constant)


def _has_known_sizes(node: Node) -> bool:
    """Whether the sizes of an int8 layer are those of redsc_conv.h; the pixels of a dense layer are its rows."""
    source, weight, output = (value.type for value in (node.operand(0), node.operand(1), node.outputs[0]))
    window = [getattr(node.attrs, f"{step}_{axis}", 1) for step in ("stride", "dilation") for axis in "hw"]
    rows = output.elements // output.shape[-1] if isinstance(node.attrs, FullyConnected) else 1
    return max(*source.shape, *weight.shape, *output.shape, *window, rows) <= _MOST


def _parameters(graph: Graph, node: Node) -> Value:
    """Return bias, multipliers and shifts of an int8 layer [3, O], the bias of a float one [1, O]."""
    bias, weight = node.inputs[2] if len(node.inputs) > 2 else None, node.operand(1)
    rows = weight.type.shape[0]
    name = bias.name if bias is not None else graph.unused_name(f"{weight.name}/parameters")
    numbers = np.zeros(rows, _BIAS_TYPES[weight.type.dtype]) if bias is None else bias.data
    assert numbers is not None
    if weight.type.dtype is DType.FLOAT32:
        return Value.constant(name, numbers.reshape(1, rows).copy())
    multipliers, shifts = (np.broadcast_to(part, rows) for part in quantize_multipliers(rescalings(node)))
    return Value.constant(name, np.stack([numbers.reshape(rows), multipliers, shifts]).astype(np.int32))


_BIAS_TYPES = {DType.INT8: np.int32, DType.FLOAT32: np.float32}


def _strided_attrs(node: Node, runs: tuple[int, ...]) -> StridedConv2D | StridedFullyConnected:
    a, has_bias = node.attrs, len(node.inputs) > 2 and node.inputs[2] is not None
    if isinstance(a, FullyConnected):
        return StridedFullyConnected(runs, a.keep_num_dims, a.activation, has_bias)
    window = (a.padding, a.stride_h, a.stride_w, a.dilation_h, a.dilation_w)
    return StridedConv2D(runs, *window, a.activation, has_bias)


def _stock_operands(node: Node) -> tuple[list[Value | None], Any]:
    """Return the operands and attributes of the builtin op that a strided one stands for."""
    a, shared, parameters = node.attrs, node.operand(1), node.operand(2)
    assert shared.data is not None
    assert parameters.data is not None
    gathered = np.ascontiguousarray(shared.data[..., run_columns(a.runs)])
    weight = Value.constant(shared.name, gathered, shared.type.quant)
    bias = Value.constant(parameters.name, parameters.data[0].copy(), _bias_quant(node)) if a.has_bias else None
    if isinstance(a, StridedFullyConnected):
        return [node.operand(0), weight, bias], FullyConnected(a.keep_num_dims, a.activation)
    window = (a.padding, a.stride_h, a.stride_w, a.dilation_h, a.dilation_w)
    return [node.operand(0), weight, bias], Conv2D(*window, a.activation)


def _bias_quant(node: Node) -> Quant | None:
    """Return the scales that a bias has in TFLite: those of input and weight, multiplied in float32."""
    source, weight = node.operand(0).type.quant, node.operand(1).type.quant
    if source is None or weight is None or node.operand(0).type.dtype is not DType.INT8:
        return None
    scales = np.array(weight.scales, np.float32) * np.float32(source.scale)
    return Quant(tuple(float(scale) for scale in scales), (0,))
