"""LSTM as one operator, where TFLite's computes the same; any other LSTM, and GRU and RNN, unrolled.

Unrolled, a layer over S steps becomes one dense layer over all of them, for what the input gives to the gates, and
S times a step. In between, sequences are [steps * batch, units] and states [batch, units]; `T`, `D`, `B` and `U`
below are the axes steps, directions, batch and units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from redsc.choices import Recurrent
from redsc.errors import Diagnostic
from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import Kind, file_axes
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.ops.cells import CELLS, FUNCTIONS, Gates, Layer, State
from redsc.formats.onnx.ops.parts import cut, join
from redsc.formats.onnx.ops.row import OnnxOp, Rows
from redsc.formats.tables import CannotTranslate
from redsc.ir import GATES, LSTM, Array, FullyConnected, Lstm, Reshape, Value
from redsc.limits import DEFAULT_LIMITS

__all__ = ["RECURRENT_ROWS"]

_COST = "tflite-micro keeps about 85 B of RAM for every operator; a shorter sequence has fewer"
_GATES = ("input", "output", "forget", "cell")  # of an LSTM, in the order of the file
_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}  # is it reversed?
_ORDERS = {0: ("TB", "TDBU", "DBU"), 1: ("BT", "BTDU", "BDU")}  # of input, sequence and states, by `layout`


@dataclass(frozen=True, slots=True)
class _Result:
    """The states that one direction went through, [batch, units] each; the last ones of hidden and cell state."""

    states: tuple[Value, ...]
    hidden: Value
    memory: Value | None


@dataclass(frozen=True, slots=True)
class _Sequence:
    """A node's input as `rows` of [steps * batch, features], of which `length` steps count."""

    context: OnnxContext
    node: OnnxNode
    rows: Value
    steps: int
    length: int
    batch: int


def _recurrent(context: OnnxContext, node: OnnxNode) -> None:
    directions = _directions(node)
    node = replace(node, outputs=tuple(name if context.is_read(name) else "" for name in node.outputs))
    if reason := _why_unrolled(context, node):
        _unroll(context, node, directions, reason)
    else:
        _add_operator(context, node)


def _why_unrolled(context: OnnxContext, node: OnnxNode) -> str | None:
    """Return why TFLite's operator does not compute the same, None where it does."""
    steps = context.shape(node.input(0))[_order(node, 0).index("T")]
    peepholes, starts = [node.input(7)], [node.input(5), node.input(6)]
    found = {
        "it was asked for": context.recurrent is Recurrent.UNROLL,
        "tflite-micro has no operator for it": node.op != "LSTM",
        "the operator runs forward": node.get("direction", "forward") != "forward",
        "the operator does not tell its cell state": len(node.outputs) > 2 and bool(node.outputs[2]),
        "the operator has no peepholes": not _are_zeros(context, peepholes),
        "the operator starts with zeros": not _are_zeros(context, starts),
        "the operator has other functions": node.op == "LSTM" and _functions(node, 3, 0) != CELLS["LSTM"].functions,
        "its sequences end early": _length(context, node, steps) < steps,
    }
    return next((reason for reason, holds in found.items() if holds), None)


def _are_zeros(context: OnnxContext, names: Sequence[str]) -> bool:
    known = [name for name in names if name]
    return all(context.is_constant(name) and not context.floats(name, "").any() for name in known)


def _add_operator(context: OnnxContext, node: OnnxNode) -> None:
    """Add an LSTM that starts anew in every inference, with weights per gate."""
    order, label = _order(node, 0), replace(node, outputs=(next(filter(None, node.outputs)),))
    source = context.value_as(node.input(0), (order.index("T"), order.index("B"), 2))
    kernel, recurrence, _ = _weights(context, node, 0)
    bias = _operand(context, node, 3, 0, 2 * len(kernel)).reshape(2, -1).sum(axis=0)
    operands = list[Value]()
    for part, data in (("kernel", kernel), ("recurrence", recurrence), ("bias", bias)):
        blocks = dict(zip(_GATES, np.split(data, len(_GATES)), strict=True))
        operands += [_constant(context, label, f"{gate}.{part}", blocks[gate]) for gate in GATES]
    attrs = Lstm(time_major=True, starts_anew=True)
    states = context.step(label, LSTM, source, *operands, attrs=attrs, part="states")
    if node.output:
        _bind(context, node, states, "TBDU", _order(node, 1))
    if any(node.outputs[1:]):
        last = states.type.shape[0] - 1
        _bind_states(context, node, 1, [cut(context, label, states, {0: (last, last + 1)}, "last")])


def _unroll(context: OnnxContext, node: OnnxNode, directions: Sequence[bool], reason: str) -> None:
    before = len(context.builder.graph.nodes)
    sequence = _sequence(context, replace(node, outputs=(next(filter(None, node.outputs)),)))
    results = [
        _unrolled(sequence, _layer(sequence, index), index, before, is_reversed=is_reversed)
        for index, is_reversed in enumerate(directions)
    ]
    _bind_sequence(sequence, node, results)
    _bind_states(context, node, 1, [item.hidden for item in results])
    _bind_states(context, node, 2, [item.memory for item in results if item.memory is not None])
    made = len(context.builder.graph.nodes) - before
    message = f"{node.op} {node.label!r} is unrolled: {sequence.length} steps make {made:,} operators"
    context.notes.append(Diagnostic("L113", message, (reason,), _COST))


def _directions(node: OnnxNode) -> tuple[bool, ...]:
    """Return for every direction whether it is reversed; refuse what no step knows."""
    node.require_defaults(clip=None, input_forget=0)
    found = node.get("direction", "forward")
    if found not in _DIRECTIONS or node.get("layout", 0) not in _ORDERS:
        raise CannotTranslate(f"its direction is {found}, its layout {node.get('layout', 0)}")
    return _DIRECTIONS[found]


def _sequence(context: OnnxContext, node: OnnxNode) -> _Sequence:
    name, order = node.input(0), _order(node, 0)
    shape = context.shape(name)
    steps, batch = (shape[order.index(axis)] for axis in "TB")
    value = context.value_as(name, (order.index("T"), order.index("B"), 2))
    rows = context.step(node, "RESHAPE", value, attrs=Reshape((steps * batch, shape[2])), part="rows")
    return _Sequence(context, node, rows, steps, _length(context, node, steps), batch)


def _order(node: OnnxNode, which: int) -> str:
    order: str = _ORDERS[node.get("layout", 0)][which]
    return order


def _length(context: OnnxContext, node: OnnxNode, steps: int) -> int:
    """Return how many steps count."""
    if not node.input(4):
        return steps
    lengths = {int(n) for n in context.constant(node.input(4), "its sequence lengths are").reshape(-1)}
    if len(lengths) != 1 or not 1 <= (length := lengths.pop()) <= steps:
        raise CannotTranslate(f"its sequences have different lengths, or not 1 to {steps} steps")
    return length


def _layer(sequence: _Sequence, index: int) -> Layer:
    """Return one direction with its weights.

    Biases of input and hidden state are one, of the input, but where a reset gate stands between them.
    """
    context, node = sequence.context, sequence.node
    cell, resets_sums = CELLS[node.op], bool(node.get("linear_before_reset", 0)) and node.op == "GRU"
    name = ("first", "second")[index]
    kernel, recurrence, units = _weights(context, node, index)
    biases = _operand(context, node, 3, index, 2 * len(kernel)).reshape(2, -1)
    gates, start = list[Gates](), 0
    for number, count in enumerate(cell.gates):
        part, span = f"{name}.{number}", slice(start * units, (start + count) * units)
        own, past = biases[:, span]
        if not (resets_sums and number == 1):
            own, past = own + past, np.zeros_like(past)
        weights = [_constant(context, node, f"{part}.kernel", kernel[span])]
        weights += [_constant(context, node, f"{part}.bias", own)]
        attrs, label = FullyConnected(), f"{part}.inputs"
        inputs = context.step(node, "FULLY_CONNECTED", sequence.rows, *weights, attrs=attrs, part=label)
        recurrent = _constant(context, node, f"{part}.recurrence", recurrence[span])
        gates.append(Gates(inputs, recurrent, _constant(context, node, f"{part}.past", past)))
        start += count
    peepholes = _operand(context, node, 7, index, 3 * units).reshape(3, -1) if node.input(7) else ()
    looks = (_constant(context, node, f"{name}.peephole{i}", data) for i, data in enumerate(peepholes))
    functions = _functions(node, len(cell.functions), index)
    return Layer(context, node, name, sequence.batch, tuple(gates), tuple(looks), functions, resets_sums)


def _weights(context: OnnxContext, node: OnnxNode, index: int) -> tuple[Array, Array, int]:
    """Return the weights of one direction for input and hidden state, a row per gate and unit, and the units."""
    kernel, recurrence = (context.floats(node.input(i), "its weights are")[index] for i in (1, 2))
    units = recurrence.shape[-1]
    if len(kernel) != sum(CELLS[node.op].gates) * units or node.get("hidden_size", units) != units:
        raise CannotTranslate(f"it has {len(kernel)} rows of weights for {units} units")
    return kernel, recurrence, units


def _operand(context: OnnxContext, node: OnnxNode, position: int, index: int, size: int) -> Array:
    """Return a constant operand of one direction, zeros where it is left out."""
    name = node.input(position)
    return context.floats(name, "its weights are")[index] if name else np.zeros(size, np.float32)


def _constant(context: OnnxContext, node: OnnxNode, part: str, data: Array) -> Value:
    return context.builder.constant(f"{node.output}.{part}", np.ascontiguousarray(data, np.float32))


def _functions(node: OnnxNode, count: int, index: int) -> tuple[str, ...]:
    found = node.get("activations") or CELLS[node.op].functions * (index + 1)
    functions = tuple(found[count * index : count * (index + 1)])
    if len(functions) != count or not set(functions) <= set(FUNCTIONS):
        raise CannotTranslate(f"its activations are {', '.join(functions)}")
    return functions


def _unrolled(sequence: _Sequence, layer: Layer, index: int, before: int, *, is_reversed: bool) -> _Result:
    """Unroll one direction; `before` is how many nodes the graph had before this layer."""
    context, places = sequence.context, range(sequence.length)[:: -1 if is_reversed else 1]
    state: State = (_initial(context, layer.node, 5, index), _initial(context, layer.node, 6, index))
    states: dict[int, Value] = {}
    for place in places:
        states[place], memory = state = CELLS[layer.node.op].step(layer, place, state)
        if len(context.builder.graph.nodes) - before > DEFAULT_LIMITS.unrolled:
            raise CannotTranslate(
                f"unrolled, its {sequence.length:,} steps are more than {DEFAULT_LIMITS.unrolled:,} operators: "
                "export shorter sequences, or one step with its state as input and output (--state)"
            )
    return _Result(tuple(states[place] for place in sorted(states)), states[places[-1]], memory)


def _initial(context: OnnxContext, node: OnnxNode, position: int, index: int) -> Value | None:
    """Return the state before the first step; None for zeros."""
    name = node.input(position)
    if not name:
        return None
    order = _order(node, 2)
    layout = tuple(order.index(axis) for axis in "DBU")
    if context.is_constant(name):
        data = context.floats(name, "its initial state is").transpose(layout)[index]
        return _constant(context, node, f"initial{position}.{index}", data) if data.any() else None
    value = context.value_as(name, layout)
    if value.type.shape[0] > 1:
        value = cut(context, node, value, {0: (index, index + 1)}, f"initial{position}.{index}")
    shape = value.type.shape[1:]
    return context.step(node, "RESHAPE", value, attrs=Reshape(shape), part=f"state{position}.{index}")


def _bind_sequence(sequence: _Sequence, node: OnnxNode, results: Sequence[_Result]) -> None:
    """Bind the states of all steps; those after the last step that counts are zeros."""
    if not node.output:
        return
    context = sequence.context
    sides = [join(context, node, item.states, 0, f"states{index}") for index, item in enumerate(results)]
    joined = join(context, node, sides, 1, "states")
    missing = (sequence.steps - sequence.length) * sequence.batch
    if missing:
        amounts = context.indices(node, "missing", np.array([(0, missing), (0, 0)]))
        joined = context.step(node, "PAD", joined, amounts, part="filled")
    _bind(context, node, joined, "TBDU", _order(node, 1))


def _bind_states(context: OnnxContext, node: OnnxNode, position: int, states: Sequence[Value]) -> None:
    """Bind the last states of all directions."""
    if position < len(node.outputs) and node.outputs[position]:
        last = replace(node, outputs=(node.outputs[position],))
        _bind(context, last, join(context, last, states, 0, "last"), "DBU", _order(node, 2))


def _bind(context: OnnxContext, node: OnnxNode, value: Value, memory: str, order: str) -> None:
    """Bind a value whose memory has the axes `memory`; those of the file are `order`."""
    shape, layout = context.shape(node.output), context.layouts[node.output]
    sizes = [shape[order.index(axis)] for axis in memory]
    context.arrange(node, value, sizes, [memory.index(order[axis]) for axis in file_axes(layout)])


RECURRENT_ROWS: Rows = {op: OnnxOp(_recurrent, Kind.RELAYOUT) for op in CELLS}
