"""Elements that constants bring to their places."""

from __future__ import annotations

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

PICKED = "RESHAPE GATHER RESHAPE"
SCATTERED = "RESHAPE RESHAPE CONCATENATION GATHER RESHAPE"
TABLE = np.array([[0, 2, 1], [1, -1, 0]])
UPDATES = {"x": [4, 3], "u": [2, 3]}


def scatter(op: str, indices: np.ndarray, opset: int = 18, **attributes: object) -> bytes:
    """Return a model that writes `u` into `x`."""
    node = make_node(op, ["x", "i", "u"], ["y"], name="node", **attributes)
    return onnx_model([node], UPDATES, {"i": indices}, opset)


CASES: dict[str, Case] = {
    "gather-elements": (one("GatherElements", [4, 3], TABLE, axis=0), PICKED),
    "gather-nd": (one("GatherND", [4, 3], np.array([[1, 2], [0, 0]])), "RESHAPE GATHER"),
    "gather-nd-rows": (one("GatherND", [4, 3, 2], np.array([[[1], [3]]])), PICKED),
    "gather-elements-of-an-image": (
        image_net(["y = GatherElements<axis=2>(c, i)"], {"i": np.ones((1, 4, 2, 5), np.int64)}),
        "CONV_2D RESHAPE TRANSPOSE RESHAPE RESHAPE GATHER RESHAPE",
    ),
    "reverse-sequence": (one("ReverseSequence", [4, 3], ints(1, 4, 2), batch_axis=1, time_axis=0), PICKED),
    "scatter": (scatter("Scatter", TABLE, opset=10), SCATTERED),
    "scatter-elements": (scatter("ScatterElements", TABLE, axis=1), SCATTERED),
    "scatter-nd": (scatter("ScatterND", np.array([[3], [1]])), SCATTERED),
}
REFUSED = {
    "sum": scatter("ScatterND", np.array([[3], [1]]), reduction="add"),
    "computed": onnx_model(
        ["i = Cast<to=7>(x)", "[node] y = GatherElements(x, i)"],
        {"x": [4, 3]},
        {},
    ),
    "shapes": one("GatherElements", [4, 3], TABLE, axis=1),
    "many": one("GatherElements", [1, 70_000], np.zeros((1, 1), np.int64), axis=1),
}


@pytest.mark.parametrize("case", CASES)
def test_elements_are_picked(case: str) -> None:
    check_case(CASES[case])


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_why(case: str, golden: Golden) -> None:
    check_refusal(REFUSED[case], golden)


def test_what_is_constant_is_folded() -> None:
    """The weights of a layer may be gathered."""
    gather = "w = GatherElements<axis=0>(k, i)"
    constants = {"k": weights(4, 3), "i": TABLE}
    model = onnx_model([gather, "y = MatMul(x, w)"], {"x": [1, 2]}, constants)
    check_case((model, "FULLY_CONNECTED"))
