"""What recurrent layers have in a TFLite file besides what they have in a graph: tensors that the kernel changes.

A file lists them among the operands, as tensors that are variables and have no data; runtimes start with their zero
points. An int8 LSTM also names tensors for numbers between its steps, of which runtimes read the scale of the last
one: the output's (tensorflow/lite/kernels/svdf.cc and unidirectional_sequence_lstm.cc).

A layer that starts anew in every inference has operators before it that set these tensors: SPLITs of zeros into one
part. Other copies of constants LiteRT makes once and for all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from redsc.ir import LSTM, SVDF, Array, DType, Graph, Node, Split, TensorType, Value, own_states, starts_anew

__all__ = [
    "RECURRENT",
    "Operands",
    "Recurrent",
    "add_resets",
    "add_states",
    "is_reset",
    "split_states",
    "state_problems",
    "with_scales",
]

_INTERMEDIATES = 5  # of an int8 LSTM


@dataclass(frozen=True, slots=True)
class Recurrent:
    """Where an op of a file has what, by operand number.

    `kept` are the graph's operands in order, `states` those that the kernel changes, of `operands` in all; the
    others are for variants of the layer that tflite-micro's kernel does not know. `scales` are the attributes for
    scale and zero point of the last state.
    """

    kept: tuple[int, ...]
    states: tuple[int, ...]
    operands: int
    scales: tuple[str, ...]


RECURRENT = {
    SVDF: Recurrent((0, 1, 2, 3), (4,), 5, ("state_scale", "state_zero_point")),
    LSTM: Recurrent((*range(9), *range(12, 16)), (18, 19), 24, ("cell_scale",)),
}


@dataclass(frozen=True, slots=True)
class Operands:
    """The operands of a file: those of the graph's node, its states, and what the layer is that redsc refuses."""

    inputs: list[Value | None]
    states: tuple[Value, ...] = ()
    refusal: str | None = None


def split_states(op: str, inputs: list[Value | None]) -> Operands:
    """Return the operands of an operator of a file, those of any op but a recurrent layer as they are."""
    row = RECURRENT.get(op)
    if row is None:
        return Operands(inputs)
    every, refusal = [*inputs, *[None] * (row.operands - len(inputs))], None
    kept, found = [every[place] for place in row.kept], [every[place] for place in row.states]
    states = tuple(value for value in found if value is not None)
    if sum(value is not None for value in every) > sum(value is not None for value in (*kept, *found)):
        refusal = "tflite-micro's kernel takes no peepholes, projection or normalisation"
    elif None in kept:
        refusal = "tflite-micro's kernel needs its weights and biases"
    elif None in found:
        refusal = "it has no tensor for its state"
    return Operands(kept, states, refusal)


def with_scales(op: str, attrs: Any, states: Sequence[Value]) -> Any:
    """Return the attributes of a recurrent layer together with those that its states' types hold."""
    last = states[-1].type if states else None
    if last is None or last.quant is None or last.dtype is DType.FLOAT32:
        return attrs
    numbers = (last.quant.scale, last.quant.zero_point)
    return replace(attrs, **dict(zip(RECURRENT[op].scales, numbers, strict=False)))


def state_problems(node: Node, states: Sequence[Value]) -> Iterator[str]:
    """Yield what keeps the states of a file from being those of a node whose shapes are right."""
    for state, wanted in zip(states, own_states(node), strict=True):
        kind = wanted.type
        if (state.type.shape, state.type.dtype) != (kind.shape, kind.dtype):
            yield f"its state is not {kind.dtype.value}{list(kind.shape)}"
        elif kind.dtype is not DType.FLOAT32 and state.type.quant != kind.quant:
            yield f"its state {state.name!r} does not have the scale and zero point that the output has"


def add_resets(graph: Graph, node: Node, states: Sequence[Value]) -> Iterator[Value]:
    """Set the states of a layer that starts anew to zeros before it runs; yield the constants that this takes."""
    for state in states if starts_anew(node) else ():
        axis = Value.constant(graph.unused_name(f"{state.name}/axis"), np.array(0, np.int32))
        zeros = Value.constant(graph.unused_name(f"{state.name}/zeros"), _zeros(state.type), state.type.quant)
        graph.append("SPLIT", [axis, zeros], [state], Split(1), node.origin, before=node)
        yield from (axis, zeros)


def is_reset(node: Node, variables: Collection[Value]) -> bool:
    """Whether an operator of a file does nothing but set a tensor that a layer changes to zeros."""
    if node.op != "SPLIT" or len(node.outputs) != 1 or node.outputs[0] not in variables:
        return False
    data = node.operand(1).data
    return data is not None and np.array_equal(data, _zeros(node.outputs[0].type))


def _zeros(kind: TensorType) -> Array:
    return np.full(kind.shape, 0 if kind.quant is None else kind.quant.zero_point, kind.dtype.numpy)


def add_states(graph: Graph, node: Node) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """Give a recurrent layer the operands of a file; return its states, and what it names between its steps."""
    row = RECURRENT[node.op]
    states = tuple(Value(graph.unused_name(state.name), state.type) for state in own_states(node))
    places = dict(zip((*row.kept, *row.states), (*node.inputs, *states), strict=True))
    graph.rewrite(node, node.op, [places.get(place) for place in range(row.operands)], node.attrs)
    output = node.outputs[0]
    if node.op != LSTM or output.type.dtype is DType.FLOAT32:
        return states, ()
    hidden = Value(
        graph.unused_name(f"{output.name}/hidden"), TensorType((0,), output.type.dtype, output.type.quant)
    )
    return states, (hidden,) * _INTERMEDIATES
