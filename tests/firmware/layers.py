"""Random layers over a part of a shared weight array, each with its stock twin on a dense copy of that part."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import frexp, prod, sqrt
from typing import Any

import numpy as np

from redsc.formats import write_tflite
from redsc.formats.tflite.custom import decode_options
from redsc.ir import Activation, Array, Conv2D, DType, FullyConnected, Graph, GraphBuilder, Padding, Quant, Value
from redsc.runtime import tflm

__all__ = [
    "FLOAT_MAX",
    "Layer",
    "Run",
    "conv_layer",
    "dense_layer",
    "expected_output",
    "layers",
    "pack_options",
    "strided_graph",
]

FLOAT_MAX = float(np.finfo(np.float32).max)
ACTIVATIONS = tuple(Activation)
_ARENA_BYTES = 1 << 20
_CLAMPS: dict[Activation, tuple[float | None, float | None]] = {
    Activation.NONE: (None, None),
    Activation.RELU: (0.0, None),
    Activation.RELU_N1_TO_1: (-1.0, 1.0),
    Activation.RELU6: (0.0, 6.0),
}


@dataclass(frozen=True, slots=True)
class Run:
    """Elements `start + n * stride ... + length - 1` of a weight row, for n below `count`."""

    start: int
    length: int
    count: int
    stride: int

    def elements(self) -> list[int]:
        return [self.start + n * self.stride + k for n in range(self.count) for k in range(self.length)]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """What a kernel gets, and the stock layer that computes the same."""

    op: str
    dtype: DType
    options: bytes
    x: Array
    weight: Array
    parameters: Array
    y_shape: tuple[int, ...]
    stock: Graph

    def inputs(self) -> tuple[Array, Array, Array]:
        return self.x, self.weight, self.parameters


def pack_options(
    dtype: DType,
    runs: Sequence[Run],
    clamp: tuple[float, float],
    *,
    attrs: Conv2D | FullyConnected,
    has_bias: bool,
    pads: tuple[int, int] = (0, 0),
    points: tuple[int, int] = (0, 0),
) -> bytes:
    """Return the custom options of a layer; the offsets are those of the contract in redsc_kernels.h."""
    is_int8 = dtype is DType.INT8
    window = attrs if isinstance(attrs, Conv2D) else Conv2D()
    keeps = isinstance(attrs, FullyConnected) and attrs.keep_num_dims
    flags = has_bias + 2 * keeps
    codes = (1, int(is_int8), int(window.padding is Padding.VALID), ACTIVATIONS.index(attrs.activation), flags)
    strides = (window.stride_h, window.stride_w, window.dilation_h, window.dilation_w)
    limits = struct.pack("<ii" if is_int8 else "<ff", *clamp)
    head = struct.pack("<5B3x4H2H2i", *codes, *strides, *pads, *points) + limits
    return b"".join(
        (
            head,
            struct.pack("<I", len(runs)),
            *(struct.pack("<4I", r.start, r.length, r.count, r.stride) for r in runs),
        )
    )


def expected_output(layer: Layer) -> Array:
    """Return what the stock kernel of TFLM's interpreter makes of the layer's input."""
    return tflm.run(write_tflite(layer.stock), [[layer.x]], _ARENA_BYTES)[0][0]


def strided_graph(layer: Layer) -> Graph:
    """Return the graph of redsc's own op that the layer stands for."""
    op, builder = f"REDSC_{layer.op}", GraphBuilder()
    quants = [value.type.quant for value in (layer.stock.inputs[0], layer.stock.outputs[0])]
    operands = [builder.input("x", layer.x.shape, layer.dtype, quants[0])]
    operands += [builder.constant(name, array) for name, array in zip(("w", "p"), layer.inputs()[1:], strict=True)]
    return builder.output(builder.op(op, *operands, attrs=decode_options(op, layer.options), quant=quants[1]))


@cache
def layers() -> tuple[Layer, ...]:
    """Return the layers that every machine runs."""
    make = [(conv_layer, DType.INT8, 60), (dense_layer, DType.INT8, 30)]
    make += [(conv_layer, DType.FLOAT32, 20), (dense_layer, DType.FLOAT32, 15), (pointwise_layer, DType.INT8, 20)]
    return tuple(function(dtype, seed) for function, dtype, count in make for seed in range(count))


def conv_layer(dtype: DType, seed: int) -> Layer:
    """Return a random convolution: kernels 1 to 5, strides 1 to 3, dilations 1 to 3."""
    return _conv_layer(dtype, seed, 5, 3)


def pointwise_layer(dtype: DType, seed: int) -> Layer:
    """Return a random 1x1 convolution whose windows are the pixels of its input."""
    return _conv_layer(dtype, seed, 1, 1)


def _conv_layer(dtype: DType, seed: int, most_kernel: int, most_step: int) -> Layer:
    draw = _Draw(dtype, seed)
    steps = dict(
        zip(("stride_h", "stride_w", "dilation_h", "dilation_w"), draw.wholes(1, most_step + 1, 4), strict=True)
    )
    attrs = Conv2D(draw.choice((Padding.SAME, Padding.VALID)), activation=ACTIVATIONS[seed % 4], **steps)
    kernel = draw.wholes(1, most_kernel + 1, 2)
    reach = [(size - 1) * step + 1 for size, step in zip(kernel, (attrs.dilation_h, attrs.dilation_w), strict=True)]
    # With SAME the image may be smaller than the kernel: some taps then never meet it.
    least = reach if attrs.padding is Padding.VALID else (1, 1)
    image = [low + draw.whole(0, 6) for low in least]
    pads = [
        _pad_before(size, step, far, attrs.padding)
        for size, step, far in zip(image, (attrs.stride_h, attrs.stride_w), reach, strict=True)
    ]
    runs, row_depth = draw.runs()
    depth = sum(len(run.elements()) for run in runs)
    x = draw.activation(draw.whole(1, 3), *image, depth)
    return draw.layer("CONV_2D", attrs, x, (*kernel, row_depth), runs, (pads[0], pads[1]))


def dense_layer(dtype: DType, seed: int) -> Layer:
    """Return a random dense layer with one or more rows; every third keeps the dimensions of its input."""
    draw = _Draw(dtype, seed)
    keeps = seed % 3 == 0
    attrs = FullyConnected(keeps, ACTIVATIONS[seed % 4])
    runs, row_depth = draw.runs()
    depth = sum(len(run.elements()) for run in runs)
    rows = draw.wholes(1, 4, 2 if keeps else 1)
    return draw.layer("FULLY_CONNECTED", attrs, draw.activation(*rows, depth), (row_depth,), runs, (0, 0))


class _Draw:
    """Draws the parts of one layer from a seed."""

    def __init__(self, dtype: DType, seed: int) -> None:
        self.dtype = dtype
        self.is_int8 = dtype is DType.INT8
        self.random = np.random.default_rng([seed, self.is_int8])
        self.points = (self.whole(-128, 128), self.whole(-128, 128)) if self.is_int8 else (0, 0)
        self.scales = self.random.uniform(0.01, 0.1, 2).astype(np.float32)
        self.is_tied = self.whole(0, 4) == 0
        if self.is_tied:
            self.scales = np.exp2(self.random.integers(-6, -3, 2)).astype(np.float32)

    def whole(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high))

    def wholes(self, low: int, high: int, count: int) -> list[int]:
        return [self.whole(low, high) for _ in range(count)]

    def choice(self, items: Sequence[Any]) -> Any:
        return items[self.whole(0, len(items))]

    def runs(self) -> tuple[list[Run], int]:
        """Return runs as slicing makes them, and the depth of the shared row."""
        kept, full, pixels = self.whole(1, 24), 24 + self.whole(0, 9), self.whole(2, 6)
        second = full + self.whole(0, 5)
        made = (
            ([Run(0, kept, 1, full)], full),
            ([Run(self.whole(0, full - kept + 1), kept, 1, full)], full),
            ([Run(0, kept, pixels, full)], full * pixels),
            ([Run(0, kept, 1, full), Run(second, 1 + kept // 2, 1, full)], second + kept),
            ([Run(0, 1, pixels, 3), Run(3 * pixels, kept, 2, full), Run(1, 2, 1, 2)], 3 * pixels + 2 * full),
        )
        chosen: tuple[list[Run], int] = self.choice((made[0], *made))
        return chosen

    def activation(self, *shape: int) -> Array:
        return self.array(-128, shape)

    def array(self, low: int, shape: Sequence[int]) -> Array:
        if self.is_int8:
            return self.random.integers(low, 128, shape, np.int8)
        return self.random.standard_normal(shape).astype(np.float32)

    def layer(
        self, op: str, attrs: Conv2D | FullyConnected, x: Array, row: Sequence[int], runs: list[Run], pads: Any
    ) -> Layer:
        """Return a layer whose weight rows have the shape `row`, of which the runs take a part."""
        channels = self.whole(1, 12)
        weight = self.array(-127, (channels, *row))
        taken = np.ascontiguousarray(weight[..., [i for run in runs for i in run.elements()]])
        # 73 is the deviation of uniform int8: the sums then fill the output. Some saturate it, some shift left.
        gain = self.random.uniform(0.2, 2.0) * self.choice((1, 1, 1, 1, 40, 3000))
        count = channels if op == "CONV_2D" or self.whole(0, 2) else 1
        filters = gain * self.random.uniform(0.5, 1.5, count) / (73 * sqrt(prod(taken.shape[1:])))
        if self.is_tied:  # powers of two: many sums then lie halfway between two steps of the output
            filters = np.exp2(np.round(np.log2(filters)))
        filters = filters.astype(np.float32)
        has_bias = self.whole(0, 4) > 0
        stock, y_shape = self._stock(op, attrs, x, taken, filters, has_bias)
        bias = stock.nodes[0].operand(2).data if has_bias else np.zeros(channels, np.int32)
        assert bias is not None
        options = pack_options(
            self.dtype,
            runs,
            self._clamp(attrs.activation),
            attrs=attrs,
            has_bias=has_bias,
            pads=pads,
            points=self.points,
        )
        return Layer(op, self.dtype, options, x, weight, self._parameters(op, bias, filters), y_shape, stock)

    def _stock(
        self, op: str, attrs: Any, x: Array, taken: Array, filters: Array, has_bias: bool
    ) -> tuple[Graph, tuple[int, ...]]:
        builder = GraphBuilder()
        quants: list[Any] = [None, None, None]
        channels = len(taken)
        bias: Array = self.random.standard_normal(channels).astype(np.float32)
        if self.is_int8:
            bias = self.random.integers(-3000, 3000, channels, np.int32)
            points = (0,) * len(filters)
            products = (filters * self.scales[0]).astype(np.float32)
            quants = [
                Quant.per_tensor(float(self.scales[0]), self.points[0]),
                Quant(tuple(filters.tolist()), points),
                Quant(tuple(products.tolist()), points),
            ]
        operands: list[Value] = [
            builder.input("x", x.shape, self.dtype, quants[0]),
            builder.constant("weight", taken, quants[1]),
        ]
        if has_bias:
            operands.append(builder.constant("bias", bias, quants[2]))
        quant = Quant.per_tensor(float(self.scales[1]), self.points[1]) if self.is_int8 else None
        y = builder.op(op, *operands, attrs=attrs, quant=quant)
        return builder.output(y), y.type.shape

    def _parameters(self, op: str, bias: Array, filters: Array) -> Array:
        if not self.is_int8:
            return bias.astype(np.float32)[np.newaxis]
        source, result = (float(scale) for scale in self.scales)
        products = [source * float(scale) for scale in filters]
        if op == "FULLY_CONNECTED" and len(filters) == 1:
            # TFLite multiplies these two in float32 (GetQuantizedConvolutionMultipler, kernels/kernel_util.cc).
            products = [float(self.scales[0] * filters[0])]
        pairs = [quantize_multiplier(product / result) for product in products]
        columns = np.array(pairs if len(pairs) == len(bias) else pairs * len(bias), np.int32)
        return np.concatenate([bias[np.newaxis].astype(np.int32), columns.T])

    def _clamp(self, activation: Activation) -> tuple[float, float]:
        low, high = _CLAMPS[activation]
        if not self.is_int8:
            return (-FLOAT_MAX if low is None else low, FLOAT_MAX if high is None else high)
        return (
            -128 if low is None else max(-128, self._quantized(low)),
            127 if high is None else min(127, self._quantized(high)),
        )

    def _quantized(self, real: float) -> int:
        """Return a bound in steps of the output (CalculateActivationRangeQuantized, kernels/kernel_util.cc)."""
        steps = float(np.float32(real) / self.scales[1])
        return self.points[1] + int(np.copysign(np.floor(abs(steps) + 0.5), steps))


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Return (multiplier, shift) with real = multiplier * 2**(shift - 31), as TFLite's QuantizeMultiplier does.

    Source: tensorflow/lite/kernels/internal/quantization_util.cc.
    """
    mantissa, exponent = frexp(real)
    multiplier = int(np.floor(mantissa * 2**31 + 0.5))
    return (multiplier // 2, exponent + 1) if multiplier == 2**31 else (multiplier, exponent)


def _pad_before(size: int, stride: int, reach: int, padding: Padding) -> int:
    """Return the padding before an axis (ComputePaddingWithOffset, kernels/padding.h)."""
    if padding is Padding.VALID:
        return 0
    out = -(-size // stride)
    return int(max((out - 1) * stride + reach - size, 0)) // 2
