"""Pools and resizing, in onnxruntime and in LiteRT."""

from __future__ import annotations

import pytest

from tests.conftest import Golden
from tests.formats.onnx.models import (
    Attributes,
    Case,
    check_case,
    check_refusal,
    floats,
    image_net,
    ints,
    on_image,
    one,
    one_node,
    onnx_model,
)

SHAPE = [1, 3, 7, 6]
K2: Attributes = {"kernel_shape": [2, 2]}
K3: Attributes = {"kernel_shape": [3, 3]}
S2: Attributes = {"strides": [2, 2]}

POOLS: dict[str, Case] = {
    "max": (one("MaxPool", SHAPE, **K2, **S2), "MAX_POOL_2D"),
    "max-same": (one("MaxPool", SHAPE, **K3, pads=[1] * 4), "MAX_POOL_2D"),
    "max-padded-with-the-lowest": (  # zeros would win over negative numbers
        one("MaxPool", [1, 3, 8, 6], **K3, **S2, pads=[1] * 4),
        "PADV2 MAX_POOL_2D",
    ),
    "max-after-relu": (
        onnx_model(
            ["r = Relu(x)", "y = MaxPool<kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]>(r)"],
            {"x": [1, 3, 8, 6]},
            {},
        ),
        "RELU PAD MAX_POOL_2D",
    ),
    "max-ceil": (one("MaxPool", SHAPE, **K2, **S2, ceil_mode=1), "MAX_POOL_2D"),
    "max-ceil-padded": (one("MaxPool", SHAPE, **K3, **S2, pads=[0, 1, 0, 1], ceil_mode=1), "PADV2 MAX_POOL_2D"),
    "max-ceil-window-in-padding": (  # a window that begins in the padding is dropped
        one("MaxPool", [1, 3, 4, 4], opset=22, **K2, **S2, pads=[0, 0, 1, 1], ceil_mode=1),
        "PADV2 MAX_POOL_2D",
    ),
    "max-upper": (one("MaxPool", SHAPE, **K2, **S2, auto_pad="SAME_UPPER"), "MAX_POOL_2D"),
    "max-lower": (one("MaxPool", SHAPE, **K2, **S2, auto_pad="SAME_LOWER"), "PADV2 MAX_POOL_2D"),
    "max-sequence": (one("MaxPool", [1, 3, 8], kernel_shape=[2], strides=[2]), "MAX_POOL_2D"),
    "average": (one("AveragePool", SHAPE, **K2, **S2), "AVERAGE_POOL_2D"),
    "average-same": (one("AveragePool", SHAPE, **K3, pads=[1] * 4), "AVERAGE_POOL_2D"),
    "average-counts-padding": (
        one("AveragePool", SHAPE, **K3, pads=[1] * 4, count_include_pad=1),
        "PAD AVERAGE_POOL_2D",
    ),
    "average-leaves-padding-out": (
        one("AveragePool", [1, 3, 8, 8], **K3, **S2, pads=[1] * 4),
        "PAD AVERAGE_POOL_2D MUL",
    ),
    "average-uneven": (one("AveragePool", SHAPE, **K3, pads=[0, 1, 2, 0]), "PAD AVERAGE_POOL_2D MUL"),
    "average-ceil": (one("AveragePool", SHAPE, **K2, **S2, ceil_mode=1), "AVERAGE_POOL_2D"),
    "average-ceil-counts-padding": (  # but never what ceil_mode adds
        one("AveragePool", [1, 3, 8, 8], **K3, **S2, pads=[1] * 4, ceil_mode=1, count_include_pad=1),
        "PAD AVERAGE_POOL_2D MUL",
    ),
    "average-upper": (one("AveragePool", SHAPE, **K2, **S2, auto_pad="SAME_UPPER"), "AVERAGE_POOL_2D"),
    "average-lower": (one("AveragePool", SHAPE, **K2, **S2, auto_pad="SAME_LOWER"), "PAD AVERAGE_POOL_2D MUL"),
    "average-sequence": (one("AveragePool", [1, 3, 9], kernel_shape=[3], pads=[1, 1]), "AVERAGE_POOL_2D"),
    "global-average": (one("GlobalAveragePool", SHAPE), "MEAN"),
    "global-average-sequence": (one("GlobalAveragePool", [1, 3, 9]), "MEAN"),
    "global-average-volume": (one("GlobalAveragePool", [1, 2, 3, 4, 5]), "MEAN"),
    "global-max": (one("GlobalMaxPool", SHAPE), "REDUCE_MAX"),
}

N: Attributes = {"mode": "nearest"}
L: Attributes = {"mode": "linear"}
U: Attributes = {"coordinate_transformation_mode": "asymmetric"}
TWICE, ODD = floats(1, 1, 2, 2), ints(1, 4, 9, 8)
RESIZED: dict[str, Case] = {
    "nearest": (on_image("Resize", None, TWICE, **N), "CONV_2D RESIZE_NEAREST_NEIGHBOR"),
    "nearest-asymmetric-floor": (
        on_image("Resize", None, TWICE, **N, **U, nearest_mode="floor"),
        "CONV_2D RESIZE_NEAREST_NEIGHBOR",
    ),
    "nearest-half-pixel-ceil": (
        on_image("Resize", None, None, ODD, **N, nearest_mode="round_prefer_ceil"),
        "CONV_2D RESIZE_NEAREST_NEIGHBOR",
    ),
    "nearest-corners": (
        on_image(
            "Resize",
            None,
            None,
            ints(1, 4, 11, 9),
            **N,
            coordinate_transformation_mode="align_corners",
            nearest_mode="round_prefer_ceil",
        ),
        "CONV_2D RESIZE_NEAREST_NEIGHBOR",
    ),
    "nearest-that-tflite-has-not": (
        on_image("Resize", None, None, ODD, **N, nearest_mode="ceil"),
        "CONV_2D GATHER GATHER",
    ),
    "nearest-down": (on_image("Resize", None, None, ints(1, 4, 3, 2), **N, **U), "CONV_2D RESIZE_NEAREST_NEIGHBOR"),
    "nearest-10": (on_image("Resize", floats(1, 1, 2, 3), opset=10, **N), "CONV_2D RESIZE_NEAREST_NEIGHBOR"),
    "linear": (on_image("Resize", None, TWICE, **L), "CONV_2D RESIZE_BILINEAR"),
    "linear-sizes": (on_image("Resize", None, None, ODD, **L), "CONV_2D RESIZE_BILINEAR"),
    "linear-pytorch": (
        on_image("Resize", None, None, ODD, **L, coordinate_transformation_mode="pytorch_half_pixel"),
        "CONV_2D RESIZE_BILINEAR",
    ),
    "linear-corners": (
        on_image("Resize", None, None, ODD, **L, coordinate_transformation_mode="align_corners"),
        "CONV_2D RESIZE_BILINEAR",
    ),
    "linear-asymmetric": (on_image("Resize", None, TWICE, **L, **U), "CONV_2D RESIZE_BILINEAR"),
    "linear-roi-empty": (on_image("Resize", floats(), TWICE, **L), "CONV_2D RESIZE_BILINEAR"),
    "linear-scales-11": (on_image("Resize", floats(), TWICE, opset=11, **L), "CONV_2D RESIZE_BILINEAR"),
    "linear-axes": (on_image("Resize", None, floats(2, 2), **L, axes=[2, 3]), "CONV_2D RESIZE_BILINEAR"),
    "same-size": (on_image("Resize", None, None, ints(1, 4, 6, 5), **L), "CONV_2D"),
    "upsample-9": (on_image("Upsample", TWICE, opset=9, mode="nearest"), "CONV_2D RESIZE_NEAREST_NEIGHBOR"),
    "upsample-7": (
        on_image("Upsample", opset=7, mode="linear", scales=[1.0, 1.0, 2.0, 2.0]),
        "CONV_2D RESIZE_BILINEAR",
    ),
}
REFUSED = {
    "max-dilated": one("MaxPool", SHAPE, **K2, dilations=[2, 2]),
    "average-dilated": one("AveragePool", SHAPE, opset=19, **K2, dilations=[2, 2]),
    "average-of-padding": one("AveragePool", SHAPE, **K2, pads=[2, 2, 2, 2]),
    "ceil-window-in-padding": one("MaxPool", [1, 3, 4, 4], **K2, **S2, pads=[0, 0, 1, 1], ceil_mode=1),
    "max-volume": one("MaxPool", [1, 3, 7, 6, 5], kernel_shape=[2, 2, 2]),
    "max-indices": image_net(
        [
            "[node] p, i = MaxPool<kernel_shape=[2, 2]>(c)",
            "[cast] j = Cast<to=1>(i)",
            "[concat] y = Concat<axis=1>(p, j)",
        ]
    ),
    "resize-cubic": on_image("Resize", None, TWICE, mode="cubic"),
    "resize-antialias": on_image("Resize", None, None, ints(1, 4, 3, 3), **L, antialias=1),
    "resize-crop": on_image(
        "Resize",
        floats(0, 0, 0, 0, 1, 1, 1, 1),
        TWICE,
        **L,
        coordinate_transformation_mode="tf_crop_and_resize",
    ),
    "resize-channels": on_image("Resize", None, None, ints(1, 8, 12, 10), **N),
    "resize-corners-between-pixels": on_image(
        "Resize", None, floats(1, 1, 0.4, 0.5), **L, coordinate_transformation_mode="align_corners"
    ),
    "resize-scales-that-leave-a-rest": on_image("Resize", None, floats(1, 1, 1.4, 1.5), **L),
    "resize-policy": on_image("Resize", None, None, ints(1, 4, 12, 12), **N, keep_aspect_ratio_policy="not_larger"),
    "resize-long": one_node("Resize", ["x", "", "", "k"], [1, 1, 1, 2], k=ints(1, 1, 1, 1 << 20), **N),
}


@pytest.mark.parametrize("case", POOLS)
def test_a_pool(case: str) -> None:
    check_case(POOLS[case])


@pytest.mark.parametrize("case", RESIZED)
def test_resizing(case: str) -> None:
    check_case(RESIZED[case])


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_why(case: str, golden: Golden) -> None:
    check_refusal(REFUSED[case], golden)


def test_indices_that_nobody_reads_are_none() -> None:
    data = image_net(["y, i = MaxPool<kernel_shape=[2, 2]>(c)"])
    check_case((data, "CONV_2D MAX_POOL_2D"))
