"""Dense layers and matrix products, also behind flattened images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.conftest import Golden
from tests.formats.onnx.models import (
    Case,
    check_case,
    check_refusal,
    image_net,
    ints,
    make_node,
    one,
    onnx_model,
    weights,
)

W, B = weights(3, 4), weights(4)
TWO = {"x": [2, 3], "u": [3, 4]}


def product(op: str, **attributes: Any) -> Any:
    return make_node(op, ["x", "u"], ["y"], name="node", **attributes)


DENSE: dict[str, Case] = {
    "gemm": (one("Gemm", [2, 3], W, B), "FULLY_CONNECTED"),
    "scaled": (one("Gemm", [1, 3], weights(4, 3), B, transB=1, alpha=0.5, beta=2.0), "FULLY_CONNECTED"),
    "scalar-bias": (one("Gemm", [1, 3], W, B[:1]), "FULLY_CONNECTED"),
    "matrix-bias": (one("Gemm", [2, 3], W, weights(2, 4), beta=0.5), "FULLY_CONNECTED MUL ADD"),
    "column-bias": (one("Gemm", [4, 3], weights(3, 4), weights(4, 1)), "FULLY_CONNECTED ADD"),
    "without-bias": (one("Gemm", [1, 3], W), "FULLY_CONNECTED"),
    "transposed-input": (one("Gemm", [3, 2], W, B, transA=1), "TRANSPOSE FULLY_CONNECTED"),
    "transposed-vector": (one("Gemm", [3, 1], W, B, transA=1), "RESHAPE FULLY_CONNECTED"),
    "computed-weights": (onnx_model([product("Gemm")], TWO, {}), "BATCH_MATMUL"),
    "computed-weights-transposed": (
        onnx_model([product("Gemm", transB=1)], {"x": [2, 3], "u": [4, 3]}, {}),
        "BATCH_MATMUL",
    ),
    "computed-and-scaled": (
        onnx_model(
            ["y = Gemm<alpha=0.5, beta=3.0>(x, u, b)"],
            TWO,
            {"b": B},
        ),
        "BATCH_MATMUL MUL MUL ADD",
    ),
    "computed-bias": (
        onnx_model(["y = Gemm(x, w, u)"], {"x": [2, 3], "u": [2, 4]}, {"w": W}),
        "FULLY_CONNECTED ADD",
    ),
    "matmul": (one("MatMul", [2, 3], W), "FULLY_CONNECTED"),
    "matmul-rank-3": (one("MatMul", [2, 5, 3], W), "FULLY_CONNECTED"),
    "matmul-rank-4": (one("MatMul", [2, 2, 5, 3], W), "FULLY_CONNECTED"),
    "matmul-vector-left": (one("MatMul", [3], W), "RESHAPE FULLY_CONNECTED RESHAPE"),
    "matmul-vector-right": (one("MatMul", [2, 5, 3], weights(3)), "FULLY_CONNECTED RESHAPE"),
    "matmul-of-two": (onnx_model([product("MatMul")], TWO, {}), "BATCH_MATMUL"),
    "matmul-batches": (onnx_model([product("MatMul")], {"x": [2, 5, 3], "u": [2, 3, 4]}, {}), "BATCH_MATMUL"),
    "matmul-broadcasts": (onnx_model([product("MatMul")], {"x": [2, 1, 5, 3], "u": [4, 3, 4]}, {}), "BATCH_MATMUL"),
    "matmul-constant-batches": (one("MatMul", [2, 5, 3], weights(2, 3, 4)), "BATCH_MATMUL"),
    "matmul-of-vectors": (
        onnx_model([product("MatMul")], {"x": [3], "u": [2, 3, 4]}, {}),
        "RESHAPE BATCH_MATMUL RESHAPE",
    ),
}
REFUSED = {
    "matmul-ranks": onnx_model([product("MatMul")], {"x": [1, 1, 1, 1, 2, 3], "u": [1, 1, 1, 1, 3, 2]}, {}),
}
FLAT = {"s": ints(1, 120), "w": weights(120, 3), "v": weights(5, 6)}
IMAGES: dict[str, Case] = {
    "flatten-gemm": (  # the columns of the weights move, not the image
        image_net(["f = Flatten(c)", "y = Gemm(f, w)"], FLAT),
        "CONV_2D RESHAPE FULLY_CONNECTED",
    ),
    "reshape-matmul": (
        image_net(["f = Reshape(c, s)", "y = MatMul(f, w)"], FLAT),
        "CONV_2D RESHAPE FULLY_CONNECTED",
    ),
    "two-heads": (
        image_net(
            ["f = Flatten(c)", "a = Gemm(f, w)", "b = Gemm<transB=1>(f, w2)", "y = Add(a, b)"],
            FLAT | {"w2": weights(3, 120)},
        ),
        "CONV_2D RESHAPE FULLY_CONNECTED FULLY_CONNECTED ADD",
    ),
    "another-reader": (  # which sees the order of the file
        image_net(
            ["f = Flatten(c)", "a = Gemm(f, w)", "m = ReduceMax<axes=[1]>(f)", "y = Add(a, m)"],
            FLAT,
            opset=17,
        ),
        "CONV_2D RESHAPE TRANSPOSE RESHAPE FULLY_CONNECTED REDUCE_MAX ADD",
    ),
    "dropout-between": (
        image_net(
            ["f = Flatten(c)", "d = Dropout(f)", "y = Gemm(d, w)"],
            FLAT,
        ),
        "CONV_2D RESHAPE FULLY_CONNECTED",
    ),
    "rows": (  # over the width: channels must make room
        image_net(["y = MatMul(c, v)"], FLAT),
        "CONV_2D RESHAPE TRANSPOSE RESHAPE FULLY_CONNECTED",
    ),
}


@pytest.mark.parametrize("case", DENSE)
def test_a_product(case: str) -> None:
    check_case(DENSE[case])


@pytest.mark.parametrize("case", IMAGES)
def test_a_product_of_an_image(case: str) -> None:
    check_case(IMAGES[case])


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_why(case: str, golden: Golden) -> None:
    check_refusal(REFUSED[case], golden)


def test_a_product_lies_as_in_the_file_also_among_tensors_that_do_not() -> None:
    """All shapes are equal: a layout that is taken for another shows in the numbers only."""
    nodes = ["t = Transpose(x)", "m = MatMul(x, w)", "a = Add(t, m)", "y = Transpose(a)"]
    data = onnx_model(nodes, {"x": [4, 4]}, {"w": weights(4, 4)})
    check_case((data, "FULLY_CONNECTED TRANSPOSE ADD"))


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (4,), (1, 4)])
def test_a_bias_may_have_every_shape_that_is_one_number_per_output(shape: tuple[int, ...]) -> None:
    bias = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    check_case((one("Gemm", [4, 3], W, bias), "FULLY_CONNECTED"))
