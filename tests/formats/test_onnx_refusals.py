"""ONNX files that are legal, or nearly, and that an earlier version took for something else."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from redsc.errors import MalformedModel, UnsupportedError
from redsc.formats.onnx.reader import read_onnx
from redsc.ir import Array
from tests.formats.test_onnx_reader import assert_same_answers, one_node, onnx_model, read

W34 = np.ones((3, 4), np.float32)


def test_a_bias_that_is_left_out_by_an_empty_name_is_none() -> None:
    data = one_node("Gemm", ["x", "w", ""], [1, 3], w=W34)
    assert_same_answers(data, *read_onnx(data))


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (4,), (1, 4)])
def test_a_bias_may_have_every_shape_that_is_one_number_per_output(shape: tuple[int, ...]) -> None:
    bias: Array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    data = one_node("Gemm", ["x", "w", "c"], [4, 3], w=W34, c=bias)
    assert_same_answers(data, *read_onnx(data))


def test_a_bias_per_row_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"its bias has the shape \[4, 1\]"):
        read(one_node("Gemm", ["x", "w", "c"], [4, 3], w=W34, c=np.ones((4, 1), np.float32)))


def test_axes_that_repeat_are_malformed() -> None:
    with pytest.raises(MalformedModel, match="are not 2 different axes"):
        read(one_node("ReduceMean", ["x", "a"], [2, 3], a=np.array([-1, 1], np.int64)))


def test_a_pool_over_volumes_pools_all_of_them() -> None:
    data = one_node("GlobalAveragePool", ["x"], [1, 2, 3, 4, 5])
    assert_same_answers(data, *read_onnx(data))


@pytest.mark.parametrize("op", ["Relu", "Flatten"])
def test_an_op_over_a_constant_is_refused(op: str) -> None:
    nodes = [helper.make_node(op, ["k"], ["z"], name="node"), helper.make_node("Relu", ["x"], ["y"])]
    with pytest.raises(UnsupportedError, match=f"at {op} 'node': its input is a constant"):
        read(onnx_model(nodes, {"x": [1, 4]}, {"k": np.ones((1, 4), np.float32)}))


def test_an_input_that_is_no_float_is_refused() -> None:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, [1, 4])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    with pytest.raises(UnsupportedError, match="at 'x': it is no float32"):
        read(model.SerializeToString())


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
