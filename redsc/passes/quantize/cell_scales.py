"""Choose the scale of the cells of LSTM layers that become int8: they are no tensors, and have 16 bits.

Kernels want a power of two (tensorflow/lite/micro/kernels/lstm_eval_common.cc: CreateLstmCellStateInfo).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from math import frexp

import numpy as np

from redsc.ir import GATES, LSTM, Array, DType, Graph, Node, copy_graph
from redsc.passes.quantize.int8 import why_not_int8
from redsc.runtime.observe.ranges import float_activations

__all__ = ["with_cell_scales"]

_BITS = 15  # of an int16 without its sign
_LEAST_REACH = 2.0**-8  # cells below it are taken for as large: kernels want a scale of at least 2^-30


def with_cell_scales(graph: Graph, samples: Sequence[Sequence[Array]], keep_float: Collection[str] = ()) -> Graph:
    """Return a copy of a float graph whose LSTM layers note the scale that their cells have in int8.

    It is the least power of two with which int16 holds all that a cell was on the samples. Cells follow from what
    a layer reads and makes: c = f c + i g, with i, f and g functions of the input and of the output before.

    Raises:
        ExecutorError: LiteRT refuses the network.
    """
    result = copy_graph(graph)
    layers = [node for node in result.nodes if _is_ours(node, keep_float)]
    reaches = dict.fromkeys(layers, _LEAST_REACH)
    names = {value.name for node in layers for value in (node.operand(0), node.outputs[0])}
    for arrays in float_activations(result, samples if layers else (), names):
        for node in layers:
            found = _reach(node, arrays[node.operand(0).name], arrays[node.outputs[0].name])
            reaches[node] = max(reaches[node], found)
    for node, reach in reaches.items():
        node.attrs = replace(node.attrs, cell_scale=2.0 ** (frexp(reach)[1] - _BITS))
    return result


def _is_ours(node: Node, keep_float: Collection[str]) -> bool:
    return node.op == LSTM and node.outputs[0].type.dtype is DType.FLOAT32 and not why_not_int8(node, keep_float)


def _reach(node: Node, source: Array, output: Array) -> float:
    """Return the greatest magnitude of a layer's cells in one inference."""
    if not node.attrs.time_major:
        source, output = source.swapaxes(0, 1), output.swapaxes(0, 1)
    before = np.concatenate([np.zeros_like(output[:1]), output[:-1]])
    sums = [_sum(node, gate, source, before) for gate in range(len(GATES))]
    enter, forget = ((1 + np.tanh(item / 2)) / 2 for item in sums[:2])
    cell, reach, news = np.zeros_like(output[0]), 0.0, np.tanh(sums[2])
    for step in range(len(output)):
        cell = forget[step] * cell + enter[step] * news[step]
        if node.attrs.cell_clip:
            cell = cell.clip(-node.attrs.cell_clip, node.attrs.cell_clip)
        reach = max(reach, float(np.abs(cell).max()))
    return reach


def _sum(node: Node, gate: int, source: Array, before: Array) -> Array:
    weight, recurrent, bias = (np.asarray(node.operand(1 + gate + part * len(GATES)).data) for part in range(3))
    result: Array = source @ weight.T + before @ recurrent.T + bias
    return result
