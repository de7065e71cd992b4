"""Hypothesis strategies: random legal graphs, and random buffers for the arena."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from redsc.cost.buffer import ALIGNMENT_BYTES, Buffer
from redsc.cost.liveness import LiveRange
from redsc.ir import Activation, DType, Graph, Padding, Value
from tests.helpers import NetBuilder

DTYPES = st.sampled_from([DType.FLOAT32, DType.INT8])
PADDINGS = st.sampled_from(list(Padding))
ACTIVATIONS = st.sampled_from([Activation.NONE, Activation.RELU, Activation.RELU6])

Layer = Callable[[DrawFn, NetBuilder, Value], Value]


@st.composite
def graphs(draw: DrawFn, dtype: DType | None = None, *, dense_head: bool = True) -> Graph:
    """Return a chain of image layers with residual branches, then perhaps a dense head; one or two outputs."""
    net = NetBuilder(dtype or draw(DTYPES), draw(st.integers(0, 999)))
    size, channels = st.integers(3, 7), st.integers(1, 5)
    value = net.input(1, draw(size), draw(size), draw(channels))
    made = [value]
    for layer in draw(st.lists(st.sampled_from(_LAYERS), min_size=1, max_size=5)):
        value = layer(draw, net, value)
        made.append(value)
    if dense_head and draw(st.booleans()):
        flat = net.reshape(value, 1, prod(value.type.shape)) if draw(st.booleans()) else value
        value = net.dense(net.dense(flat, draw(st.integers(1, 6))), 3)
    second = [item for item in made[1:-1] if item is not value and draw(st.booleans())]
    return net.outputs(value, *second[:1])


def _window(draw: DrawFn, value: Value, kernel: int, dilation: int) -> dict[str, object]:
    """Return padding, strides and dilation that fit the image."""
    _, height, width, _ = value.type.shape
    fits = min(height, width) >= (kernel - 1) * dilation + 1
    stride = 1 if dilation > 1 else draw(st.integers(1, 2))
    return {
        "padding": draw(PADDINGS) if fits else Padding.SAME,
        "stride_h": stride,
        "stride_w": draw(st.integers(1, 2)) if stride > 1 else 1,
        "dilation_h": dilation,
        "dilation_w": dilation,
        "activation": draw(ACTIVATIONS),
    }


def _conv(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    kernel, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    return net.conv(value, draw(st.integers(1, 6)), kernel, **_window(draw, value, kernel, dilation))


def _depthwise(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    kernel = draw(st.integers(1, 3))
    return net.depthwise(value, kernel, draw(st.integers(1, 2)), **_window(draw, value, kernel, 1))


def _pool(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    op = draw(st.sampled_from(["MAX_POOL_2D", "AVERAGE_POOL_2D"]))
    fits = min(value.type.shape[1:3]) >= 2
    return net.pool(value, op, 2, padding=draw(PADDINGS) if fits else Padding.SAME)


def _residual(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    inner = net.conv(value, draw(st.integers(1, 6)))
    return net.add(value, net.conv(inner, value.type.shape[-1], 1), activation=draw(ACTIVATIONS))


def _unary(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    return net.unary(draw(st.sampled_from(["RELU", "RELU6", "LEAKY_RELU"])), value)


def _pad(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    amount = st.tuples(st.integers(0, 2), st.integers(0, 2))
    return net.pad(value, (0, 0), draw(amount), draw(amount), (0, 0))


def _transpose_conv(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    return net.transpose_conv(value, draw(st.integers(1, 5)), draw(st.integers(1, 3)), activation=draw(ACTIVATIONS))


def _branches(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    """Two branches side by side, perhaps taken apart again."""
    left, right = (net.conv(value, draw(st.integers(1, 4)), 1) for _ in range(2))
    joined = net.concat(left, right, value) if draw(st.booleans()) else net.concat(left, right)
    if draw(st.booleans()):
        return joined
    sizes = (left.type.shape[-1], joined.type.shape[-1] - left.type.shape[-1])
    return net.conv(net.split_v(joined, *sizes)[draw(st.integers(0, 1))], 3, 1)


def _gate(_draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    return net.gate(value)


def _binary(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    other = net.conv(value, draw(st.sampled_from([1, value.type.shape[-1]])), 1)
    return net.node(draw(st.sampled_from(["SUB", "MUL", "MAXIMUM", "MINIMUM"])), value, other)


def _activation(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    op = draw(st.sampled_from(["PRELU", "LOGISTIC", "TANH", "HARD_SWISH"]))
    return net.prelu(value) if op == "PRELU" else net.node(op, value)


def _resize(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    op = draw(st.sampled_from(["RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"]))
    return net.node(op, value, np.array([draw(st.integers(2, 9)), draw(st.integers(2, 9))], np.int32))


def _part(draw: DrawFn, net: NetBuilder, value: Value) -> Value:
    """Take every or every second row and column, and all channels or the first one."""
    shape = value.type.shape
    step, channels = draw(st.integers(1, 2)), draw(st.sampled_from([1, shape[-1]]))
    begin, end = np.zeros(4, np.int32), np.array([*shape[:-1], channels], np.int32)
    if draw(st.booleans()):
        return net.node("SLICE", value, begin, end)
    return net.node("STRIDED_SLICE", value, begin, end, np.array([1, step, step, 1], np.int32))


_LAYERS: list[Layer] = [_conv, _depthwise, _pool, _residual, _unary, _pad]
_LAYERS += [_transpose_conv, _branches, _gate, _binary, _activation, _resize, _part]


@st.composite
def buffers(draw: DrawFn, most: int = 12) -> list[Buffer]:
    """Return up to `most` buffers with random sizes and live ranges, some of them equal."""
    found = []
    for index in range(draw(st.integers(0, most))):
        start = draw(st.integers(-1, 8))
        live = LiveRange(start, start + draw(st.integers(1, 5)))
        found.append(Buffer(f"b{index}", ALIGNMENT_BYTES * draw(st.integers(0, 6)), live))
    return found
