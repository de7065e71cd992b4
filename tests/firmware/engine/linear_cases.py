"""Random graphs of one linear layer, alone or with smaller ones that read a part of its weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from redsc.engine.program import Places
from redsc.ir import (
    Activation,
    Array,
    Conv2D,
    DepthwiseConv2D,
    DType,
    FullyConnected,
    Graph,
    GraphBuilder,
    Padding,
    Quant,
    Shape,
    TransposeConv,
    Value,
)
from redsc.ir.ops.windows import count_windows
from tests.firmware.engine.harness import HOST_SANITIZED, Machine, run_engine
from tests.firmware.engine.merging import (
    expected,
    merged,
    merged_samples,
    samples_of,
    split_outputs,
)
from tests.firmware.engine.move_cases import Draw

__all__ = ["LAYERS", "check_layers", "transpose_conv"]

_ACTIVATIONS, _PADDINGS = tuple(Activation), tuple(Padding)
_GROUP = 4  # columns of a dense layer are left out in whole groups of so many


def check_layers(
    graphs: Sequence[Graph], machine: Machine = HOST_SANITIZED, layout: tuple[Places, int] | None = None
) -> None:
    """Check graphs against TFLM: integers bit for bit, float32 within 1e-5 of the largest output."""
    samples = samples_of(graphs)
    found = split_outputs(graphs, run_engine(merged(graphs), merged_samples(samples), machine, layout))
    for graph, rows, inputs in zip(graphs, found, samples, strict=True):
        where = f"{[(node.op, list(node.inputs), node.attrs) for node in graph.nodes]}"
        for array, wanted in zip(chain(*rows), chain(*expected(graph, inputs)), strict=True):
            if array.dtype == np.float32:
                atol = 1e-5 * np.abs(wanted).max()
                np.testing.assert_allclose(array, wanted, rtol=1e-5, atol=atol, err_msg=where)
            else:
                np.testing.assert_array_equal(array, wanted, where)


class Layers:
    """Builds layers of one kind; weights have one name, so that levels share what is equal."""

    def __init__(self, draw: Draw, op: str, attrs: Any, dtype: DType = DType.FLOAT32) -> None:
        self.draw, self.op, self.attrs, self.dtype = draw, op, attrs, dtype
        self.builder, self.outputs = GraphBuilder(), list[Value]()
        self.name = f"w{draw.random.integers(1 << 60)}"

    def add(self, x: Shape, weight: Array, outputs: int, *, size: Shape | None = None) -> None:
        """Add a layer; `size` is the shape of the result of a transposed convolution."""
        source = self.builder.input("x", x, self.dtype, self.quant())
        scales = self.scales(outputs)
        value = Value.constant(self.name, weight, Quant(scales, (0,), 0) if scales else None)
        bias = self.bias(source, scales, outputs) if self.draw.is_so() else None
        left_out = bias is None and self.op == "DEPTHWISE_CONV_2D"  # TFLM's kernel crashes on an operand of -1
        operands = [source, value] if left_out else [source, value, bias]
        if size is not None:
            shape = self.builder.constant("shape", np.array(size, np.int32))
            operands = [shape, value, source, bias]
        self.outputs.append(self.builder.op(self.op, *operands, attrs=self.attrs, quant=self.quant()))

    def quant(self) -> Quant | None:
        """Return a scale for int8."""
        point = self.draw.number(-128, 127)
        return Quant.per_tensor(self.draw.random.uniform(0.01, 0.2), point) if self.dtype is DType.INT8 else None

    def scales(self, outputs: int) -> tuple[float, ...]:
        """Return scales of an int8 weight, one or one per output channel."""
        if self.dtype is not DType.INT8:
            return ()
        found = self.draw.random.uniform(0.001, 0.05, outputs if self.draw.is_so() else 1)
        return tuple(float(scale) for scale in found.astype(np.float32))

    def bias(self, source: Value, scales: tuple[float, ...], outputs: int) -> Value:
        """Return a bias."""
        if source.type.quant is None:
            return self.builder.constant("b", self.draw.random.standard_normal(outputs).astype(np.float32))
        products = np.array(scales, np.float32) * np.float32(source.type.quant.scale)
        quant = Quant(tuple(float(scale) for scale in products), (0,))
        return self.builder.constant("b", self.draw.random.integers(-9999, 9999, outputs, np.int32), quant)

    def graph(self) -> Graph:
        """Return the graph of all layers."""
        return self.builder.output(*self.outputs)


def normal(draw: Draw, shape: Shape) -> Array:
    return draw.random.standard_normal(shape).astype(np.float32)


def conv_attrs(draw: Draw) -> Conv2D:
    strides = (draw.number(1, 3), draw.number(1, 3), draw.number(1, 2), draw.number(1, 2))
    return Conv2D(_PADDINGS[draw.number(0, 1)], *strides, _ACTIVATIONS[draw.number(0, 3)])


def image(draw: Draw, kernel: Shape, attrs: Conv2D) -> Shape:
    """Return batch, height and width of an image into which the window fits."""
    reach = [
        (n - 1) * dilation + 1 for n, dilation in zip(kernel, (attrs.dilation_h, attrs.dilation_w), strict=True)
    ]
    least = reach if attrs.padding is Padding.VALID else [1, 1]
    return (draw.number(1, 2), *(n + draw.number(0, 6) for n in least))


def conv(draw: Draw, cut: bool = False) -> Graph:
    """A float32 convolution, one in four grouped; cut ones have fewer of the weights along every axis."""
    groups = draw.number(2, 6) if draw.number(0, 3) == 0 and not cut else 1
    depth, outputs, kernel = draw.number(1, 9), groups * draw.number(1, 4), (draw.number(1, 4), draw.number(1, 4))
    attrs = conv_attrs(draw)
    layers, weight = Layers(draw, "CONV_2D", attrs), normal(draw, (outputs, *kernel, depth))
    layers.add((*image(draw, kernel, attrs), groups * depth), weight, outputs)
    for _ in range(2 * cut):
        rows, high, wide, columns = (draw.number(1, n) for n in weight.shape)
        shape = (*image(draw, (high, wide), attrs), columns)
        layers.add(shape, weight[:rows, :high, :wide, :columns].copy(), rows)
    return layers.graph()


def depthwise(draw: Draw, cut: bool = False) -> Graph:
    """A float32 depthwise convolution; cut ones have the weights of the first channels."""
    channels, times, kernel = draw.number(1, 7), draw.number(1, 2), (draw.number(1, 4), draw.number(1, 4))
    base = conv_attrs(draw)
    strides = (base.stride_h, base.stride_w, base.dilation_h, base.dilation_w)
    attrs = DepthwiseConv2D(base.padding, *strides, times, base.activation)
    layers, weight = Layers(draw, "DEPTHWISE_CONV_2D", attrs), normal(draw, (1, *kernel, channels * times))
    for kept in [channels, *(draw.number(1, channels) for _ in range(2 * cut))]:
        shape = (*image(draw, kernel, base), kept)
        layers.add(shape, weight[..., : kept * times].copy(), kept * times)
    return layers.graph()


def dense(draw: Draw, cut: bool = False) -> Graph:
    """A float32 dense layer; cut ones have the first columns, of the whole or of every pixel of an image."""
    pixels, depth, outputs = draw.number(1, 5), _GROUP * draw.number(1, 4), draw.number(1, 9)
    attrs = FullyConnected(draw.is_so(), _ACTIVATIONS[draw.number(0, 3)])
    layers, weight = Layers(draw, "FULLY_CONNECTED", attrs), normal(draw, (outputs, pixels * depth))
    layers.add((draw.number(1, 3), weight.shape[1]), weight, outputs)
    for _ in range(2 * cut):
        kept, rows = _GROUP * draw.number(1, depth // _GROUP), draw.number(1, outputs)
        part = weight.reshape(outputs, pixels, depth)[:rows, :, :kept].reshape(rows, -1).copy()
        layers.add((draw.number(1, 3), part.shape[1]), part, rows)
    return layers.graph()


def transpose_conv(draw: Draw, cut: bool = False, dtype: DType = DType.FLOAT32) -> Graph:
    """A transposed convolution; cut ones have fewer of the weights along every axis."""
    depth, outputs, kernel = draw.number(1, 9), draw.number(1, 5), (draw.number(1, 5), draw.number(1, 5))
    strides = (draw.number(1, 3), draw.number(1, 3))
    attrs = TransposeConv(_PADDINGS[draw.number(0, 1)], *strides, _ACTIVATIONS[draw.number(0, 3)])
    weight = normal(draw, (outputs, *kernel, depth))
    if dtype is DType.INT8:
        weight = draw.random.integers(-127, 128, weight.shape, np.int8)
    layers = Layers(draw, "TRANSPOSE_CONV", attrs, dtype)
    for shape in [weight.shape, *(tuple(draw.number(1, n) for n in weight.shape) for _ in range(2 * cut))]:
        rows, *reach, columns = shape
        size = [draw.number(1, 6) + (n if attrs.padding is Padding.VALID else 0) for n in reach]
        small = [
            count_windows(n, k, stride, 1, attrs.padding) for n, k, stride in zip(size, reach, strides, strict=True)
        ]
        batch, part = draw.number(1, 2), weight[tuple(map(slice, shape))].copy()
        layers.add((batch, *small, columns), part, rows, size=(batch, *size, rows))
    return layers.graph()


LAYERS: dict[str, Callable[..., Graph]] = {"conv": conv, "depthwise": depthwise, "dense": dense}
