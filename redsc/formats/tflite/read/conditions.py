"""Conditions of a TFLite file that follow from constants and sizes: shapes are static, so these are known.

Converters ask for sizes (SHAPE, STRIDED_SLICE, EQUAL). The few integer operators of such questions are here; what
else depends on constants only is computed later, by LiteRT (passes/simplify/fold_constants.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from redsc.ir import Activation, Array, DType, Node, Value
from redsc.ir.ops.cut import strided_axes
from redsc.limits import DEFAULT_LIMITS

__all__ = ["COMPUTED", "Known"]

_KINDS = (DType.INT32, DType.INT64, DType.BOOL)

_Compute = Callable[..., Array]


@dataclass(frozen=True, slots=True)
class Known:
    """The integers and truth values of small tensors that are known, while a graph is read."""

    numbers: dict[Value, Array] = field(default_factory=dict)

    def of(self, value: Value) -> Array | None:
        """Return what a tensor holds, None where that is not known."""
        if value.type.dtype not in _KINDS or value.type.elements > DEFAULT_LIMITS.known_elements:
            return None
        return self.numbers.get(value) if value.data is None else value.data

    def note(self, node: Node) -> None:
        """Note what a node makes, if all that it reads is known."""
        value, compute = node.outputs[0], COMPUTED.get(node.op)
        if compute is None or getattr(node.attrs, "activation", _NONE) is not _NONE:
            return
        operands = [None if item is None else self.of(item) for item in node.inputs]
        if node.op == "SHAPE":
            operands = [np.array(node.operand(0).type.shape)]
        if all(item is not None for item in operands) and value.type.elements <= DEFAULT_LIMITS.known_elements:
            found = np.asarray(compute(node, *operands)).astype(value.type.dtype.numpy)
            self.numbers[value] = found.reshape(value.type.shape)

    def causes(self, value: Value) -> Iterator[str]:
        """Yield why a tensor is not known: the names of inputs, and of results of other operators."""
        waiting, seen = [value], set[Value]()
        while waiting:
            item = waiting.pop()
            operands = [] if item.producer is None or item.producer.op not in COMPUTED else item.producer.inputs
            unknown = [v for v in operands if v is not None and v.data is None and self.of(v) is None]
            waiting += [operand for operand in unknown if operand not in seen]
            seen.update(unknown)
            if not unknown:
                yield item.name


def _elementwise(function: Callable[..., Array]) -> _Compute:
    return lambda _node, *operands: function(*operands)


def _sliced(node: Node, data: Array, *bounds: Array) -> Array:
    begins, ends, strides = ([int(number) for number in row] for row in bounds)
    return data[strided_axes(node.attrs, begins, ends, strides)]


_NONE = Activation.NONE
COMPUTED: Mapping[str, _Compute] = {
    "SHAPE": _elementwise(np.asarray),
    "ADD": _elementwise(np.add),
    "SUB": _elementwise(np.subtract),
    "MUL": _elementwise(np.multiply),
    "MAXIMUM": _elementwise(np.maximum),
    "MINIMUM": _elementwise(np.minimum),
    "EQUAL": _elementwise(np.equal),
    "NOT_EQUAL": _elementwise(np.not_equal),
    "GREATER": _elementwise(np.greater),
    "GREATER_EQUAL": _elementwise(np.greater_equal),
    "LESS": _elementwise(np.less),
    "LESS_EQUAL": _elementwise(np.less_equal),
    "LOGICAL_AND": _elementwise(np.logical_and),
    "LOGICAL_OR": _elementwise(np.logical_or),
    "LOGICAL_NOT": _elementwise(np.logical_not),
    "CAST": _elementwise(np.asarray),
    "SQUEEZE": _elementwise(np.asarray),
    "RESHAPE": _elementwise(np.asarray),
    "PACK": lambda node, *operands: np.stack(operands, node.attrs.axis),
    "CONCATENATION": lambda node, *operands: np.concatenate(operands, node.attrs.axis),
    "REDUCE_ALL": lambda _node, data, axes: np.all(data, tuple(int(n) for n in axes.reshape(-1))),
    "STRIDED_SLICE": _sliced,
}
