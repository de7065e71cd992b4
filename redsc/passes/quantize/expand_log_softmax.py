"""Write LOG_SOFTMAX in parts where the fixed scale of its int8 kernel does not suit what it gives."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from redsc.ir import DType, Graph, Mean, Node, Reduce, Sub, TensorType, Value, op_def
from redsc.passes.base import Exactness, Log, Pass
from redsc.runtime.observe.ranges import Range

__all__ = ["ExpandLogSoftmax"]

_LEAST = -16.0  # of what the kernel can give: 256 steps of 1/16 (LiteRT, log_softmax.cc)
_COARSE = -4.0  # three quarters of the steps are idle from here on
_MOST_AXES = 4  # that tflite-micro broadcasts in SUB


@dataclass(frozen=True, slots=True)
class ExpandLogSoftmax(Pass):
    """Replace LOG_SOFTMAX(x) by d - log(sum(exp(d))), d = x - max(x), before calibration.

    The int8 kernel gives steps of 1/16 from -16 to 0. A trained classifier goes far below, where the kernel
    saturates; others use a few steps. The parts have the scales that calibration finds; exp and log become tables.
    On normal logits times ten this is 36 dB against 7, with 35 classes.

    1. Fires on a float LOG_SOFTMAX that was seen to give less than -16, or nothing below -4.
    2. Leaves nodes alone that stay float, whose result the user gave an int8 form, or that nothing was observed of.
    3. Leaves more than four axes alone: the parts could not broadcast them.
    """

    name: ClassVar[str] = "expand-log-softmax"
    summary: ClassVar[str] = "write LOG_SOFTMAX in parts where its int8 scale does not suit"
    preserves: ClassVar[Exactness] = Exactness.FLOAT_CLOSE

    ranges: Mapping[str, Range] = field(default_factory=dict)
    keep_float: Collection[str] = ()

    def run(self, graph: Graph, log: Log) -> bool:
        """Look at every LOG_SOFTMAX."""
        found = [node for node in graph.nodes if node.op == "LOG_SOFTMAX" and self._fires(node)]
        for node in found:
            _expand(graph, node)
            low = self.ranges[node.outputs[0].name].low
            log.change(self.name, node.name, f"it goes down to {low:.3g}, its int8 kernel to -16 in steps of 1/16")
        return bool(found)

    def _fires(self, node: Node) -> bool:
        result = node.outputs[0]
        is_free = (
            result.type.dtype is DType.FLOAT32 and result.type.quant is None and node.name not in self.keep_float
        )
        found = self.ranges.get(result.name)
        if not is_free or found is None or len(result.type.shape) > _MOST_AXES:
            return False
        return not _LEAST <= found.low <= _COARSE


def _expand(graph: Graph, node: Node) -> None:
    source, result = node.operand(0), node.outputs[0]
    last = np.array([len(source.type.shape) - 1], np.int32)
    axis = Value.constant(graph.unused_name(f"{result.name}.axis"), last)
    count = np.array([source.type.shape[-1]], np.float32)
    classes = Value.constant(graph.unused_name(f"{result.name}.classes"), count)
    row = TensorType((*source.type.shape[:-1], 1), DType.FLOAT32)

    def part(name: str, op: str, *inputs: Value, kind: TensorType = row, attrs: Any = None) -> Value:
        made = Value(graph.unused_name(f"{result.name}.{name}"), kind)
        graph.append(op, inputs, [made], attrs or op_def(op).attrs(), node.origin, before=node)
        return made

    most = part("max", "REDUCE_MAX", source, axis, attrs=Reduce(keep_dims=True))
    below = part("below", "SUB", source, most, kind=result.type)
    mean = part("mean", "MEAN", part("exp", "EXP", below, kind=result.type), axis, attrs=Mean(keep_dims=True))
    total = part("log", "LOG", part("sum", "MUL", mean, classes))
    graph.rewrite(node, "SUB", [below, total], Sub())
