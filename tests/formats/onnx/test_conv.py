"""Convolutions of every padding, stride, dilation and grouping, in onnxruntime and in LiteRT."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import Golden
from tests.formats.onnx.models import (
    Case,
    check_case,
    check_refusal,
    one,
    one_node,
    onnx_model,
    ops,
    read,
    weights,
)

W, B = weights(4, 3, 3, 3), weights(4)
IMAGE = [1, 3, 7, 6]
T, TB = weights(3, 4, 3, 2), weights(4)  # of a transposed convolution: input channels first

CONV: dict[str, Case] = {
    "bias": (one("Conv", IMAGE, W, B), "CONV_2D"),
    "no-bias": (one("Conv", IMAGE, W), "CONV_2D"),
    "bias-left-out": (one("Conv", IMAGE, W, None), "CONV_2D"),
    "batch": (one("Conv", [2, 3, 7, 6], W, B), "CONV_2D"),
    "same": (one("Conv", IMAGE, W, pads=[1] * 4), "CONV_2D"),
    "stride": (one("Conv", [1, 3, 7, 7], W, pads=[1] * 4, strides=[2, 2]), "CONV_2D"),
    "stride-over-an-even-size": (  # SAME pads an even size at the end only
        one("Conv", [1, 3, 8, 8], W, pads=[1] * 4, strides=[2, 2]),
        "PAD CONV_2D",
    ),
    "one-axis-same": (one("Conv", [1, 3, 7, 8], W, pads=[1] * 4, strides=[2, 2]), "PAD CONV_2D"),
    "uneven-pads": (one("Conv", IMAGE, W, pads=[0, 1, 2, 3], strides=[1, 2]), "PAD CONV_2D"),
    "dilated": (one("Conv", [1, 3, 9, 8], W, pads=[2, 3, 2, 3], dilations=[2, 3]), "CONV_2D"),
    "dilated-and-padded": (one("Conv", [1, 3, 9, 8], W, pads=[1, 1, 0, 0], dilations=[2, 1]), "PAD CONV_2D"),
    "auto-valid": (one("Conv", IMAGE, W, auto_pad="VALID"), "CONV_2D"),
    "auto-notset": (one("Conv", IMAGE, W, auto_pad="NOTSET", pads=[1] * 4), "CONV_2D"),
    "auto-upper": (one("Conv", [1, 3, 8, 6], W, auto_pad="SAME_UPPER", strides=[2, 2]), "CONV_2D"),
    "auto-lower": (one("Conv", [1, 3, 8, 6], W, auto_pad="SAME_LOWER", strides=[2, 2]), "PAD CONV_2D"),
    "auto-lower-even-pads": (one("Conv", IMAGE, W, auto_pad="SAME_LOWER"), "CONV_2D"),
    "even-kernel": (one("Conv", IMAGE, weights(4, 3, 2, 4), auto_pad="SAME_UPPER"), "CONV_2D"),
    "of-one-channel": (one("Conv", [1, 1, 7, 6], weights(8, 1, 3, 2), group=1), "CONV_2D"),
    "groups": (one("Conv", [1, 4, 7, 6], weights(6, 2, 3, 3), weights(6), group=2), "CONV_2D"),
    "depthwise": (one("Conv", [1, 4, 7, 6], weights(4, 1, 3, 3), B, group=4), "DEPTHWISE_CONV_2D"),
    "depthwise-multiplier": (one("Conv", [1, 4, 7, 6], weights(8, 1, 3, 2), group=4), "DEPTHWISE_CONV_2D"),
    "depthwise-dilated": (
        one("Conv", [1, 4, 9, 9], weights(4, 1, 3, 3), group=4, dilations=[2, 2]),
        "DEPTHWISE_CONV_2D",
    ),
    "sequence": (one("Conv", [1, 3, 12], weights(4, 3, 5), B, pads=[2, 2]), "CONV_2D"),
    "sequence-stride": (one("Conv", [1, 3, 12], weights(4, 3, 3), pads=[1, 1], strides=[2]), "PAD CONV_2D"),
    "sequence-dilated": (one("Conv", [1, 3, 16], weights(4, 3, 3), pads=[4, 0], dilations=[2]), "PAD CONV_2D"),
    "sequence-depthwise": (one("Conv", [1, 4, 12], weights(4, 1, 3), group=4), "DEPTHWISE_CONV_2D"),
}
TRANSPOSED: dict[str, Case] = {
    "valid": (one("ConvTranspose", IMAGE, T, TB), "TRANSPOSE_CONV"),
    "no-bias": (one("ConvTranspose", IMAGE, T), "TRANSPOSE_CONV"),
    "auto-valid": (one("ConvTranspose", IMAGE, T, auto_pad="VALID", strides=[2, 2]), "TRANSPOSE_CONV"),
    "stride": (one("ConvTranspose", IMAGE, T, TB, strides=[2, 2]), "TRANSPOSE_CONV"),
    "kernel-below-stride": (one("ConvTranspose", IMAGE, T, strides=[4, 3]), "TRANSPOSE_CONV"),
    "doubles": (one("ConvTranspose", IMAGE, weights(3, 4, 2, 2), strides=[2, 2]), "TRANSPOSE_CONV"),
    "doubles-same": (  # what PyTorch calls k=4, s=2, p=1
        one("ConvTranspose", IMAGE, weights(3, 4, 4, 4), strides=[2, 2], pads=[1] * 4),
        "TRANSPOSE_CONV",
    ),
    "output-padding": (
        one("ConvTranspose", IMAGE, weights(3, 4, 3, 3), strides=[2, 2], pads=[1] * 4, output_padding=[1, 1]),
        "TRANSPOSE_CONV SLICE",
    ),
    "output-padding-only": (
        one("ConvTranspose", IMAGE, weights(3, 4, 3, 3), strides=[2, 3], output_padding=[1, 2]),
        "TRANSPOSE_CONV",
    ),
    "pads": (one("ConvTranspose", IMAGE, T, TB, pads=[1, 0, 0, 1]), "TRANSPOSE_CONV SLICE"),
    "pads-at-begin": (one("ConvTranspose", IMAGE, T, strides=[2, 2], pads=[1, 1, 0, 0]), "TRANSPOSE_CONV SLICE"),
    "auto-upper": (one("ConvTranspose", IMAGE, T, auto_pad="SAME_UPPER", strides=[2, 2]), "TRANSPOSE_CONV"),
    "auto-lower": (one("ConvTranspose", IMAGE, T, auto_pad="SAME_LOWER", strides=[2, 2]), "TRANSPOSE_CONV SLICE"),
    "auto-upper-large": (
        one("ConvTranspose", IMAGE, weights(3, 4, 5, 5), auto_pad="SAME_UPPER", strides=[2, 2]),
        "TRANSPOSE_CONV",
    ),
    "output-shape": (
        one("ConvTranspose", IMAGE, T, TB, strides=[2, 2], output_shape=[14, 13]),
        "TRANSPOSE_CONV SLICE",
    ),
    "output-shape-upper": (
        one("ConvTranspose", IMAGE, T, strides=[2, 2], output_shape=[14, 12], auto_pad="SAME_UPPER"),
        "TRANSPOSE_CONV",
    ),
    "dilated": (one("ConvTranspose", IMAGE, T, dilations=[2, 3]), "TRANSPOSE_CONV"),
    "groups": (
        one("ConvTranspose", [1, 4, 5, 6], weights(4, 3, 2, 2), weights(6), group=2, strides=[2, 2]),
        "SPLIT TRANSPOSE_CONV TRANSPOSE_CONV CONCATENATION",
    ),
    "depthwise-pads": (
        one("ConvTranspose", [1, 3, 5, 6], weights(3, 1, 3, 3), group=3, strides=[2, 2], pads=[1, 1, 0, 0]),
        "SPLIT TRANSPOSE_CONV TRANSPOSE_CONV TRANSPOSE_CONV CONCATENATION SLICE",
    ),
    "sequence": (one("ConvTranspose", [1, 3, 7], weights(3, 4, 4), B, strides=[2]), "TRANSPOSE_CONV"),
    "sequence-same": (
        one("ConvTranspose", [1, 3, 7], weights(3, 4, 4), strides=[2], pads=[1, 1]),
        "TRANSPOSE_CONV",
    ),
}
REFUSED = {
    "weights": onnx_model(["[node] y = Conv(x, w)"], {"x": IMAGE, "w": [4, 3, 3, 3]}, {}),
    "bias": onnx_model(["[node] y = Conv(x, w, b)"], {"x": IMAGE, "b": [4]}, {"w": W}),
    "volume": one("Conv", [1, 3, 7, 6, 5], weights(4, 3, 3, 3, 3)),
    "transposed-volume": one("ConvTranspose", [1, 3, 7, 6, 5], weights(3, 4, 3, 3, 3)),
    "groups": one("Conv", [1, 4, 7, 6], weights(6, 3, 3, 3), group=2),
    "many-groups": one("ConvTranspose", [1, 11, 7, 6], weights(11, 1, 3, 3), group=11),
    "far-dilation": one("ConvTranspose", IMAGE, T, dilations=[500, 500]),
}


@pytest.mark.parametrize("case", CONV)
def test_a_convolution(case: str) -> None:
    check_case(CONV[case])


@pytest.mark.parametrize("case", TRANSPOSED)
def test_a_transposed_convolution(case: str) -> None:
    check_case(TRANSPOSED[case])


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_why(case: str, golden: Golden) -> None:
    check_refusal(REFUSED[case], golden)


def test_a_net_over_sequences_is_one_over_images_of_height_1() -> None:
    """No TRANSPOSE, and RESHAPE only where the user's own layout begins or ends."""
    nodes = [
        "a = Conv<pads=[1, 1]>(x, w)",
        "n = BatchNormalization(a, s, b, m, v)",
        "r = Relu(n)",
        "p = MaxPool<kernel_shape=[2], strides=[2]>(r)",
        "c = Conv(p, w2)",
        "g = GlobalAveragePool(c)",
        "f = Flatten(g)",
        "y = Gemm(f, d)",
    ]
    statistics = {name: np.abs(weights(4)) for name in "sbmv"}
    constants = {"w": weights(4, 3, 3), "w2": weights(5, 4, 3), "d": weights(5, 2), **statistics}
    data = onnx_model(nodes, {"x": [1, 3, 16]}, constants)
    check_case((data, "CONV_2D MUL ADD RELU MAX_POOL_2D CONV_2D MEAN RESHAPE FULLY_CONNECTED"))
    assert read(data).inputs[0].type.shape == (1, 1, 16, 3)


def test_weights_may_be_shared() -> None:
    nodes = ["a = Conv<pads=[1, 1, 1, 1]>(x, w)", "y = Conv(a, w)"]
    data = onnx_model(nodes, {"x": [1, 3, 7, 6]}, {"w": weights(3, 3, 3, 3)})
    check_case((data, "CONV_2D CONV_2D"))


def test_weights_that_are_computed_from_constants_are_constants() -> None:
    nodes = ["v = Mul(w, two)", "y = Conv(x, v)"]
    data = onnx_model(nodes, {"x": [1, 3, 7, 6]}, {"w": W, "two": np.array(2, np.float32)})
    check_case((data, "CONV_2D"))


def test_a_kernel_shape_that_is_stated_too() -> None:
    assert ops(read(one_node("Conv", ["x", "w"], IMAGE, w=W, kernel_shape=[3, 3]))) == "CONV_2D"
