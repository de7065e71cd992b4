"""ONNX files that are legal, or nearly, and that an earlier version took for something else."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from redsc.errors import MalformedModel, UnsupportedError
from tests.formats.onnx.models import check_case, one_node, onnx_model, read

W34 = np.ones((3, 4), np.float32)


def test_a_bias_that_is_left_out_by_an_empty_name_is_none() -> None:
    check_case((one_node("Gemm", ["x", "w", ""], [1, 3], w=W34), "FULLY_CONNECTED"))


def test_axes_that_repeat_are_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"its axes \[1, 1\] are not different axes of rank 2"):
        read(one_node("ReduceMean", ["x", "a"], [2, 3], a=np.array([-1, 1], np.int64)))


def test_an_input_that_is_no_float_is_refused() -> None:
    kind = TensorProto.DOUBLE
    with pytest.raises(UnsupportedError, match="at 'x': it is no float32"):
        read(onnx_model(["y = Relu(x)"], {"x": [1, 4]}, {}, kind=kind, input_kind=kind))


@pytest.mark.parametrize("opset", [1, 6, 99])
def test_an_opset_that_is_not_known_is_refused(opset: int) -> None:
    with pytest.raises(UnsupportedError, match=f"the model uses opset {opset}") as caught:
        read(one_node("Relu", ["x"], [1, 4], opset=opset))
    assert caught.value.diagnostic.code == "N407"


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_malformed(number: float) -> None:
    weight = W34.copy()
    weight[1, 2] = number
    with pytest.raises(MalformedModel, match="'w' holds NaN or infinity"):
        read(one_node("Gemm", ["x", "w"], [1, 3], w=weight))
