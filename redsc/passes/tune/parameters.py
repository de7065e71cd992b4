"""What tuning may change: the numbers of nested weights that a trained level uses, in one vector.

One vector makes the optimiser a handful of whole-vector operations, and a checkpoint a few arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from redsc.ir import Array, DType, Graph, Node, Shape, Value, op_def
from redsc.ir.rules import Grouped, Produces
from redsc.passes.slice.nested import LevelSet, NestedWeights, OwnWeights, weight_axes

__all__ = ["Key", "Parameters", "find_parameters"]

_TYPICAL = 0.1  # the deviation at which a parameter moves by the learning rate itself
_LEAST_FACTOR = 0.01  # a quantisation scale must be positive; a channel that wants to vanish nearly does
_LEAST_DEVIATION = 0.05  # that a bias counts as: many are nearly 0 and must be able to leave


@dataclass(frozen=True, slots=True)
class Key:
    """Where a parameter belongs: `kind` "bank" with a bank's number, "own" or "scale" with a slot."""

    kind: str
    index: int
    name: str


@dataclass(frozen=True, slots=True)
class Parameters:
    """Arrays by key, and how fast each may move; a vector holds them one after the other."""

    start: Mapping[Key, Array]
    rates: Mapping[Key, float]

    def flatten(self) -> Array:
        """Return the vector (float32) of the arrays at the start."""
        return np.concatenate([np.zeros(0, np.float32), *(array.reshape(-1) for array in self.start.values())])

    def rate_vector(self) -> Array:
        """Return the factor (float32) on the learning rate of every number of a vector."""
        sizes = [array.size for array in self.start.values()]
        return np.repeat(np.array([self.rates[key] for key in self.start], np.float32), sizes)

    def floor_vector(self) -> Array:
        """Return the least value (float32) of every number of a vector: factors on scales stay above zero."""
        lows = (_LEAST_FACTOR if key.kind == "scale" else -np.inf for key in self.start)
        return np.repeat(np.array(list(lows), np.float32), [array.size for array in self.start.values()])

    def views(self, vector: Any) -> dict[Key, Any]:
        """Return the parts of a vector, an array or a tensor, in the shapes of the arrays."""
        found, begin = {}, 0
        for key, array in self.start.items():
            found[key] = vector[begin : begin + array.size].reshape(array.shape)
            begin += array.size
        return found

    def put_back(self, weights: NestedWeights, vector: Array) -> NestedWeights:
        """Return nested weights in which the numbers of a vector stand in for those at the start."""
        found = self.views(vector)

        def merged(kind: str, index: int, old: Mapping[str, Array]) -> dict[str, Array]:
            new = {key.name: array for key, array in found.items() if (key.kind, key.index) == (kind, index)}
            return {**old, **new}

        return NestedWeights(
            tuple(merged("bank", index, bank) for index, bank in enumerate(weights.banks)),
            tuple(
                OwnWeights(own.bank, merged("own", slot, own.constants), merged("scale", slot, own.scales))
                for slot, own in enumerate(weights.levels)
            ),
        )


def find_parameters(levels: LevelSet, weights: NestedWeights, trained: Sequence[int]) -> Parameters:
    """Return what the trained slots use, and no other slot.

    1. Constants of a level's own, and its factors on weights that it shares.
    2. Weights and biases of linear layers, and slopes of PRELU, in the banks of trained slots; those of a bank that
       a slot uses which is not trained stay.
    """
    whole = {value.name: value for value in levels.graph.constants()}
    kept = {own.bank for slot, own in enumerate(weights.levels) if slot not in trained}
    start: dict[Key, Array] = {}
    for slot in trained:
        own, graph = weights.levels[slot], levels.cut(levels.graph, slot)
        shapes = {value.name: value.type.shape for value in graph.constants() if value.type.dtype is DType.FLOAT32}
        shared = [name for name in _learned(graph) if name in whole and name not in own.constants]
        for name in (name for name in shapes if name in own.constants):
            start[Key("own", slot, name)] = _floats(own.constants[name], shapes[name])
        for name in (name for name in shared if name in own.scales):
            start[Key("scale", slot, name)] = _floats(own.scales[name], own.scales[name].shape)
        for name in shared if own.bank not in kept else ():
            data = weights.banks[own.bank].get(name, whole[name].data)
            start[Key("bank", own.bank, name)] = _floats(data, whole[name].type.shape)
    linear = weight_axes(levels.graph)
    return Parameters(start, {key: _rate(key, array, key.name in linear) for key, array in start.items()})


def _floats(array: Array | None, shape: Shape) -> Array:
    return np.array(array, np.float32).reshape(shape)


def _learned(graph: Graph) -> list[str]:
    """Return the names of the constants that gradient descent usually finds: weights, biases, slopes."""
    found = (value for node in graph.nodes for value in _weights(node))
    return list(dict.fromkeys(value.name for value in found if value.type.dtype is DType.FLOAT32))


def _weights(node: Node) -> Iterator[Value]:
    rule = op_def(node.op).channels
    places: tuple[int, ...] = (1,) if node.op == "PRELU" else ()
    if isinstance(rule, (Produces, Grouped)):
        places = (rule.weight, *rule.followers)
    for index in places:
        value = node.inputs[index] if index < len(node.inputs) else None
        if value is not None and value.is_constant:
            yield value


def _rate(key: Key, array: Array, is_weight: bool) -> float:
    """Return the factor on the learning rate: steps are in proportion to what a parameter is like."""
    if key.kind == "scale":
        return 1.0
    deviation = float(array.std())
    return (deviation if is_weight and deviation > 0 else max(deviation, _LEAST_DEVIATION)) / _TYPICAL
