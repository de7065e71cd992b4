"""Ops on each element: arithmetic with broadcasting, functions, comparisons, choice."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from redsc.ir import Array
from tests.conftest import Golden
from tests.formats.onnx.models import (
    Case,
    check_case,
    check_refusal,
    floats,
    image_net,
    ints,
    make_node,
    on_image,
    one,
    onnx_model,
    weights,
)

TWO = {"x": [2, 3, 4], "u": [3, 1]}
BOOL = TensorProto.BOOL


def scalar(number: float) -> Array:
    return np.array(number, np.float32)


def of_two(op: str, inputs: dict[str, list[int]] | None = None, **attributes: int) -> bytes:
    """Return a model with one node over all its inputs."""
    shapes = TWO if inputs is None else inputs
    return onnx_model([make_node(op, [*shapes], ["y"], name="node", **attributes)], {**shapes}, {})


ARITHMETIC: dict[str, Case] = {
    **{f"{op.lower()}-of-two": (of_two(op), op.upper()) for op in ("Add", "Sub", "Mul", "Div")},
    **{f"{op.lower()}-constant": (one(op, [2, 3], weights(3)), op.upper()) for op in ("Add", "Sub", "Mul")},
    **{
        f"{op.lower()}-channels": (on_image(op, weights(4, 1, 1)), f"CONV_2D {op.upper()}") for op in ("Add", "Mul")
    },
    "add-scalar-int": (one("Add", [2, 3], scalar(3)), "ADD"),
    "constant-first": (onnx_model(["y = Sub(k, x)"], {"x": [2, 3]}, {"k": weights(3)}), "SUB"),
    "divided-by-constants": (one("Div", [2, 3], floats(2, -4, 8)), "MUL"),
    "wider-constant": (one("Add", [3, 1], weights(2, 3, 4)), "ADD"),
    "image-plus-row": (on_image("Add", weights(5)), "CONV_2D ADD"),  # along the width of the file
    "image-plus-map": (on_image("Add", weights(6, 5)), "CONV_2D ADD"),
    "image-plus-rank-3": (on_image("Add", weights(4, 6, 5)), "CONV_2D ADD"),
    "image-plus-full": (on_image("Add", weights(1, 4, 6, 5)), "CONV_2D ADD"),
    "image-plus-computed-row": (
        image_net(
            ["r = ReduceMax<axes=[0, 1, 2], keepdims=0>(c)", "y = Sub(c, r)"],
            opset=17,
        ),
        "CONV_2D REDUCE_MAX RESHAPE RESHAPE SUB",
    ),
    "image-times-computed-channels": (
        image_net(
            ["p = GlobalAveragePool(c)", "y = Mul(c, p)"],
        ),
        "CONV_2D MEAN MUL",
    ),
    "sequence-plus-channels": (
        onnx_model(
            ["c = Conv(x, w)", "y = Add(c, k)"],
            {"x": [1, 3, 8]},
            {"w": weights(4, 3, 3), "k": weights(4, 1)},
        ),
        "CONV_2D ADD",
    ),
    "sum": (of_two("Sum", {"a": [2, 3], "b": [3], "c": [2, 1]}), "ADD ADD"),
    "sum-of-one": (image_net(["y = Sum(c)"]), "CONV_2D"),
    "mean": (of_two("Mean", {"a": [2, 3], "b": [3], "c": [2, 1]}), "ADD ADD MUL"),
    "mean-of-one": (image_net(["y = Mean(c)"]), "CONV_2D"),
    "max": (of_two("Max"), "MAXIMUM"),
    "max-constant": (on_image("Max", scalar(0.5)), "CONV_2D MAXIMUM"),
    "min": (of_two("Min", {"a": [2, 3], "b": [2, 3], "c": [2, 3]}), "MINIMUM MINIMUM"),
    "pow-2": (one("Pow", [2, 3], scalar(2)), "SQUARE"),
    "pow-3": (one("Pow", [2, 3], scalar(3)), "SQUARE MUL"),
    "pow-1": (image_net(["y = Pow(c, k)"], {"k": scalar(1)}), "CONV_2D"),
    "pow-int": (one("Pow", [2, 3], ints(2)), "SQUARE"),
    "reciprocal": (one("Reciprocal", [2, 3]), "DIV"),
    "expand": (one("Expand", [3, 1], ints(2, 3, 4)), "BROADCAST_TO"),
    "expand-image": (on_image("Expand", ints(2, 1, 1, 5)), "CONV_2D BROADCAST_TO"),
    "expand-to-channels-last": (
        image_net(
            ["p = GlobalMaxPool(c)", "e = Expand(p, k)", "y = Conv(e, v)"],
            {"k": ints(1, 4, 6, 5), "v": weights(2, 4, 3, 3)},
        ),
        "CONV_2D REDUCE_MAX BROADCAST_TO CONV_2D",
    ),
}
SAME_NAME = ("Abs", "Neg", "Exp", "Sin", "Cos", "Ceil", "Floor", "Round")
FUNCTIONS: dict[str, Case] = {
    **{op.lower(): (one(op, [2, 3]), op.upper()) for op in SAME_NAME},
    **{f"{op.lower()}-image": (on_image(op), f"CONV_2D {op.upper()}") for op in ("Abs", "Exp")},
    "sqrt": (
        onnx_model(["a = Abs(x)", "y = Sqrt(a)"], {"x": [2, 3]}, {}),
        "ABS SQRT",
    ),
    "log": (
        onnx_model(["a = Abs(x)", "y = Log(a)"], {"x": [2, 3]}, {}),
        "ABS LOG",
    ),
    "pow-half": (
        onnx_model(
            ["a = Exp(x)", "b = Pow(a, k)", "y = Pow(b, m)"],
            {"x": [2, 3]},
            {"k": scalar(0.5), "m": scalar(-0.5)},
        ),
        "EXP SQRT RSQRT",
    ),
    "clip": (one("Clip", [2, 30], scalar(-0.5), scalar(1.5)), "MAXIMUM MINIMUM"),
    "clip-low": (one("Clip", [2, 30], scalar(-0.5)), "MAXIMUM"),
    "clip-high": (one("Clip", [2, 30], None, scalar(0.5)), "MINIMUM"),
    "clip-relu": (one("Clip", [2, 30], scalar(0)), "RELU"),
    "clip-relu6": (one("Clip", [2, 30], scalar(0), scalar(6)), "RELU6"),
    "clip-6": (one("Clip", [2, 30], opset=7, min=0.0, max=6.0), "RELU6"),
    "clip-6-defaults": (one("Clip", [2, 30], opset=7, min=0.0), "RELU"),
    "clip-11": (one("Clip", [2, 30], scalar(-1), scalar(1), opset=11), "MAXIMUM MINIMUM"),
    "clip-nothing": (image_net(["y = Clip(c)"]), "CONV_2D"),
    "cast-to-itself": (image_net(["y = Cast<to=1>(c)"]), "CONV_2D"),
    "identity": (image_net(["y = Identity(c)"]), "CONV_2D"),
    "dropout": (image_net(["y, mask = Dropout(c)"]), "CONV_2D"),
}
COMPARED = [f"m{i} = {op}(x, k)" for i, op in enumerate(("Greater", "GreaterOrEqual", "Less", "LessOrEqual"))]
LOGIC: dict[str, Case] = {
    "comparisons": (
        onnx_model(
            [
                *COMPARED,
                "a = And(m0, m1)",
                "b = Or(m2, m3)",
                "n = Not(a)",
                "e = Equal(x, x)",
                "f = And(n, b)",
                "g = Or(f, e)",
                "y = Where(g, x, k)",
            ],
            {"x": [2, 5]},
            {"k": scalar(0.25)},
        ),
        (
            "GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR LOGICAL_NOT EQUAL LOGICAL_AND LOGICAL_OR "
            "SELECT_V2"
        ),
    ),
    "xor": (
        onnx_model(
            ["a = Greater(x, k)", "b = Less(x, l)", "c = Xor(a, b)", "y = Where(c, x, k)"],
            {"x": [2, 5]},
            {"k": scalar(0.25), "l": scalar(-0.25)},
        ),
        "GREATER LESS NOT_EQUAL SELECT_V2",
    ),
    "where-image": (
        image_net(
            ["m = Greater(c, k)", "n = Neg(c)", "y = Where(m, c, n)"],
            {"k": weights(4, 1, 1)},
        ),
        "CONV_2D GREATER NEG SELECT_V2",
    ),
    "where-constant-mask": (
        image_net(["y = Where(m, c, k)"], {"m": weights(6, 5) > 0, "k": scalar(-2)}),
        "CONV_2D SELECT_V2",
    ),
    "bool-output": (
        onnx_model(["y = Less(x, k)"], {"x": [2, 5]}, {"k": scalar(0)}, kind=BOOL),
        "LESS",
    ),
    "cast": (
        onnx_model(
            ["m = Greater(x, k)", "y = Cast<to=1>(m)"],
            {"x": [2, 5]},
            {"k": scalar(0)},
        ),
        "GREATER CAST",
    ),
    "cast-like": (
        onnx_model(
            ["m = Greater(x, k)", "y = CastLike(m, x)"],
            {"x": [2, 5]},
            {"k": scalar(0)},
        ),
        "GREATER CAST",
    ),
}
REFUSED = {
    "pow": one("Pow", [2, 3], scalar(1.7)),
    "pow-many": one("Pow", [2, 3], floats(1, 2, 3)),
    "pow-computed": of_two("Pow"),
    "clip-many": onnx_model(["[node] y = Clip(x, u)"], {"x": [2, 3], "u": []}, {}),
    "cast": onnx_model(["[node] y = Cast<to=3>(x)"], {"x": [2, 3]}, {}, kind=3),
    "rank": one("Add", [1, 1, 1, 1, 1, 2, 3], weights(3)),
    "integers": onnx_model(
        ["i = ArgMax<axis=1>(x)", "[node] y = Mod(i, k)"],
        {"x": [2, 3]},
        {"k": ints(2)},
        kind=TensorProto.INT64,
    ),
    "integers-and-constants": onnx_model(
        ["i = ArgMax<axis=1>(x)", "[node] y = Add(i, k)"],
        {"x": [2, 3]},
        {"k": ints(2)},
        kind=TensorProto.INT64,
    ),
    "dropout-mask": onnx_model(
        ["[node] d, m = Dropout(x)", "y = Cast<to=1>(m)"],
        {"x": [2, 3]},
        {},
    ),
}


@pytest.mark.parametrize("case", ARITHMETIC)
def test_arithmetic(case: str) -> None:
    check_case(ARITHMETIC[case])


@pytest.mark.parametrize("case", FUNCTIONS)
def test_a_function(case: str) -> None:
    check_case(FUNCTIONS[case])


@pytest.mark.parametrize("case", LOGIC)
def test_logic(case: str) -> None:
    check_case(LOGIC[case])


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_why(case: str, golden: Golden) -> None:
    check_refusal(REFUSED[case], golden)
