"""Which tensors a kernel's Prepare asks for, in its order; each asking allocates anew until Prepare is over.

Source: Prepare of the reference kernels in tensorflow/lite/micro/kernels.
"""

from __future__ import annotations

from collections.abc import Callable

from redsc.ir import DType, Node, Value

__all__ = [
    "assigned",
    "concatenation",
    "conv",
    "each_once",
    "nothing",
    "operands",
    "reduction",
    "source_and_output",
    "tanh",
    "transpose_conv",
    "twice",
]


def nothing(_node: Node) -> tuple[Value, ...]:
    """It asks for none."""
    return ()


def each_once(node: Node) -> tuple[Value, ...]:
    """It asks for every operand, then for every result."""
    return (*node.present_inputs(), *node.outputs)


def operands(*indices: int) -> Callable[[Node], tuple[Value, ...]]:
    """Return the rule of a kernel that asks for these operands and for no result."""
    return lambda node: tuple(node.operand(index) for index in indices)


def source_and_output(node: Node) -> tuple[Value, ...]:
    """It asks for the first operand alone, then for the results."""
    return (node.operand(0), *node.outputs)


def twice(node: Node) -> tuple[Value, ...]:
    """It asks for these again after the Prepare that it shares with others (cmsis_nn/pooling.cc)."""
    return source_and_output(node) * 2


def tanh(node: Node) -> tuple[Value, ...]:
    """tanh.cc asks for its operand once more before."""
    return (node.operand(0), *source_and_output(node))


def concatenation(node: Node) -> tuple[Value, ...]:
    """concatenation.cc asks for the first operand, the output, then for every operand."""
    return (*source_and_output(node), *node.present_inputs())


def conv(node: Node) -> tuple[Value, ...]:
    """conv_common.cc and depthwise_conv_common.cc ask for tensors in Prepare and again where they quantise."""
    source, weight, *bias = node.present_inputs()
    return (*node.outputs, source, weight, source, weight, *bias, *node.outputs)


def transpose_conv(node: Node) -> tuple[Value, ...]:
    """transpose_conv.cc never asks for operand 0, the shape, and quantises int8 only."""
    _shape, weight, source, *bias = node.present_inputs()
    first = (*node.outputs, source, weight)
    return (*first, source, weight, *bias, *node.outputs) if source.type.dtype is DType.INT8 else first


def reduction(node: Node) -> tuple[Value, ...]:
    """reduce_common.cc asks in its helper and in PrepareSimple, there for the output of int8 only."""
    source, axes = node.present_inputs()
    again = node.outputs if source.type.dtype is DType.INT8 else ()
    return (source, *node.outputs, axes, source, axes, *again)


def assigned(node: Node) -> tuple[Value, ...]:
    """assign_variable.cc asks for the value alone, which comes after the handle."""
    return (node.inputs[-1],) if node.inputs[-1] else ()
