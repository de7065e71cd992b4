"""Layers of the MLPerf Tiny networks with random numbers: as a graph, and as CMSIS-NN takes them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod, sqrt

import numpy as np

from redsc.ir import (
    Activation,
    Array,
    Conv2D,
    DepthwiseConv2D,
    DType,
    FullyConnected,
    Graph,
    GraphBuilder,
    Node,
    Quant,
)
from redsc.ir.ops.windows import padding_before
from redsc.ir.rescale import quantize_multipliers, rescalings

__all__ = ["LAYERS", "Layer", "Shape"]

_KINDS = {"CONV_2D": "CONV", "DEPTHWISE_CONV_2D": "DEPTHWISE", "FULLY_CONNECTED": "DENSE"}
_RELU = Activation.RELU
_SCALE = 0.05  # of x and y
_DEVIATION = 73.6  # of int8 over its whole range


@dataclass(frozen=True, slots=True)
class Shape:
    """A layer with ReLU: the image [H, W, C] (a dense layer: [C]), kernel, output channels and stride."""

    title: str
    op: str
    image: tuple[int, ...]
    outputs: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1


LAYERS = (
    Shape("1x1, 64 to 64, 25x5", "CONV_2D", (25, 5, 64), 64),
    Shape("1x1, 8 to 16, 48x48", "CONV_2D", (48, 48, 8), 16),
    Shape("3x3, 16 to 16, 32x32", "CONV_2D", (32, 32, 16), 16, (3, 3)),
    Shape("3x3, 64 to 64, 8x8", "CONV_2D", (8, 8, 64), 64, (3, 3)),
    Shape("10x4 /2, 1 to 64, 49x10", "CONV_2D", (49, 10, 1), 64, (10, 4), 2),
    Shape("3x3 /2, 3 to 8, 96x96", "CONV_2D", (96, 96, 3), 8, (3, 3), 2),
    Shape("depthwise 3x3, 64, 25x5", "DEPTHWISE_CONV_2D", (25, 5, 64), 64, (3, 3)),
    Shape("depthwise 3x3, 8, 48x48", "DEPTHWISE_CONV_2D", (48, 48, 8), 8, (3, 3)),
    Shape("depthwise 3x3 /2, 16, 48x48", "DEPTHWISE_CONV_2D", (48, 48, 16), 16, (3, 3), 2),
    Shape("depthwise 3x3, 256, 3x3", "DEPTHWISE_CONV_2D", (3, 3, 256), 256, (3, 3)),
    Shape("dense, 640 to 128", "FULLY_CONNECTED", (640,), 128),
    Shape("dense, 128 to 128", "FULLY_CONNECTED", (128,), 128),
)


class Layer:
    """A layer with random numbers."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self.title = shape.title
        random = np.random.default_rng(seed)
        self.x = random.integers(-128, 128, (1, *shape.image), np.int8)
        self.graph = _graph(shape, random)

    @property
    def node(self) -> Node:
        """The layer."""
        return self.graph.nodes[0]

    @property
    def weight(self) -> Array:
        """The weight, as TFLite has it."""
        return _data(self.node, 1)

    @property
    def channels(self) -> int:
        """Output channels."""
        return self.node.outputs[0].type.shape[-1]

    @property
    def macs(self) -> int:
        """Multiplications, those with padding too."""
        taps = self.weight.shape[1:3] if self.node.op == "DEPTHWISE_CONV_2D" else self.weight.shape[1:]
        return int(self.node.outputs[0].type.elements * prod(taps))

    def packed(self) -> bytes:
        """Return the layer's numbers for kernels.c.j2."""
        multipliers, shifts = (
            np.broadcast_to(a, self.channels) for a in quantize_multipliers(rescalings(self.node))
        )
        return b"".join(
            array.tobytes() for array in (self.x, self.weight, _data(self.node, 2), multipliers, shifts)
        )

    def initializer(self, x_at: int, y_at: int) -> str:
        """Return the members of the struct in kernels.c.j2 after the first."""
        node, shape = self.node, self.weight.shape
        is_dense = node.op == "FULLY_CONNECTED"
        kernel = (shape[1], 1, 1, shape[0]) if is_dense else (shape[0], *shape[1:])
        pads = (0, 0) if is_dense else padding_before(node)
        stride = 1 if is_dense else int(node.attrs.stride_h)
        y = node.outputs[0].type
        numbers: tuple[int | str, ...] = (x_at, y_at, self.x.nbytes, y.nbytes, self.weight.nbytes, _KINDS[node.op])
        parts = [*map(str, numbers), *map(_dims, (_image(self.x.shape), kernel, _image(y.shape)))]
        parts += [_braced(stride, stride), _braced(pads[1], pads[0])]
        points = [value.type.quant.zero_point for value in (node.operand(0), node.outputs[0]) if value.type.quant]
        return ", ".join([*parts, *map(str, points), _braced(max(-128, points[1]), 127)])


def _graph(shape: Shape, random: np.random.Generator) -> Graph:
    """Return a graph of the layer; the sums of random inputs fill its output."""
    height, width = shape.kernel
    depth, outputs = shape.image[-1], shape.outputs
    sizes, axis, terms = {
        "CONV_2D": ((outputs, height, width, depth), 0, height * width * depth),
        "DEPTHWISE_CONV_2D": ((1, height, width, outputs), 3, height * width),
        "FULLY_CONNECTED": ((outputs, depth), 0, depth),
    }[shape.op]
    attrs = {
        "CONV_2D": Conv2D(stride_h=shape.stride, stride_w=shape.stride, activation=_RELU),
        "DEPTHWISE_CONV_2D": DepthwiseConv2D(stride_h=shape.stride, stride_w=shape.stride, activation=_RELU),
        "FULLY_CONNECTED": FullyConnected(activation=_RELU),
    }[shape.op]
    count = 1 if shape.op == "FULLY_CONNECTED" else outputs
    scales = (random.uniform(0.5, 1.5, count) / (_DEVIATION * sqrt(terms))).astype(np.float32)
    builder, points = GraphBuilder(), (0,) * count
    x = builder.input("x", (1, *shape.image), DType.INT8, Quant.per_tensor(_SCALE, int(random.integers(-128, 128))))
    weight = builder.constant(
        "weight", random.integers(-127, 128, sizes, np.int8), Quant(tuple(scales.tolist()), points, axis)
    )
    bias_quant = Quant(tuple((scales * np.float32(_SCALE)).tolist()), points)
    bias = builder.constant("bias", random.integers(-3000, 3000, outputs, np.int32), bias_quant)
    y = builder.op(shape.op, x, weight, bias, attrs=attrs, quant=Quant.per_tensor(_SCALE, -128))
    return builder.output(y)


def _data(node: Node, operand: int) -> Array:
    data = node.operand(operand).data
    assert data is not None
    return data


def _image(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape as CMSIS-NN's N, H, W, C."""
    return (shape[0], *(1,) * (4 - len(shape)), *shape[1:])


def _dims(sizes: tuple[int, ...]) -> str:
    return _braced(*sizes)


def _braced(*numbers: int) -> str:
    return f"{{{', '.join(map(str, numbers))}}}"
