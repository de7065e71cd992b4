"""Small networks with seeded random weights, and samples for them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt
from typing import Any

import numpy as np

from redsc.cost.latency import LatencyTable
from redsc.ir import (
    NO_ATTRS,
    OPS,
    Activation,
    Add,
    Array,
    Conv2D,
    DepthwiseConv2D,
    DType,
    FullyConnected,
    Graph,
    GraphBuilder,
    LeakyRelu,
    Mean,
    Padding,
    Pool2D,
    Quant,
    Reshape,
    Softmax,
    TransposeConv,
    Value,
)
from redsc.ir.rules import Fixed, SameInputScales, SameScale
from redsc.runtime.compare import random_samples
from redsc.targets import find_target, tables_of


def latency_table(library: str = "cmsis-nn") -> LatencyTable:
    """Return what is known of a kernel library on the board of MLPerf Tiny that has most results."""
    target = find_target(f"nucleo-l4r5zi/{library}")
    return next(LatencyTable(target, costs) for costs in tables_of(target) if costs.library == library)


class NetBuilder:
    """Adds layers with seeded random weights; in int8 every value gets a legal scale that does not saturate."""

    def __init__(self, dtype: DType = DType.INT8, seed: int = 0) -> None:
        self.dtype = dtype
        self.random = np.random.default_rng(seed)
        self.builder = GraphBuilder()
        self.layers = 0

    def input(self, *shape: int, name: str = "x") -> Value:
        return self.builder.input(name, shape, self.dtype, self._activation_quant(0.05))

    def conv(self, source: Value, channels: int, kernel: int = 3, **attrs: Any) -> Value:
        shape = (channels, kernel, kernel, source.type.shape[-1])
        return self._linear("CONV_2D", source, shape, 0, Conv2D(**attrs))

    def depthwise(self, source: Value, kernel: int = 3, multiplier: int = 1, **attrs: Any) -> Value:
        shape = (1, kernel, kernel, source.type.shape[-1] * multiplier)
        return self._linear(
            "DEPTHWISE_CONV_2D", source, shape, 3, DepthwiseConv2D(depth_multiplier=multiplier, **attrs)
        )

    def dense(self, source: Value, units: int, **attrs: Any) -> Value:
        shape = (units, prod(source.type.shape[1:]))
        return self._linear("FULLY_CONNECTED", source, shape, None, FullyConnected(**attrs))

    def pool(self, source: Value, op: str = "MAX_POOL_2D", size: int = 2, **attrs: Any) -> Value:
        window = {"filter_h": size, "filter_w": size, "stride_h": size, "stride_w": size, **attrs}
        return self._add(op, source, attrs=Pool2D(**window), quant=source.type.quant)

    def add(self, left: Value, right: Value, **attrs: Any) -> Value:
        return self._add("ADD", left, right, attrs=Add(**attrs), quant=self._activation_quant(_scale(left) * 1.5))

    def unary(self, op: str, source: Value) -> Value:
        attrs = LeakyRelu(0.25) if op == "LEAKY_RELU" else NO_ATTRS
        return self._add(op, source, attrs=attrs, quant=source.type.quant)

    def pad(self, source: Value, *amounts: tuple[int, int]) -> Value:
        paddings = self.builder.constant(f"paddings{self.layers}", np.array(amounts, np.int32))
        return self._add("PAD", source, paddings, quant=source.type.quant)

    def mean(self, source: Value, *axes: int, keep_dims: bool = False) -> Value:
        constant = self.builder.constant(f"axes{self.layers}", np.array(axes, np.int32))
        return self._add("MEAN", source, constant, attrs=Mean(keep_dims), quant=source.type.quant)

    def reshape(self, source: Value, *shape: int) -> Value:
        return self._add("RESHAPE", source, attrs=Reshape(shape), quant=source.type.quant)

    def softmax(self, source: Value) -> Value:
        quant = Quant.per_tensor(1 / 256, -128) if self.dtype is DType.INT8 else None
        return self._add("SOFTMAX", source, attrs=Softmax(), quant=quant)

    def transpose_conv(self, source: Value, channels: int, kernel: int = 3, stride: int = 2, **attrs: Any) -> Value:
        attrs = {"stride_h": stride, "stride_w": stride, "padding": Padding.SAME, **attrs}
        batch, height, width, depth = source.type.shape
        size = self.builder.constant(
            f"size{self.layers}", np.array([batch, height * stride, width * stride, channels], np.int32)
        )
        shape = (channels, kernel, kernel, depth)
        return self._linear("TRANSPOSE_CONV", source, shape, 0, TransposeConv(**attrs), size)

    def prelu(self, source: Value) -> Value:
        shape = (1, 1, source.type.shape[-1])
        if self.dtype is DType.FLOAT32:
            alpha = self.builder.constant(f"alpha{self.layers}", self.random.random(shape, np.float32))
        else:
            data = self.random.integers(-127, 128, shape, np.int8)
            alpha = self.builder.constant(f"alpha{self.layers}", data, Quant.per_tensor(1 / 127))
        return self.node("PRELU", source, alpha)

    def gate(self, source: Value) -> Value:
        """Squeeze and excite: scale every channel by what the image's mean says."""
        channels = source.type.shape[-1]
        inner = self.dense(self.mean(source, 1, 2), max(channels // 2, 1), activation=Activation.RELU)
        weights = self.reshape(self.node("LOGISTIC", self.dense(inner, channels)), 1, 1, 1, channels)
        return self.node("MUL", source, weights)

    def concat(self, *sources: Value, axis: int = -1) -> Value:
        return self.node("CONCATENATION", *sources, axis=axis)

    def split(self, source: Value, count: int, axis: int = -1) -> tuple[Value, ...]:
        return self.nodes("SPLIT", np.array(axis, np.int32), source, pieces=count, num_splits=count)

    def split_v(self, source: Value, *sizes: int, axis: int = -1) -> tuple[Value, ...]:
        operands = (np.array(sizes, np.int32), np.array(axis, np.int32))
        return self.nodes("SPLIT_V", source, *operands, pieces=len(sizes), num_splits=len(sizes))

    def stream(self, frame: Value, count: int) -> Value:
        """Join a frame, along axis 1, with the `count` frames before it, which a variable keeps."""
        name, shape = f"stream{self.layers}", (1, count, *frame.type.shape[2:])
        start: Array = self.random.integers(-100, 100, shape, np.int8)
        if self.dtype is DType.FLOAT32:
            start = np.asarray(start / 50, np.float32)
        initial = self.builder.constant(f"{name}.start", start, frame.type.quant)
        before = self.node("READ_VARIABLE", initial, variable=name)
        joined = self.concat(before, frame, axis=1)
        kept = self.node("SLICE", joined, np.array([0, 1, 0, 0], np.int32), np.array(shape, np.int32))
        self.nodes("ASSIGN_VARIABLE", kept, pieces=0, variable=name)
        return joined

    def node(self, op: str, *operands: Value | Array, **attrs: Any) -> Value:
        """Add any op with one output; arrays become constants, and int8 scales obey the op's rule."""
        (output,) = self.nodes(op, *operands, **attrs)
        return output

    def nodes(self, op: str, *operands: Value | Array, pieces: int = 1, **attrs: Any) -> tuple[Value, ...]:
        """Add any op with `pieces` outputs."""
        name = f"{op.lower()}{self.layers}"
        values = [
            item if isinstance(item, Value) else self.builder.constant(f"{name}.{index}", item)
            for index, item in enumerate(operands)
        ]
        rule, data = OPS[op].quant, [item for item in values if item.type.quant]
        quant = data[0].type.quant if data else None
        if isinstance(rule, Fixed) and quant:
            quant = Quant.per_tensor(rule.scale, rule.zero_point)
        elif isinstance(rule, SameScale | SameInputScales) and quant:
            values = [self._requantized(item, quant) if item in data else item for item in values]
        elif op == "MUL" and quant:
            quant = self._activation_quant(_scale(values[0]) * _scale(values[1]) * 60)
        self.layers += 1
        names = [name if pieces == 1 else f"{name}.{index}" for index in range(pieces)]
        return self.builder.split_op(
            op, *values, attrs=OPS[op].attrs(**attrs), names=names, quant=quant, origin=[name]
        )

    def _requantized(self, source: Value, quant: Quant) -> Value:
        if source.type.quant == quant:
            return source
        self.layers += 1
        return self.builder.op("QUANTIZE", source, name=f"quantize{self.layers}", dtype=DType.INT8, quant=quant)

    def outputs(self, *values: Value) -> Graph:
        return self.builder.output(*values)

    def _linear(
        self, op: str, source: Value, shape: Sequence[int], axis: int | None, attrs: Any, size: Value | None = None
    ) -> Value:
        channels = shape[3] if op == "DEPTHWISE_CONV_2D" else shape[0]
        inputs = prod(shape) // channels
        if self.dtype is DType.FLOAT32:
            weight: Array = (self.random.standard_normal(shape) / sqrt(inputs)).astype(np.float32)
            bias: Array = self.random.standard_normal(channels).astype(np.float32)
            weight_quant = bias_quant = quant = None
        else:
            weight = self.random.integers(-127, 128, shape, np.int8)
            bias = self.random.integers(-3000, 3000, channels, np.int32)
            count = 1 if axis is None else channels
            # 73 is the deviation of uniform int8: sums then keep about the range of the input.
            scales = (self.random.uniform(0.5, 1.5, count) / (73 * sqrt(inputs))).astype(np.float32)
            weight_quant = Quant(tuple(scales.tolist()), (0,), axis if axis and count > 1 else 0)
            bias_quant = Quant(tuple((scales * np.float32(_scale(source))).tolist()), (0,))
            quant = self._activation_quant(_scale(source))
        name = f"{op.lower()}{self.layers}"
        weights = self.builder.constant(f"{name}.weight", weight, weight_quant)
        biases = self.builder.constant(f"{name}.bias", bias, bias_quant)
        operands = (source, weights, biases) if size is None else (size, weights, source, biases)
        return self._add(op, *operands, attrs=attrs, quant=quant)

    def _add(self, op: str, *inputs: Value, quant: Quant | None, attrs: Any = NO_ATTRS) -> Value:
        name = f"{op.lower()}{self.layers}"
        self.layers += 1
        return self.builder.op(op, *inputs, attrs=attrs, name=name, quant=quant, origin=[name])

    def _activation_quant(self, scale: float) -> Quant | None:
        if self.dtype is DType.FLOAT32:
            return None
        return Quant.per_tensor(scale * self.random.uniform(0.8, 1.2), int(self.random.integers(-40, 40)))


def small_net(dtype: DType = DType.INT8, seed: int = 0) -> Graph:
    """Convolution, depthwise, pool, flatten, dense: one of everything that carries channels."""
    net = NetBuilder(dtype, seed)
    x = net.input(1, 8, 8, 3)
    x = net.conv(x, 8, padding=Padding.SAME)
    x = net.unary("RELU", x)
    x = net.depthwise(x, padding=Padding.SAME)
    x = net.pool(net.conv(x, 12, 1), "AVERAGE_POOL_2D")
    return net.outputs(net.dense(net.reshape(x, 1, 192), 5))


def streaming_net(dtype: DType = DType.INT8, seed: int = 0) -> Graph:
    """Two windows over frames, whose channels are state, with layers between them whose channels are not."""
    net = NetBuilder(dtype, seed)
    x = net.input(1, 1, 1, 6)
    x = net.conv(net.stream(x, 2), 32, 1, activation=Activation.RELU)
    x = net.conv(net.pool(x, "AVERAGE_POOL_2D", filter_h=3, filter_w=1), 8, 1)
    x = net.conv(net.stream(x, 3), 40, 1, activation=Activation.RELU)
    x = net.conv(net.pool(x, "AVERAGE_POOL_2D", filter_h=4, filter_w=1), 24, 1)
    return net.outputs(net.dense(x, 4))


def residual_net(dtype: DType = DType.INT8, seed: int = 0) -> Graph:
    """Two convolutions joined by an addition."""
    net = NetBuilder(dtype, seed)
    stem = net.conv(net.input(1, 6, 6, 2), 6)
    branch = net.conv(net.conv(stem, 10), 6)
    joined = net.unary("RELU", net.add(stem, branch))
    return net.outputs(net.dense(net.pool(joined, "MAX_POOL_2D", 3), 4))


def samples_of(graph: Graph, count: int, seed: int = 0) -> Array:
    """Return random samples for a network of one input, as a data file has them."""
    return np.concatenate([row[0] for row in random_samples(graph, count, seed)])


def _scale(value: Value) -> float:
    return value.type.quant.scale if value.type.quant else 1.0
