"""Weights and biases behind DequantizeLinear: real numbers, and the int8 form on the axis of their channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from redsc.errors import UnsupportedError
from redsc.ir import Array, Quant
from tests.formats.onnx.models import floats, make_node, ops, read, weights
from tests.formats.onnx.qdq_models import CHANNELS, SCALE, WQ, conv, dequantized, i8, net, pair, scalar, u8


def test_weights_per_channel() -> None:
    graph = conv(dequantized(axis=0), wq=WQ, ws=CHANNELS, wz=i8(0, 0, 0, 0))
    assert ops(graph) == "CONV_2D"
    weight = graph.nodes[0].operand(1)
    assert weight.type.quant == Quant(tuple(CHANNELS.tolist()), (0,), 0)
    assert weight.data is not None
    np.testing.assert_allclose(weight.data[3].transpose(2, 0, 1), WQ[3] * CHANNELS[3], rtol=1e-6)


def test_weights_per_tensor() -> None:
    weight = conv(dequantized(), wq=WQ, ws=scalar(0.02), wz=i8(0)).nodes[0].operand(1)
    assert weight.type.quant == Quant.per_tensor(0.02)


def test_weights_of_a_depthwise_convolution_have_their_channels_last() -> None:
    nodes = [*pair("x", "a"), *dequantized(axis=0), "y = Conv<group=3>(a, w)"]
    graph = read(net(nodes, wq=WQ[:3, :1], ws=CHANNELS[:3], wz=i8(0, 0, 0)))
    assert graph.nodes[0].operand(1).type.quant == Quant(tuple(CHANNELS[:3].tolist()), (0,), 3)


def test_weights_of_a_transposed_convolution_have_theirs_on_axis_1() -> None:
    nodes = [*pair("x", "a"), *dequantized(axis=1), "y = ConvTranspose(a, w)"]
    graph = read(net(nodes, wq=WQ.transpose(1, 0, 2, 3), ws=CHANNELS, wz=i8(0, 0, 0, 0)))
    assert graph.nodes[0].operand(1).type.quant == Quant(tuple(CHANNELS.tolist()), (0,), 0)


@pytest.mark.parametrize(
    ("op", "turned", "axis", "kept"), [("MatMul", 0, 1, True), ("Gemm", 1, 0, True), ("Gemm", 0, 0, False)]
)
def test_weights_of_dense_layers(op: str, turned: int, axis: int, kept: bool) -> None:
    """The weights are square, so that only the axis tells for what the scales are."""
    fields = {"transB": 1} if turned else {}
    nodes = [*pair("x", "a"), *dequantized(axis=axis), make_node(op, ["a", "w"], ["y"], **fields)]
    graph = read(
        net(
            nodes,
            inputs={"x": [2, 4]},
            wq=WQ[:4, 0, 0, :1] @ WQ[:1, 0, 0, :1].repeat(4, 1),
            ws=CHANNELS,
            wz=i8(0, 0, 0, 0),
        )
    )
    assert graph.nodes[0].operand(1).type.quant == (Quant(tuple(CHANNELS.tolist()), (0,), 0) if kept else None)


def test_weights_that_are_scaled_lose_their_int8_form() -> None:
    nodes = [*pair("x", "a"), *dequantized(), "y = Gemm<alpha=0.5>(a, w)"]
    graph = read(net(nodes, inputs={"x": [2, 4]}, wq=WQ[:, 0, 0, :], ws=scalar(0.5), wz=i8(0)))
    assert graph.nodes[0].operand(1).type.quant is None


def test_float_weights_behind_a_pair_are_rounded() -> None:
    graph = conv(pair("f", "w", "ws", "wz"), f=weights(4, 3, 3, 3), ws=scalar(0.02), wz=i8(0))
    data = graph.nodes[0].operand(1).data
    assert data is not None
    np.testing.assert_allclose(data / 0.02, np.round(data / 0.02), atol=1e-3)
    assert graph.nodes[0].operand(1).type.quant == Quant.per_tensor(0.02)


def test_uint8_weights_around_128_are_int8() -> None:
    weight = (
        conv(dequantized(), wq=(WQ.astype(int) + 128).astype(np.uint8), ws=scalar(0.02), wz=u8(128))
        .nodes[0]
        .operand(1)
    )
    assert weight.type.quant == Quant.per_tensor(0.02)


def test_asymmetric_weights_are_real_numbers_only() -> None:
    weight = conv(dequantized(), wq=WQ.view(np.uint8), ws=scalar(0.02), wz=u8(100)).nodes[0].operand(1)
    assert weight.type.quant is None


@pytest.mark.parametrize("quantised", [True, False])
def test_a_bias(quantised: bool) -> None:
    numbers: Array = np.array([100, -200, 300, 0], np.int32)
    bias = ["b = DequantizeLinear<axis=0>(bq, bs)"] if quantised else []
    real: dict[str, Any] = (
        {"bq": numbers, "bs": CHANNELS * np.float32(SCALE)} if quantised else {"b": floats(1, 2, 3, 4)}
    )
    graph = conv([*dequantized(axis=0), *bias], "b", wq=WQ, ws=CHANNELS, wz=i8(0, 0, 0, 0), **real)
    data = graph.nodes[0].operand(2).data
    wanted = numbers * CHANNELS * SCALE if quantised else floats(1, 2, 3, 4)
    assert data is not None
    np.testing.assert_allclose(data, wanted, rtol=1e-6)


def test_axes_of_scales_must_fit() -> None:
    with pytest.raises(UnsupportedError, match=r"it has scales of the shape \[3\]"):
        conv(dequantized(axis=0), wq=WQ, ws=CHANNELS[:3], wz=i8(0, 0, 0))
