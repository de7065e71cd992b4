"""Reshapes, transposes and reductions: what moves, and what only looks as if it did."""

from __future__ import annotations

import pytest
from onnx import TensorProto

from redsc.formats.onnx.ops.reshape import common_factors
from redsc.formats.onnx.reader import read_onnx
from tests.conftest import Golden
from tests.formats.onnx.models import (
    Case,
    check_case,
    check_refusal,
    image_net,
    ints,
    on_image,
    one,
    onnx_model,
    weights,
)

RESHAPED: dict[str, Case] = {
    "reshape": (one("Reshape", [1, 12], ints(2, -1)), "RESHAPE"),
    "reshape-copies-a-size": (one("Reshape", [2, 3, 4], ints(0, -1)), "RESHAPE"),
    "flatten": (one("Flatten", [1, 3, 4]), "RESHAPE"),
    "flatten-axis": (one("Flatten", [2, 3, 4], axis=2), "RESHAPE"),
    "squeeze": (one("Squeeze", [1, 3, 1], ints(0, 2)), "RESHAPE"),
    "squeeze-all": (one("Squeeze", [1, 3, 1]), "RESHAPE"),
    "squeeze-11": (one("Squeeze", [1, 3, 1], opset=11, axes=[2]), "RESHAPE"),
    "unsqueeze": (one("Unsqueeze", [3, 4], ints(0, -1)), "RESHAPE"),
    "unsqueeze-11": (one("Unsqueeze", [3, 4], opset=11, axes=[1]), "RESHAPE"),
    "to-itself": (
        image_net(
            ["r = Reshape(c, s)", "y = Conv(r, v)"],
            {"s": ints(1, 4, 6, 5), "v": weights(2, 4, 3, 3)},
        ),
        "CONV_2D CONV_2D",
    ),
    "transpose": (one("Transpose", [2, 3]), "TRANSPOSE"),
    "transpose-vector": (one("Transpose", [1, 3]), "RESHAPE"),
    "transpose-perm": (one("Transpose", [2, 3, 4], perm=[1, 0, 2]), "TRANSPOSE"),
    "transpose-rank-5-in-runs": (
        one("Transpose", [2, 3, 4, 5, 6], perm=[0, 3, 4, 1, 2]),
        "RESHAPE TRANSPOSE RESHAPE",
    ),
    "transpose-and-back": (
        onnx_model(
            ["t = Transpose<perm=[1, 2, 0]>(x)", "r = Relu(t)", "y = Transpose<perm=[2, 0, 1]>(r)"],
            {"x": [2, 3, 4]},
            {},
        ),
        "RELU",
    ),
    "to-channels-last": (on_image("Transpose", perm=[0, 2, 3, 1]), "CONV_2D"),
    "to-channels-first-again": (
        image_net(
            [
                "t = Transpose<perm=[0, 2, 3, 1]>(c)",
                "a = Add(t, k)",
                "b = Transpose<perm=[0, 3, 1, 2]>(a)",
                "y = Conv(b, v)",
            ],
            {"k": weights(4), "v": weights(2, 4, 3, 3)},
        ),
        "CONV_2D ADD CONV_2D",
    ),
    "keras-input": (  # tf2onnx: the file's input is channels-last
        onnx_model(
            ["t = Transpose<perm=[0, 3, 1, 2]>(x)", "y = Conv(t, w)"],
            {"x": [1, 6, 5, 3]},
            {"w": weights(4, 3, 3, 3)},
        ),
        "CONV_2D",
    ),
    "flatten-image": (on_image("Flatten"), "CONV_2D RESHAPE TRANSPOSE RESHAPE"),
    "flatten-pooled": (
        image_net(["p = GlobalAveragePool(c)", "y = Flatten(p)"]),
        "CONV_2D MEAN RESHAPE",
    ),
    "sequence-of-pixels": (  # a transformer's tokens: channels are last in both
        image_net(
            ["f = Reshape(c, s)", "y = Transpose<perm=[0, 2, 1]>(f)"],
            {"s": ints(1, 4, 30)},
        ),
        "CONV_2D RESHAPE",
    ),
    "channel-shuffle": (
        image_net(
            ["a = Reshape(c, s)", "b = Transpose<perm=[0, 2, 1, 3, 4]>(a)", "d = Reshape(b, t)", "y = Conv(d, v)"],
            {"s": ints(1, 2, 2, 6, 5), "t": ints(1, 4, 6, 5), "v": weights(2, 4, 3, 3)},
        ),
        "CONV_2D RESHAPE RESHAPE TRANSPOSE RESHAPE CONV_2D",
    ),
    "incommensurable": (  # 4 x 30 seen as 5 x 24 has no common factors
        image_net(["y = Reshape(c, s)"], {"s": ints(1, 24, 5)}),
        "CONV_2D RESHAPE TRANSPOSE RESHAPE",
    ),
    "no-common-factors": (on_image("Reshape", ints(8, 15)), "CONV_2D RESHAPE TRANSPOSE RESHAPE"),
}
IMAGE_MEAN = "CONV_2D MEAN"
REDUCED: dict[str, Case] = {
    "mean-17": (one("ReduceMean", [2, 3, 4], opset=17, axes=[-1], keepdims=0), "MEAN RESHAPE"),
    "mean-18": (one("ReduceMean", [2, 3, 4], ints(0, 2)), "MEAN"),
    "mean-of-all": (one("ReduceMean", [2, 3, 4]), "MEAN"),
    "mean-of-all-without-axes": (one("ReduceMean", [2, 3, 4], keepdims=0), "MEAN RESHAPE"),
    "mean-image": (on_image("ReduceMean", ints(2, 3)), IMAGE_MEAN),
    "mean-image-drops": (on_image("ReduceMean", ints(2, 3), keepdims=0), f"{IMAGE_MEAN} RESHAPE"),
    "mean-channels": (on_image("ReduceMean", ints(1)), IMAGE_MEAN),
    "mean-channels-drops": (on_image("ReduceMean", ints(1), keepdims=0), f"{IMAGE_MEAN} RESHAPE"),
    "mean-height-drops": (on_image("ReduceMean", ints(2), keepdims=0), f"{IMAGE_MEAN} RESHAPE TRANSPOSE RESHAPE"),
    "sum": (one("ReduceSum", [2, 3, 4], ints(1)), "SUM"),
    "sum-of-nothing": (on_image("ReduceSum", ints(), noop_with_empty_axes=1), "CONV_2D"),
    "max": (one("ReduceMax", [2, 3, 4], opset=13, axes=[0]), "REDUCE_MAX"),
    "min": (one("ReduceMin", [2, 3, 4], ints(0, 1)), "REDUCE_MIN"),
    "sum-square": (one("ReduceSumSquare", [2, 3], ints(1)), "SQUARE SUM"),
    "l1": (one("ReduceL1", [2, 3], ints(1)), "ABS SUM"),
    "l2": (one("ReduceL2", [2, 3], ints(1), keepdims=0), "SQUARE SUM SQRT RESHAPE"),
    "log-sum": (
        onnx_model(
            ["e = Exp(x)", "y = ReduceLogSum(e, a)"],
            {"x": [2, 3]},
            {"a": ints(1)},
        ),
        "EXP SUM LOG",
    ),
    "log-sum-exp": (one("ReduceLogSumExp", [2, 3], ints(0)), "EXP SUM LOG"),
}
INT64 = TensorProto.INT64
PLACES: dict[str, Case] = {
    "arg-max": (
        onnx_model(["y = ArgMax<axis=1, keepdims=0>(x)"], {"x": [2, 5]}, {}, kind=INT64),
        "ARG_MAX",
    ),
    "arg-max-keeps": (
        onnx_model(["y = ArgMax<axis=-1>(x)"], {"x": [2, 5]}, {}, kind=INT64),
        "ARG_MAX RESHAPE",
    ),
    "arg-max-default": (
        onnx_model(["y = ArgMax(x)"], {"x": [3, 5]}, {}, kind=INT64),
        "ARG_MAX RESHAPE",
    ),
    "arg-min": (
        onnx_model(["y = ArgMin<axis=0, keepdims=0>(x)"], {"x": [2, 5]}, {}, kind=INT64),
        "ARG_MIN",
    ),
    "arg-last-index": (
        onnx_model(
            ["r = Round(x)", "y = ArgMax<axis=1, keepdims=0, select_last_index=1>(r)"],
            {"x": [4, 9]},
            {},
            kind=INT64,
        ),
        "ROUND REVERSE_V2 ARG_MAX SUB",
    ),
    "segmentation": (
        image_net(["y = ArgMax<axis=1, keepdims=0>(c)"], kind=INT64),
        "CONV_2D ARG_MAX",
    ),
    "segmentation-keeps": (
        image_net(["y = ArgMax<axis=1>(c)"], kind=INT64),
        "CONV_2D ARG_MAX RESHAPE",
    ),
}
REFUSED = {
    "axes-computed": onnx_model(
        ["a = ArgMax<axis=1>(x)", "b = Reshape(a, s)", "[node] y = ReduceSum(x, b)"],
        {"x": [1, 2]},
        {"s": ints(1)},
    ),
    "transpose-rank-6": one("Transpose", [2, 2, 2, 2, 2, 2], perm=[5, 4, 3, 2, 1, 0]),
    "empty": one("Slice", [2, 3], ints(5), ints(9)),
}
ALL = {**RESHAPED, **REDUCED, **PLACES}


@pytest.mark.parametrize("case", ALL)
def test_an_op_that_changes_shapes(case: str) -> None:
    check_case(ALL[case])


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_why(case: str, golden: Golden) -> None:
    check_refusal(REFUSED[case], golden)


@pytest.mark.parametrize(
    ("source", "target", "factors"),
    [
        ((6, 4), (2, 12), (2, 3, 4)),
        ((6, 4), (4, 6), None),
        ((1, 4, 6, 5), (1, 120), (4, 6, 5)),
        ((1, 1), (1,), ()),
        ((2, 1, 3), (6,), (2, 3)),
    ],
)
def test_common_factors(source: tuple[int, ...], target: tuple[int, ...], factors: tuple[int, ...] | None) -> None:
    found = common_factors(source, target)
    assert (found and found[0]) == factors


def test_an_output_says_in_which_layout_it_is() -> None:
    (layout,) = read_onnx(on_image("Transpose", perm=[0, 2, 3, 1])).outputs
    assert layout == (0, 1, 2, 3)
    (layout,) = read_onnx(on_image("Relu")).outputs
    assert layout == (0, 2, 3, 1)
