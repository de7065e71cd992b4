"""Dense layers and matrix products."""

from __future__ import annotations

import numpy as np

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import Kind, source_layout
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.ops.row import OnnxOp, Rows
from redsc.formats.onnx.rearrange import rearrange
from redsc.ir import BatchMatMul, FullyConnected, Value

__all__ = ["DENSE_ROWS", "is_dense"]


def is_dense(context: OnnxContext, node: OnnxNode, name: str) -> bool:
    """Whether a node multiplies rows of tensor `name` by constant weights: it can follow any order of columns."""
    constant = context.is_constant(node.input(1)) and context.rank(node.input(1)) <= 2
    reads_once = node.input(0) == name and name not in node.inputs[1:]
    return node.op in ("Gemm", "MatMul") and constant and reads_once and not node.get("transA", 0)


def _gemm(context: OnnxContext, node: OnnxNode) -> None:
    """Y = alpha A' B' + beta C: a dense layer where B is constant and C has one number per output."""
    source, is_turned = context.value_as(node.input(0), source_layout(2)), bool(node.get("transB", 0))
    if node.get("transA", 0):
        source = rearrange(
            context.builder, source, source.type.shape, (1, 0), source.type.shape[::-1], node.input(0)
        )
    alpha, beta = float(node.get("alpha", 1.0)), float(node.get("beta", 1.0))
    addend = node.input(2)
    if context.is_constant(node.input(1)):
        kernel = _kernel(context, node, 0 if is_turned else 1, alpha)
        bias = _bias(context, node, kernel.type.shape[0], beta)
        product = _dense(context, node, source, kernel, bias)
        addend = addend if bias is None else ""
    else:
        other = context.value_as(node.input(1), source_layout(2))
        product = context.step(node, "BATCH_MATMUL", source, other, attrs=BatchMatMul(adj_y=is_turned), part="")
        product = _times(context, node, product, alpha, "scaled")
    if addend:
        term = _times(context, node, context.operand(addend, node.output), beta, "term")
        product = context.step(node, "ADD", product, term, part="sum")
    context.arrange_from_file(node, product)


def _times(context: OnnxContext, node: OnnxNode, value: Value, factor: float, part: str) -> Value:
    return value if factor == 1 else context.step(node, "MUL", value, factor, part=part)


def _matmul(context: OnnxContext, node: OnnxNode) -> None:
    """A vector is a matrix of one row on the left and of one column on the right."""
    left, right = node.input(0), node.input(1)
    source = context.value_as(left, source_layout(context.rank(left)))
    if len(source.type.shape) == 1:
        source = rearrange(context.builder, source, source.type.shape, (0,), (1, *source.type.shape), left)
    if context.is_constant(right) and context.rank(right) <= 2:
        product = _dense(context, node, source, _kernel(context, node, 1), None)
    else:
        other = context.value_as(right, source_layout(context.rank(right)))
        if len(other.type.shape) == 1:
            other = rearrange(context.builder, other, other.type.shape, (0,), (*other.type.shape, 1), right)
        product = context.step(node, "BATCH_MATMUL", source, other, attrs=BatchMatMul(), part="")
    context.arrange_from_file(node, product)


def _kernel(context: OnnxContext, node: OnnxNode, out_axis: int, alpha: float = 1.0) -> Value:
    """Return the constant weights: a row per output, its columns in the order in which the graph has them."""
    weight = context.floats(node.input(1), "its weights are")
    rows = weight if out_axis == 0 else weight.reshape(len(weight), -1).T
    columns = context.columns.get(node.input(0))
    if columns is not None:
        rows = rows[:, columns]
    name = node.input(1) if alpha == 1 else f"{node.output}.weight"  # what is scaled has no int8 form any more
    return context.weight(name, rows * np.float32(alpha), 0, out_axis)


def _bias(context: OnnxContext, node: OnnxNode, units: int, beta: float) -> Value | None:
    """Return Gemm's C as one number per output; None where there is none or it is something else."""
    name = node.input(2)
    if not name or not context.is_constant(name):
        return None
    bias = context.floats(name, "its bias is")
    if bias.shape not in ((), (1,), (1, 1), (units,), (1, units)):
        return None
    numbers = np.broadcast_to(bias.reshape(-1), units) * np.float32(beta)
    return context.weight(name if beta == 1 else f"{node.output}.bias", numbers, 0)


def _dense(context: OnnxContext, node: OnnxNode, source: Value, kernel: Value, bias: Value | None) -> Value:
    if bias is None:
        bias = context.builder.constant(f"{node.output}.bias", np.zeros(kernel.type.shape[0], np.float32))
    attrs = FullyConnected(keep_num_dims=len(source.type.shape) > 2)
    return context.step(node, "FULLY_CONNECTED", source, kernel, bias, attrs=attrs, part="")


DENSE_ROWS: Rows = {
    "Gemm": OnnxOp(_gemm, Kind.RELAYOUT),
    "MatMul": OnnxOp(_matmul, Kind.RELAYOUT),
}
