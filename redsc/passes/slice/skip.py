"""Leave blocks out: who reads a block's result reads its source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np

from redsc.ir import NO_ATTRS, Activation, Add, Array, DType, Graph, Node, Reshape, Value, op_def
from redsc.ir.rules import View
from redsc.passes.base import Log
from redsc.passes.simplify.drop_dead_nodes import DropDeadNodes
from redsc.passes.simplify.fuse_activation import FUSABLE
from redsc.passes.spaces.blocks import SkipBlock

__all__ = ["passed_on", "skip_blocks"]

_LOWEST, _HIGHEST = -128, 127
_EVERYTHING = (-inf, inf)
_PASSING = frozenset({*FUSABLE, "MAX_POOL_2D"})
_LIMITS: Mapping[Activation, tuple[float, float]] = {
    Activation.NONE: _EVERYTHING,
    Activation.RELU: (0, inf),
    Activation.RELU6: (0, 6),
    Activation.RELU_N1_TO_1: (-1, 1),
}
# What clamps and rescales; any other pair of the two is an addition of zero, whose kernels do both.
_OPS: Mapping[tuple[Activation, bool], str] = {
    (Activation.NONE, True): "QUANTIZE",
    (Activation.RELU, False): "RELU",
    (Activation.RELU, True): "RELU",
    (Activation.RELU6, False): "RELU6",
}


def skip_blocks(graph: Graph, blocks: Iterable[SkipBlock]) -> Graph:
    """Return a new graph without these blocks, as if each f(x) were 0; channel groups of the graph hold for it.

    Readers of a result read its source. A node makes the result, under its old name and with its old type, where
    they could not:

    1. An activation that the result's node applies stays (RELU, RELU6, else an addition of zero), unless it is
       known to change nothing: the source is within its limits already, or the int8 result cannot leave them.
    2. Where int8 scales or zero points differ, the source is requantised: by that same node, else by a QUANTIZE.
       Blocks in a row requantise once.
    3. A result that is a graph output is still made, by a RESHAPE if by nothing else: ports keep names and scales.

    Nested blocks go with those around them, and whatever is read by nothing any more.
    """
    return _Skipper(graph, {block.result: block.source for block in blocks}, Graph(graph.name)).run()


@dataclass(slots=True)
class _Skipper:
    """Builds the new graph; `sources` are those of the blocks by result, `copies` the new values by their names.

    `unscaled` tells of what is only requantised what it was.
    """

    graph: Graph
    sources: Mapping[str, str]
    result: Graph
    copies: dict[str, Value] = field(default_factory=dict)
    unscaled: dict[Value, Value] = field(default_factory=dict)

    def run(self) -> Graph:
        self.result.inputs = [self.copy(value) for value in self.graph.inputs]
        for node in self.graph.nodes:
            name = node.outputs[0].name if node.outputs else ""
            if name in self.sources:
                self.copies[name] = self.stand_in(node, self.copies[self.sources[name]])
            else:
                inputs = [None if value is None else self.copy(value) for value in node.inputs]
                self.result.append(node.op, inputs, [self.copy(v) for v in node.outputs], node.attrs, node.origin)
        self.result.outputs = [self.copy(value) for value in self.graph.outputs]
        DropDeadNodes().run(self.result, Log())
        return self.result

    def copy(self, value: Value) -> Value:
        if value.name not in self.copies:
            self.copies[value.name] = Value(value.name, value.type, value.data)
        return self.copies[value.name]

    def stand_in(self, node: Node, source: Value) -> Value:
        """Return what the readers of a node's result read in its place: the source, or what is made of it."""
        source, old = self.unscaled.get(source, source), node.outputs[0]
        rescales = old.type.dtype is DType.INT8 and source.type.quant != old.type.quant
        activation = _activation(node)
        is_known = _is_within(_limits(source), activation, min(_step(source), _step(old)) / 2)
        if is_known or _is_within(_representable(old), activation, _step(old) / 2):
            activation = Activation.NONE
        if not rescales and activation is Activation.NONE and not self.graph.is_output(old):
            return source
        new = Value(old.name, old.type)
        op, operands, attrs = _substitute(activation, rescales, old)
        self.result.append(op, [source, *operands], [new], attrs, node.origin)
        if op == "QUANTIZE" and is_known:
            self.unscaled[new] = source
        return new


def passed_on(value: Value) -> Iterator[Value]:
    """Yield a value, and those before it of which the nodes on the way do no more than clamp or move numbers.

    What stands in for a block depends on no more than how these are made.
    """
    yield value
    while (node := value.producer) and (node.op in _PASSING or isinstance(op_def(node.op).alias, View)):
        value = node.operand(0)
        yield value


def _substitute(activation: Activation, rescales: bool, old: Value) -> tuple[str, list[Value], Any]:
    """Return the op that makes the old value of a source, its other operands and its attributes."""
    if activation is Activation.NONE and not rescales:
        return "RESHAPE", [], Reshape(old.type.shape)
    op = _OPS.get((activation, rescales))
    return (op, [], NO_ATTRS) if op else ("ADD", [_zero(old)], Add(activation))


def _zero(like: Value) -> Value:
    """Return the number 0, at the scale of a value."""
    quant = like.type.quant
    point = quant.zero_point if quant and like.type.dtype is DType.INT8 else 0
    data: Array = np.array([point], like.type.dtype.numpy)
    return Value.constant(f"{like.name}.zero", data, quant)


def _activation(node: Node) -> Activation:
    """Return how a node clamps what it makes."""
    fused = FUSABLE.get(node.op) or getattr(node.attrs, "activation", Activation.NONE)
    return fused if isinstance(fused, Activation) else Activation.NONE


def _limits(value: Value) -> tuple[float, float]:
    """Return limits of a value's numbers, as far as the nodes right before it tell."""
    low, high = _representable(value)
    for node in (passed.producer for passed in passed_on(value)):
        least, most = _LIMITS[_activation(node)] if node else _EVERYTHING
        low, high = max(low, least), min(high, most)
    return low, high


def _representable(value: Value) -> tuple[float, float]:
    """Return the limits of the numbers that an int8 value can stand for."""
    quant = value.type.quant
    if value.type.dtype is not DType.INT8 or quant is None:
        return _EVERYTHING
    return (_LOWEST - quant.zero_point) * quant.scale, (_HIGHEST - quant.zero_point) * quant.scale


def _step(value: Value) -> float:
    """Return the distance of two neighbouring numbers of a value, 0 for floats."""
    return value.type.quant.scale if value.type.quant and value.type.dtype is DType.INT8 else 0.0


def _is_within(limits: tuple[float, float], activation: Activation, slack: float) -> bool:
    """Whether numbers within these limits pass an activation unchanged, but for rounding."""
    least, most = _LIMITS[activation]
    return limits[0] >= least - slack and limits[1] <= most + slack
