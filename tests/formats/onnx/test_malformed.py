from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from redsc.errors import LimitExceeded, MalformedModel
from redsc.formats.onnx.reader import read_onnx


def _onnx(*nodes: Any, dims: list[int] | None = None, raw: bytes | None = None) -> bytes:
    weight = numpy_helper.from_array(np.zeros((3, 4), np.float32), "w")
    if dims is not None:
        del weight.dims[:]
        weight.dims.extend(dims)
    if raw is not None:
        weight.raw_data = raw
    graph = helper.make_graph(
        list(nodes) or [helper.make_node("Gemm", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return bytes(model.SerializeToString())


ONNX = {
    "unknown-tensor": _onnx(helper.make_node("Relu", ["nowhere"], ["y"])),
    "cycle": _onnx(helper.make_node("Relu", ["b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])),
    "late": _onnx(helper.make_node("Relu", ["a"], ["y"]), helper.make_node("Relu", ["x"], ["a"])),
    "two-producers": _onnx(helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Relu", ["x"], ["y"])),
    "makes-an-input": _onnx(helper.make_node("Relu", ["x"], ["x"]), helper.make_node("Relu", ["x"], ["y"])),
    "no-operands": _onnx(helper.make_node("Gemm", [], ["y"])),
    "no-outputs": _onnx(helper.make_node("Relu", ["x"], [])),
    "negative-shape": _onnx(dims=[-3, 4]),
    "short-data": _onnx(raw=bytes(12)),
    "long-data": _onnx(raw=bytes(4096)),
    "truncated": _onnx()[:-20],
    "no-nodes": _onnx()[:4],
}


@pytest.mark.parametrize("case", ONNX)
def test_a_hostile_onnx_file(case: str) -> None:
    with pytest.raises(MalformedModel):
        read_onnx(ONNX[case])


@pytest.mark.parametrize("dims", [[2**40, 2**40], [1] * 7 + [3, 4]])
def test_a_constant_beyond_the_limits(dims: list[int]) -> None:
    with pytest.raises(LimitExceeded):
        read_onnx(_onnx(dims=dims))


def test_a_name_that_is_not_text() -> None:
    """Protobuf hands out a name that is no UTF-8 as bytes."""
    data = _onnx(helper.make_node("Relu", ["x"], ["y"], name="REPLACED"))
    with pytest.raises(MalformedModel):
        read_onnx(data.replace(b"REPLACED", b"REPL\xff\xfeED"))
