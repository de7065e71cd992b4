"""Quantised operators, as DequantizeLinear - operator - QuantizeLinear.

onnxruntime's "QOperator" format has them in place of QDQ pairs. A pair says the same with operators that everybody
knows: shapes can be inferred, and one absorber reads both formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from redsc.formats.onnx.protobuf import set_nodes

__all__ = ["QUANTIZED_OPS", "expand_quantized_ops"]


@dataclass(frozen=True, slots=True)
class _Quantized:
    """The float operator, where (tensor, scale, zero point) triples start, and where the output's scale is.

    `bias` is the place of an int32 bias, whose scale is the product of those of the first two triples; `axis` is
    that of a scale per channel of the second triple. Sources: onnxruntime/docs/ContribOperators.md and
    onnx/docs/Operators.md.
    """

    op: str
    triples: tuple[int, ...]
    output: int
    bias: int | None = None
    axis: int = 0


QUANTIZED_OPS: dict[str, _Quantized] = {
    "QLinearConv": _Quantized("Conv", (0, 3), 6, bias=8),
    "QLinearMatMul": _Quantized("MatMul", (0, 3), 6, axis=1),
    "QGemm": _Quantized("Gemm", (0, 3), 7, bias=6),
    "QLinearAdd": _Quantized("Add", (0, 3), 6),
    "QLinearMul": _Quantized("Mul", (0, 3), 6),
    "QLinearSigmoid": _Quantized("Sigmoid", (0,), 3),
    "QLinearLeakyRelu": _Quantized("LeakyRelu", (0,), 3),
    "QLinearSoftmax": _Quantized("Softmax", (0,), 3),
    "QLinearGlobalAveragePool": _Quantized("GlobalAveragePool", (0,), 3),
    "QLinearAveragePool": _Quantized("AveragePool", (0,), 3),
    "QLinearConcat": _Quantized("Concat", (), 0),  # its triples are all that follow the output's scale
}
_PAIR = ("QuantizeLinear", "DequantizeLinear")
_OWN_ATTRIBUTES = {"channels_last", "opset"}  # onnxruntime's, with no place in the float operator


def expand_quantized_ops(onnx: Any, proto: Any) -> None:
    """Replace every quantised operator of a graph by pairs around the float operator.

    Microsoft's own Q and DQ are those of ONNX, and take more types in old opsets.
    """
    for node in proto.node:
        if node.op_type in _PAIR:
            node.domain = ""
    if not any(node.op_type in QUANTIZED_OPS for node in proto.node):
        return
    set_nodes(proto, [part for node in proto.node for part in _expanded(onnx, node)])


def _expanded(onnx: Any, node: Any) -> Iterator[Any]:
    row = QUANTIZED_OPS.get(node.op_type)
    if row is None:
        yield node
        return
    make, name, inputs = onnx.helper.make_node, node.output[0], list(node.input)
    triples = row.triples or tuple(range(row.output + 2, len(inputs), 3))
    operands = []
    for place, start in enumerate(triples):
        operands.append(f"{name}/operand{place}")
        axis = {"axis": row.axis} if place == 1 else {}
        yield make("DequantizeLinear", inputs[start : start + 3], operands[-1:], f"{node.name}/dq{place}", **axis)
    if row.bias is not None and row.bias < len(inputs) and inputs[row.bias]:
        scale = f"{name}/bias_scale"
        yield make("Mul", [inputs[triples[0] + 1], inputs[triples[1] + 1]], [scale])
        yield make("DequantizeLinear", [inputs[row.bias], scale], [f"{name}/bias"], axis=0)
        operands.append(f"{name}/bias")
    plain = make(row.op, operands, [f"{name}/real"], node.name)
    plain.attribute.extend(item for item in node.attribute if item.name not in _OWN_ATTRIBUTES)
    yield plain
    yield make("QuantizeLinear", [f"{name}/real", *inputs[row.output : row.output + 2]], [name], f"{node.name}/q")
