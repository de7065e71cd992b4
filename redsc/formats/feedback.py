"""State as variables: an input that takes an output of the inference before becomes a variable of the graph.

Exported recurrent networks take a step, or a few, in an inference, with their state as inputs and outputs: whoever
calls them feeds it back. In the graph it is read from a variable and assigned to it at the end; it starts as zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from redsc.errors import UsageError, did_you_mean
from redsc.formats.model import Feedback, Model, Port
from redsc.formats.onnx.layout import file_axes, laid_out
from redsc.formats.onnx.rearrange import rearrange
from redsc.ir import Array, DType, Graph, GraphBuilder, Value, Variable

__all__ = ["Rows", "feed_back", "with_states", "without_states"]

Rows = Sequence[Sequence[Array]]
_Item = TypeVar("_Item")
_CODE = "U227"


def feed_back(model: Model, states: Sequence[tuple[str, str]]) -> Model:
    """Return a model in which inputs, each with the output that gives its next value, have become variables.

    1. A variable is zeros at first.
    2. Where the output lies in memory otherwise than the input, it is moved; where it has another scale, rescaled.

    Raises:
        UsageError: there is no such input or output, one is named twice, or the two are of different types.
    """
    found = [_state(model, *names) for names in states]
    for which, places in (("input", [s.input for s in found]), ("output", [s.output for s in found])):
        if len(set(places)) < len(places):
            raise UsageError(f"--state: an {which} is named twice", code=_CODE)
    graph = model.graph
    for state in found:
        _keep(graph, model.inputs[state.input], model.outputs[state.output], state)
    graph.inputs = _without(graph.inputs, {state.input for state in found})
    graph.outputs = _without(graph.outputs, {state.output for state in found})
    return replace(
        model,
        inputs=tuple(_without(model.inputs, {state.input for state in found})),
        outputs=tuple(_without(model.outputs, {state.output for state in found})),
        states=tuple(sorted(found, key=lambda state: state.input)),
    )


def with_states(rows: Rows, states: Sequence[Feedback]) -> list[list[Array]]:
    """Return samples for all inputs of a model file: its states are what the first inference takes."""
    return [_with_zeros(row, states) for row in rows]


def without_states(rows: Rows, states: Sequence[Feedback]) -> list[list[Array]]:
    """Return answers of a model file without its states."""
    return [_without(row, {state.output for state in states}) for row in rows]


def _without(items: Sequence[_Item], places: set[int]) -> list[_Item]:
    return [item for place, item in enumerate(items) if place not in places]


def _with_zeros(row: Sequence[Array], states: Sequence[Feedback]) -> list[Array]:
    found = list(row)
    for state in states:
        found.insert(state.input, np.zeros(state.shape, state.dtype))
    return found


def _state(model: Model, name: str, other: str) -> Feedback:
    source, target = _place(name, model.inputs, "input"), _place(other, model.outputs, "output")
    port, result = model.inputs[source], model.outputs[target]
    if (port.dtype, port.source_shape) != (result.dtype, result.source_shape):
        kinds = [f"{item.dtype}{list(item.source_shape)}" for item in (port, result)]
        message = f"--state {name}={other}: the input is {kinds[0]}, the output {kinds[1]}"
        raise UsageError(message, code=_CODE, hint="a state is of one type and shape before and after an inference")
    return Feedback(source, target, port.source_shape, port.dtype)


def _place(name: str, ports: Sequence[Port], which: str) -> int:
    names = [port.name for port in ports]
    if name not in names:
        hint = did_you_mean(name, names) or f"its {which}s are {', '.join(names)}"
        raise UsageError(f"--state: the model has no {which} {name!r}", code=_CODE, hint=hint)
    return names.index(name)


def _keep(graph: Graph, source: Port, target: Port, state: Feedback) -> None:
    """Let a variable give what an input gave, and take what an output gave."""
    old = graph.inputs[state.input]
    name, quant, kept = old.name, old.type.quant, Variable(old.name)
    zero = 0 if quant is None else quant.zero_point
    initial = Value.constant(f"{name}/initial", np.full(old.type.shape, zero, old.type.dtype.numpy), quant)
    read = Value(name, old.type)
    graph.append("READ_VARIABLE", [initial], [read], kept, [name], before=graph.nodes[0])
    graph.replace_uses(old, read)
    builder = GraphBuilder.onto(graph)
    value = _moved(builder, source, target, graph.outputs[state.output])
    if value.type.quant != quant and value.type.dtype is DType.INT8:
        value = builder.op("QUANTIZE", value, name=f"{name}/rescaled", quant=quant, origin=[name])
    graph.append("ASSIGN_VARIABLE", [value], [], kept, [name])


def _moved(builder: GraphBuilder, source: Port, target: Port, value: Value) -> Value:
    """Return an output as it lies in memory where it is an input."""
    if source.axes == target.axes:
        return value
    have, wanted = file_axes(target.axes), file_axes(source.axes)
    sizes, order = [target.source_shape[axis] for axis in have], [have.index(axis) for axis in wanted]
    return rearrange(builder, value, sizes, order, laid_out(source.source_shape, source.axes), source.name)
