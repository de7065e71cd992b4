"""How TFLM's op resolver registers each op (tensorflow/lite/micro/micro_mutable_op_resolver.h)."""

from __future__ import annotations

from collections.abc import Iterable

from redsc.ir import Graph

__all__ = ["TFLM_OPS", "resolver_methods"]

TFLM_OPS: dict[str, str] = {
    "CONV_2D": "AddConv2D",
    "DEPTHWISE_CONV_2D": "AddDepthwiseConv2D",
    "FULLY_CONNECTED": "AddFullyConnected",
    "ADD": "AddAdd",
    "AVERAGE_POOL_2D": "AddAveragePool2D",
    "MAX_POOL_2D": "AddMaxPool2D",
    "MEAN": "AddMean",
    "PAD": "AddPad",
    "RESHAPE": "AddReshape",
    "SOFTMAX": "AddSoftmax",
    "RELU": "AddRelu",
    "RELU6": "AddRelu6",
    "LEAKY_RELU": "AddLeakyRelu",
    "QUANTIZE": "AddQuantize",
    "DEQUANTIZE": "AddDequantize",
}


def resolver_methods(graphs: Iterable[Graph]) -> list[str]:
    """Return the methods that register every op of the graphs, each once."""
    return sorted({TFLM_OPS[node.op] for graph in graphs for node in graph.nodes})
