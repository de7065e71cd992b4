"""Let convolutions and pools pad their images themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from redsc.ir import Array, DType, Graph, Node, Padding, Pool2D, Reshape, TensorType, Value
from redsc.ir.ops.windows import count_windows
from redsc.passes.base import Exactness, Log, Pass
from redsc.passes.simplify.fuse_activation import FUSABLE

__all__ = ["FoldPadding"]

_PADS = ("PAD", "PADV2")


@dataclass(frozen=True, slots=True)
class FoldPadding(Pass):
    """Fold PAD and PADV2 into the convolution or pool that reads the padded image.

    With padding SAME a window over `size` elements reaches total = max((out - 1) * stride + reach - size, 0) beyond
    them, total // 2 before (TFLite, kernels/padding.h). What lies there counts as 0, in max pooling as nothing. It
    saves the padded copy of the image.

    1. A CONV_2D or DEPTHWISE_CONV_2D with padding VALID takes padding SAME where its windows then begin at the same
       elements and are as many.
    2. Refuses when something else reads the padded image, or batch or channels are padded.
    3. Refuses when the padding is not zero: 0.0, in int8 the zero point.
    4. A MAX_POOL_2D does likewise when no element is less than the padding: that is the lowest number there is, or
       at most zero, and the image is made by RELU or RELU6, fused or not.
    5. Refuses before other pools: they divide by the number of elements inside the image.
    6. Two paddings with the same number become one when nothing else reads the image between them.
    7. A padding by nothing becomes a RESHAPE, which drop-identities drops.
    8. Paddings that give the same numbers another scale stay. A float result without an int8 form gives none.
    """

    name: ClassVar[str] = "fold-padding"
    summary: ClassVar[str] = "let convolutions and pools pad their images themselves"
    preserves: ClassVar[Exactness] = Exactness.BIT_EXACT

    def run(self, graph: Graph, log: Log) -> bool:
        """Walk once in schedule order: a padding takes over the one before it, then goes into its reader."""
        pads = [node for node in list(graph.nodes) if node.op in _PADS]
        return bool([node for node in pads if self._simplify(graph, node, log)])

    def _simplify(self, graph: Graph, node: Node, log: Log) -> bool:
        if not _keeps_scale(node):
            return False
        joined = self._join(graph, node, log)
        return self._drop(graph, node, log) or self._fold(graph, node, log) or joined

    def _join(self, graph: Graph, node: Node, log: Log) -> bool:
        middle = node.operand(0)
        first = middle.producer
        if first is None or first.op not in _PADS or not _keeps_scale(first):
            return False
        if _number(first) is None or _number(first) != _number(node):
            log.refuse(self.name, node.name, f"the {first.op} before it pads with another number")
            return False
        if not graph.is_private(middle):
            log.refuse(self.name, node.name, f"{middle.name!r} is read elsewhere")
            return False
        name = graph.unused_name(f"{node.outputs[0].name}.paddings")
        amounts = Value.constant(name, _amounts(first) + _amounts(node))
        graph.rewrite(node, node.op, [first.operand(0), amounts, *node.inputs[2:]], node.attrs)
        graph.remove(first)
        log.change(self.name, node.name, f"takes over the {first.op} before it", middle.type.nbytes)
        return True

    def _drop(self, graph: Graph, node: Node, log: Log) -> bool:
        if _amounts(node).any():
            return False
        log.change(self.name, node.name, f"{node.op} pads by nothing", node.outputs[0].type.nbytes)
        graph.rewrite(node, "RESHAPE", [node.operand(0)], Reshape(node.outputs[0].type.shape))
        return True

    def _fold(self, graph: Graph, node: Node, log: Log) -> bool:
        padded = node.outputs[0]
        reader = next((use.node for use in padded.uses if use.index == 0 and _is_window(use.node)), None)
        if reader is None:
            return False
        reason = _why_not(graph, node, reader)
        if reason:
            log.refuse(self.name, node.name, reason)
            return False
        attrs = replace(reader.attrs, padding=Padding.SAME)
        graph.rewrite(reader, reader.op, [node.operand(0), *reader.inputs[1:]], attrs)
        graph.remove(node)
        log.change(self.name, reader.name, "pads its image itself", padded.type.nbytes)
        return True


def _keeps_scale(node: Node) -> bool:
    return node.outputs[0].type.quant in (node.operand(0).type.quant, None)


def _amounts(node: Node) -> Array:
    """Return the constant amounts before and after, per axis."""
    return np.asarray(node.operand(1).data)


def _number(node: Node) -> float | None:
    """Return the number that a node pads with, as it is stored; None where it is not constant."""
    if node.op == "PAD":
        return _zero(node.outputs[0].type)
    data = node.operand(2).data
    return None if data is None else data.reshape(-1)[0].item()


def _zero(kind: TensorType) -> float:
    """Return the number that stands for 0."""
    return 0.0 if kind.quant is None or kind.dtype is DType.FLOAT32 else kind.quant.zero_point


def _why_not(graph: Graph, node: Node, reader: Node) -> str | None:
    """Return why the reader of a padded image may not pad it itself, or None."""
    padded = node.outputs[0]
    is_neutral, otherwise = _WINDOWS[reader.op]
    if not graph.is_private(padded):
        return f"{padded.name!r} is read elsewhere"
    if not is_neutral(node):
        return otherwise
    if _amounts(node)[[0, -1]].any():
        return "it pads batch or channels"
    if not _begin_alike(node, reader):
        return f"{reader.op} with padding SAME begins elsewhere or has another size"
    return None


def _begin_alike(node: Node, reader: Node) -> bool:
    """Whether SAME windows over an image begin where VALID windows over the padded one do, and are as many."""
    sizes, results = node.operand(0).type.shape[1:3], reader.outputs[0].type.shape[1:3]
    wanted = zip(results, _amounts(node)[1:3, 0].tolist(), strict=True)
    return [_same(size, *item) for size, item in zip(sizes, _windows(reader), strict=True)] == list(wanted)


def _windows(reader: Node) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return reach and stride of the windows along height and width."""
    a = reader.attrs
    if isinstance(a, Pool2D):
        return (a.filter_h, a.stride_h), (a.filter_w, a.stride_w)
    kernel_h, kernel_w = reader.operand(1).type.shape[1:3]
    return ((kernel_h - 1) * a.dilation_h + 1, a.stride_h), ((kernel_w - 1) * a.dilation_w + 1, a.stride_w)


def _same(size: int, reach: int, stride: int) -> tuple[int, int]:
    """Return how many windows SAME makes, and how far the first one begins before the image."""
    count = count_windows(size, reach, stride, 1, Padding.SAME)
    return count, max((count - 1) * stride + reach - size, 0) // 2


def _is_window(node: Node) -> bool:
    return node.op in _WINDOWS and node.attrs.padding is Padding.VALID


def _pads_zero(node: Node) -> bool:
    return _number(node) == _zero(node.outputs[0].type)


def _pads_the_least(node: Node) -> bool:
    """Whether no element of an image can be less than what it is padded with."""
    number, kind = _number(node), node.outputs[0].type
    if number is None:
        return False
    lowest = np.finfo(np.float32).min if kind.dtype is DType.FLOAT32 else np.iinfo(kind.dtype.numpy).min
    return number == lowest or (number <= _zero(kind) and _is_rectified(node.operand(0)))


def _is_rectified(value: Value) -> bool:
    maker = value.producer
    if maker is None:
        return False
    return maker.op in FUSABLE or getattr(maker.attrs, "activation", None) in FUSABLE.values()


def _never(_node: Node) -> bool:
    return False


_LINEAR = (_pads_zero, "the padding is not zero")
_DIVIDES = (_never, "the pool divides by the number of elements inside the image")
_WINDOWS: dict[str, tuple[Callable[[Node], bool], str]] = {
    "CONV_2D": _LINEAR,
    "DEPTHWISE_CONV_2D": _LINEAR,
    "MAX_POOL_2D": (_pads_the_least, "elements of the image may be less than the padding"),
    "AVERAGE_POOL_2D": _DIVIDES,
    "L2_POOL_2D": _DIVIDES,
}
