"""Activation functions and normalisations, most of them composed of what TFLite has."""

from __future__ import annotations

import numpy as np
import pytest

from redsc.formats.onnx.reader import read_onnx
from tests.conftest import Golden
from tests.formats.onnx.models import (
    Case,
    assert_same_answers,
    check_case,
    check_refusal,
    image_net,
    on_image,
    one,
    onnx_model,
    ops,
    weights,
)

WIDE = [4, 250]  # of which the normal distribution leaves few places out
POWERS = "MINIMUM MUL EXP SUB MUL RELU MUL ADD"
SOFTPLUS = "ABS NEG EXP ADD LOG RELU"
ERF = "ABS MUL ADD DIV MUL ADD MUL ADD MUL ADD MUL ADD MUL SQUARE NEG EXP MUL MUL MAXIMUM MINIMUM SUB MUL"

ACTIVATIONS: dict[str, Case] = {
    "relu": (one("Relu", WIDE), "RELU"),
    "sigmoid": (one("Sigmoid", WIDE), "LOGISTIC"),
    "tanh": (one("Tanh", WIDE), "TANH"),
    "hard-swish": (one("HardSwish", WIDE), "HARD_SWISH"),
    "leaky-relu": (one("LeakyRelu", WIDE, alpha=0.2), "LEAKY_RELU"),
    "leaky-relu-default": (one("LeakyRelu", WIDE), "LEAKY_RELU"),
    "prelu-channels": (on_image("PRelu", weights(4, 1, 1)), "CONV_2D PRELU"),
    "prelu-one": (on_image("PRelu", weights(1)), "CONV_2D PRELU"),
    "prelu-all": (on_image("PRelu", weights(4, 6, 5)), "CONV_2D PRELU"),
    "prelu-rows": (one("PRelu", WIDE, weights(250)), "PRELU"),
    "elu": (one("Elu", WIDE), "ELU"),
    "elu-alpha": (one("Elu", WIDE, alpha=0.5), POWERS),
    "selu": (one("Selu", WIDE), POWERS),
    "celu": (one("Celu", WIDE, alpha=2.0), POWERS),
    "hard-sigmoid": (one("HardSigmoid", WIDE), "MUL ADD MUL"),
    "hard-sigmoid-6": (one("HardSigmoid", WIDE, alpha=1 / 6, beta=0.5), "ADD MUL"),
    "swish": (one("Swish", WIDE, opset=24), "LOGISTIC MUL"),
    "swish-alpha": (one("Swish", WIDE, opset=24, alpha=1.7), "MUL LOGISTIC MUL"),
    "softplus": (one("Softplus", WIDE), f"{SOFTPLUS} ADD"),
    "softsign": (one("Softsign", WIDE), "ABS ADD DIV"),
    "mish": (one("Mish", WIDE), f"{SOFTPLUS} ADD TANH MUL"),
    "sign": (one("Sign", WIDE), "MUL MAXIMUM MINIMUM"),
    "erf": (one("Erf", WIDE), ERF),
    "gelu": (one("Gelu", WIDE, opset=20), f"MUL {ERF} MUL ADD MUL"),
    "gelu-tanh": (one("Gelu", WIDE, opset=20, approximate="tanh"), "SQUARE MUL ADD MUL MUL TANH MUL ADD MUL"),
    "tan": (one("Tan", WIDE), "SIN COS DIV"),
    "sinh": (one("Sinh", WIDE), "EXP NEG EXP SUB MUL"),
    "cosh": (one("Cosh", WIDE), "EXP NEG EXP ADD MUL"),
    "thresholded-relu": (one("ThresholdedRelu", WIDE, alpha=0.3), "GREATER SELECT_V2"),
}
SOFTMAX: dict[str, Case] = {
    "last": (one("Softmax", [2, 5]), "SOFTMAX"),
    "log": (one("LogSoftmax", [2, 5]), "LOG_SOFTMAX"),
    "rank-3": (one("Softmax", [2, 3, 5], axis=2), "SOFTMAX"),
    "middle": (one("Softmax", [2, 3, 5], axis=1), "TRANSPOSE RESHAPE SOFTMAX RESHAPE TRANSPOSE"),
    "first": (one("Softmax", [4, 3], axis=0), "TRANSPOSE SOFTMAX TRANSPOSE"),
    "channels": (on_image("Softmax", axis=1), "CONV_2D SOFTMAX"),
    "width": (on_image("Softmax", axis=-1), "CONV_2D RESHAPE TRANSPOSE RESHAPE SOFTMAX RESHAPE TRANSPOSE RESHAPE"),
    "pooled": (
        image_net(["p = GlobalMaxPool(c)", "y = Softmax<axis=1>(p)"]),
        "CONV_2D REDUCE_MAX SOFTMAX",
    ),
    "flattens-12": (one("Softmax", [2, 3, 5], opset=12), "RESHAPE SOFTMAX RESHAPE"),
    "flattens-nothing-12": (one("Softmax", [2, 5], opset=12, axis=1), "SOFTMAX"),
    "flattens-the-last-12": (one("Softmax", [2, 3, 5], opset=12, axis=-1), "SOFTMAX"),
    "flattens-ones-12": (one("LogSoftmax", [2, 5, 1, 1], opset=11), "RESHAPE LOG_SOFTMAX RESHAPE"),
    "flattens-all-12": (one("Softmax", [2, 3], opset=12, axis=0), "RESHAPE SOFTMAX RESHAPE"),
    "flattens-an-image-12": (
        on_image("Softmax", opset=12),
        "CONV_2D RESHAPE TRANSPOSE RESHAPE SOFTMAX RESHAPE TRANSPOSE RESHAPE",
    ),
    "flattens-a-pooled-image-12": (
        image_net(["p = GlobalMaxPool(c)", "y = Softmax(p)"], opset=12),
        "CONV_2D REDUCE_MAX SOFTMAX",
    ),
}
S4, B4, M4, V4 = np.abs(weights(4)), weights(4), weights(4) / 3, np.abs(weights(4)) + 1
NORM = "MEAN SQUARED_DIFFERENCE MEAN ADD RSQRT SUB MUL"
NORMALISED: dict[str, Case] = {
    "batch": (on_image("BatchNormalization", S4, B4, M4, V4), "CONV_2D MUL ADD"),
    "batch-rank-2": (one("BatchNormalization", [3, 4], S4, B4, M4, V4), "MUL ADD"),
    "batch-rank-3": (one("BatchNormalization", [2, 4, 5], S4, B4, M4, V4, epsilon=0.1), "MUL ADD"),
    "batch-7": (on_image("BatchNormalization", S4, B4, M4, V4, opset=8), "CONV_2D MUL ADD"),
    "instance": (on_image("InstanceNormalization", S4, B4), f"CONV_2D {NORM} MUL ADD"),
    "instance-sequence": (one("InstanceNormalization", [2, 4, 9], S4, B4), f"{NORM} MUL ADD"),
    "group": (
        on_image("GroupNormalization", S4, B4, opset=21, num_groups=2),
        f"CONV_2D RESHAPE {NORM} RESHAPE MUL ADD",
    ),
    "group-18": (
        on_image("GroupNormalization", weights(2), B4[:2], opset=18, num_groups=2),
        f"CONV_2D RESHAPE {NORM} RESHAPE MUL ADD",
    ),
    "layer": (one("LayerNormalization", [2, 3, 8], weights(8), B4[0] + weights(8)), f"{NORM} MUL ADD"),
    "layer-statistics": (
        onnx_model(
            ["[node] n, m, d = LayerNormalization(x, s)", "a = Add(n, m)", "y = Mul(a, d)"],
            {"x": [2, 3, 8]},
            {"s": weights(8)},
        ),
        f"{NORM} MUL ADD MUL",
    ),
    "mean-variance": (on_image("MeanVarianceNormalization"), f"CONV_2D {NORM}"),
    "lp-1": (one("LpNormalization", [2, 3, 8], p=1), "ABS SUM MAXIMUM DIV"),
    "lp-2": (one("LpNormalization", [2, 3, 8], axis=1), "SQUARE SUM SQRT MAXIMUM DIV"),
    "layer-axis": (one("LayerNormalization", [2, 3, 8], weights(3, 8), axis=1, epsilon=0.1), f"{NORM} MUL"),
    "rms": (one("RMSNormalization", [2, 3, 8], weights(8), opset=23), "SQUARE MEAN ADD RSQRT MUL MUL"),
    "layer-image": (
        on_image("LayerNormalization", weights(4, 6, 5), weights(5), axis=1),
        f"CONV_2D {NORM} MUL ADD",
    ),
    "layer-channels": (  # ConvNeXt: channels last in the file, and in the graph
        image_net(
            [
                "t = Transpose<perm=[0, 2, 3, 1]>(c)",
                "n = LayerNormalization(t, s)",
                "u = Transpose<perm=[0, 3, 1, 2]>(n)",
                "y = Conv(u, v)",
            ],
            {"s": weights(4), "v": weights(2, 4, 3, 3)},
        ),
        f"CONV_2D {NORM} MUL CONV_2D",
    ),
}
REFUSED = {
    "prelu-computed": onnx_model(["[node] y = PRelu(x, u)"], {"x": [2, 3], "u": [3]}, {}),
    "batch-training": onnx_model(
        ["[node] y, m2, v2 = BatchNormalization<training_mode=1>(x, s, b, m, v)"],
        {"x": [3, 4]},
        {"s": S4, "b": B4, "m": M4, "v": V4},
    ),
    "batch-computed": onnx_model(
        ["[node] y = BatchNormalization(x, u, b, m, v)"],
        {"x": [3, 4], "u": [4]},
        {"b": B4, "m": M4, "v": V4},
    ),
    "group-of-a-volume": one("GroupNormalization", [1, 4, 2, 2, 2], S4, B4, opset=21, num_groups=2),
}


@pytest.mark.parametrize("case", ACTIVATIONS)
def test_an_activation(case: str) -> None:
    check_case(ACTIVATIONS[case])


@pytest.mark.parametrize("case", SOFTMAX)
def test_softmax_over_any_axis(case: str) -> None:
    check_case(SOFTMAX[case])


@pytest.mark.parametrize("case", NORMALISED)
def test_a_normalisation(case: str) -> None:
    check_case(NORMALISED[case])


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_why(case: str, golden: Golden) -> None:
    check_refusal(REFUSED[case], golden)


def test_group_normalisation_of_opset_21_has_a_type_for_what_follows() -> None:
    """onnx infers none (strict inference of 1.19 to 1.23 fails), although it is that of the input."""
    node = "n = GroupNormalization<num_groups=2>(c, s, b)"
    nodes = [
        node,
        "r = Relu(n)",
        "f = Flatten(r)",
        "y = Gemm(f, g)",
    ]
    data = image_net(nodes, {"s": S4, "b": B4, "g": weights(120, 2)}, opset=21)
    found = read_onnx(data)
    assert ops(found.graph).endswith("RELU RESHAPE FULLY_CONNECTED")
    assert_same_answers(data, found)


def test_functions_hold_far_from_zero() -> None:
    """Nothing overflows: inputs of some thousands, as an untrained head has them."""
    for op, opset in (("Softplus", 18), ("Mish", 18), ("Selu", 18), ("Celu", 18), ("Gelu", 20), ("Erf", 18)):
        nodes = ["a = Mul(x, k)", f"y = {op}(a)"]
        data = onnx_model(nodes, {"x": [4, 50]}, {"k": np.array(3000, np.float32)}, opset)
        assert_same_answers(data, read_onnx(data))
