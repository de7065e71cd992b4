"""Quantised operators, as onnxruntime's own quantiser writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from redsc.formats.onnx.load.qoperator import QUANTIZED_OPS
from redsc.formats.onnx.reader import read_onnx
from redsc.passes.base import Log
from redsc.passes.simplify.restore_clipping import RestoreClipping
from tests.formats.onnx.models import answers, make_node, onnx_model, ops, weights


class Samples(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime ships no types
    """The inputs that the comparison uses."""

    def __init__(self, shape: list[int]) -> None:
        self.rows = iter([{"x": row} for row in weights(2, *shape)])

    def get_next(self) -> Any:
        return next(self.rows, None)


def _image(*nodes: Any, **constants: Any) -> bytes:
    """Return a convolution and nodes over its output `c`, [1, 4, 6, 6]."""
    conv = make_node("Conv", ["x", "w", "b"], ["c"], name="conv", pads=[1] * 4)
    known = {"w": weights(4, 3, 3, 3) / 5, "b": weights(4)} | constants
    return onnx_model([conv, *nodes], {"x": [1, 3, 6, 6]}, known, 13)


def _node(op: str, **attributes: Any) -> Any:
    return make_node(op, ["c"], ["y"], name="node", **attributes)


NETS = {
    "conv": (_image(_node("Relu")), "QLinearConv"),
    "add": (_image("[node] y = Add(c, c)"), "QLinearAdd"),
    "mul": (_image("[node] y = Mul(c, c)"), "QLinearMul"),
    "sigmoid": (_image(_node("Sigmoid")), "QLinearSigmoid"),
    "leaky-relu": (_image(_node("LeakyRelu", alpha=0.1)), "QLinearLeakyRelu"),
    "softmax": (_image(_node("Softmax", axis=1)), "QLinearSoftmax"),
    "global-average": (_image(_node("GlobalAveragePool")), "QLinearGlobalAveragePool"),
    "average": (_image(_node("AveragePool", kernel_shape=[2, 2])), "QLinearAveragePool"),
    "concat": (_image("[node] y = Concat<axis=1>(c, x)"), "QLinearConcat"),
    "gemm": (
        _image(
            "[flatten] f = Flatten(c)",
            "[node] y = Gemm<transB=1>(f, v, u)",
            v=weights(3, 144) / 12,
            u=weights(3),
        ),
        "QGemm",
    ),
    "matmul": (
        onnx_model(["[node] y = MatMul(x, v)"], {"x": [1, 3, 6, 6]}, {"v": weights(6, 5)}, 13),
        "QLinearMatMul",
    ),
}


@pytest.mark.parametrize("activation", [QuantType.QInt8, QuantType.QUInt8])
@pytest.mark.parametrize("case", NETS)
def test_a_quantised_operator_is_the_float_one_between_pairs(case: str, activation: Any, tmp_path: Path) -> None:
    data, wanted = NETS[case]
    target = tmp_path / "model.onnx"
    quantize_static(
        onnx.load_model_from_string(data),
        target,
        Samples([1, 3, 6, 6]),
        quant_format=QuantFormat.QOperator,
        activation_type=activation,
        weight_type=QuantType.QInt8,
        per_channel=case in ("conv", "matmul"),
    )
    quantised = target.read_bytes()
    assert wanted in {node.op_type for node in onnx.load_model_from_string(quantised).graph.node}
    found = read_onnx(quantised)
    RestoreClipping().run(found.graph, Log())  # the quantiser dropped a Relu
    assert all(value.type.quant for value in found.graph.inputs)
    (expected, *_), (answered, *_) = answers(quantised, found)
    assert np.abs(expected[0] - answered[0]).max() < 0.05 * np.abs(expected[0]).max()
    assert "QUANTIZE" not in ops(found.graph)


def test_every_quantised_operator_has_a_case() -> None:
    assert {wanted for _, wanted in NETS.values()} == set(QUANTIZED_OPS)
