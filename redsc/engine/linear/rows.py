"""Rows of the engine's table for linear layers, whose weights levels share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from redsc.choices import Kernels
from redsc.engine.call import Call
from redsc.engine.linear.float32 import FLOAT_LINEAR
from redsc.engine.linear.int8 import INT8_LINEAR
from redsc.engine.linear.transpose_conv import transpose_conv_calls
from redsc.engine.shared import Held, Shared
from redsc.formats.tables import CannotTranslate
from redsc.ir import DType, Node

__all__ = ["LINEAR"]


def _calls(node: Node, shared: Shared, kernels: Kernels) -> Iterable[Call]:
    held = _hold(node, shared)
    if node.outputs[0].type.dtype is DType.INT8:
        return INT8_LINEAR[node.op](node, held, kernels)
    return FLOAT_LINEAR[node.op](node, held)


def _transpose_conv_calls(node: Node, shared: Shared, _kernels: Kernels) -> Iterable[Call]:
    return transpose_conv_calls(node, _hold(node, shared))


def _hold(node: Node, shared: Shared) -> Held:
    if not node.operand(1).is_constant:
        raise CannotTranslate("its weights are not constant")
    return shared.hold(node.operand(1))


LINEAR: Mapping[str, Callable[[Node, Shared, Kernels], Iterable[Call]]] = {
    **dict.fromkeys(FLOAT_LINEAR, _calls),
    "TRANSPOSE_CONV": _transpose_conv_calls,
}
