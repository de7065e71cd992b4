"""Recurrent layers with seeded random weights, and networks of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np

from redsc.ir import GATES, LSTM, SVDF, Activation, Array, DType, Graph, Lstm, Quant, Shape, Svdf, Value
from tests.helpers import NetBuilder

__all__ = ["lstm", "recurrent_net", "svdf"]


def svdf(
    net: NetBuilder, source: Value, units: int, *, rank: int = 2, memory: int = 5, time: DType = DType.INT16
) -> Value:
    """Add an SVDF; an int8 one keeps its products in the type of its time weights."""
    filters, depth = units * rank, source.type.shape[-1]
    feature = _weight(net, f"svdf{net.layers}.feature", (filters, depth))
    if net.dtype is DType.FLOAT32:
        weights = _weight(net, f"svdf{net.layers}.time", (filters, memory))
        return _add(net, SVDF, [source, feature, weights, _bias(net, "svdf", units, None)], Svdf(rank))
    reach = 127 if time is DType.INT8 else 32767
    data = net.random.integers(-reach, reach + 1, (filters, memory), time.numpy)
    weights = net.builder.constant(f"svdf{net.layers}.time", data, Quant.per_tensor(1 / reach))
    state, point = Quant.per_tensor(4 / reach).scale, 7 if time is DType.INT8 else 0
    bias = _bias(net, "svdf", units, state * Quant.per_tensor(1 / reach).scale)
    attrs = Svdf(rank, Activation.RELU, state, point)  # LiteRT takes no other activation
    return _add(net, SVDF, [source, feature, weights, bias], attrs, 1 / 16)


def lstm(net: NetBuilder, source: Value, units: int, *, bits: int = 11, **attrs: Any) -> Value:
    """Add an LSTM over axis 1, or axis 0 where it is `time_major`; the cell of int8 has `bits` behind the point."""
    name, depth, is_float = f"lstm{net.layers}", source.type.shape[-1], net.dtype is DType.FLOAT32
    weights = [_weight(net, f"{name}.{gate}", (units, depth)) for gate in GATES]
    again = [_weight(net, f"{name}.{gate}.again", (units, units)) for gate in GATES]
    biases = [_bias(net, f"{name}.{gate}", units, None if is_float else 1e-4) for gate in GATES]
    cell = Lstm(cell_scale=1.0 if is_float else 2.0**-bits, **attrs)
    return _add(net, LSTM, [source, *weights, *again, *biases], cell, 1 / 100)


def recurrent_net(dtype: DType = DType.INT8, time: DType = DType.INT16) -> Graph:
    """Dense layers whose channels are free before an SVDF and before an LSTM."""
    net = NetBuilder(dtype)
    x = net.dense(net.input(1, 6), 40, activation=Activation.RELU)
    x = net.dense(svdf(net, x, 12, time=time), 48)
    x = lstm(net, net.reshape(x, 1, 1, 48), 10, cell_clip=6.0)
    return net.outputs(net.dense(net.reshape(x, 1, 10), 4))


def _add(net: NetBuilder, op: str, inputs: Sequence[Value], attrs: Any, scale: float = 0.0) -> Value:
    quant = None if net.dtype is DType.FLOAT32 else Quant.per_tensor(scale, 3)
    name, net.layers = f"{op.lower()}{net.layers}", net.layers + 1
    return net.builder.op(op, *inputs, attrs=attrs, name=name, quant=quant, origin=[name])


def _weight(net: NetBuilder, name: str, shape: Shape) -> Value:
    if net.dtype is DType.FLOAT32:
        real: Array = (net.random.standard_normal(shape) / sqrt(shape[1])).astype(np.float32)
        return net.builder.constant(name, real)
    scale = net.random.uniform(1, 2) / (73 * sqrt(shape[1]))
    return net.builder.constant(name, net.random.integers(-127, 128, shape, np.int8), Quant.per_tensor(scale))


def _bias(net: NetBuilder, name: str, units: int, scale: float | None) -> Value:
    if scale is None:
        return net.builder.constant(f"{name}{net.layers}.bias", net.random.standard_normal(units, np.float32))
    reach = int(0.5 / scale)
    data = net.random.integers(-reach, reach, units, np.int32)
    return net.builder.constant(f"{name}{net.layers}.bias", data, Quant.per_tensor(scale))
