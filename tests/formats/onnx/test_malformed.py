from __future__ import annotations

import numpy as np
import pytest
from onnx import load_model_from_string

from redsc.errors import LimitExceeded, MalformedModel
from redsc.formats.onnx.reader import read_onnx
from tests.formats.onnx.models import onnx_model


def _onnx(*nodes: str, dims: list[int] | None = None, raw: bytes | None = None) -> bytes:
    data = onnx_model(nodes or ["y = Gemm(x, w)"], {"x": [1, 3]}, {"w": np.zeros((3, 4), np.float32)})
    model = load_model_from_string(data)
    (weight,) = model.graph.initializer
    if dims is not None:
        del weight.dims[:]
        weight.dims.extend(dims)
    if raw is not None:
        weight.raw_data = raw
    return bytes(model.SerializeToString())


ONNX = {
    "unknown-tensor": _onnx("y = Relu(nowhere)"),
    "cycle": _onnx("a = Relu(b)", "b = Relu(a)"),
    "late": _onnx("y = Relu(a)", "a = Relu(x)"),
    "two-producers": _onnx("y = Relu(x)", "y = Relu(x)"),
    "makes-an-input": _onnx("x = Relu(x)", "y = Relu(x)"),
    "no-operands": _onnx("y = Gemm()"),
    "no-outputs": _onnx(" = Relu(x)"),
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
    data = _onnx("[REPLACED] y = Relu(x)")
    with pytest.raises(MalformedModel):
        read_onnx(data.replace(b"REPLACED", b"REPL\xff\xfeED"))
