"""One step of a recurrent layer: how the gates of LSTM, GRU and RNN make the next state of the last one.

Formulas: ONNX operator documentation (LSTM, GRU, RNN). A state of None is one of zeros, as most layers start with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.ops.parts import cut, split_evenly
from redsc.ir import FullyConnected, Value

__all__ = ["CELLS", "FUNCTIONS", "Cell", "Gates", "Layer", "Next", "State"]

FUNCTIONS = {"Sigmoid": "LOGISTIC", "Tanh": "TANH", "Relu": "RELU"}

State = tuple[Value | None, Value | None]
"""Hidden state and cell state before a step, [batch, units]; only LSTM has the latter."""

Next = tuple[Value, Value | None]
"""The same after it."""


@dataclass(frozen=True, slots=True)
class Gates:
    """The linear part of some gates: what all steps of the input give, and the layer over the hidden state.

    `inputs` is [steps * batch, units of the gates], `kernel` is [units of the gates, units].
    """

    inputs: Value
    kernel: Value
    bias: Value


@dataclass(frozen=True, slots=True)
class Layer:
    """One direction of a recurrent node."""

    context: OnnxContext
    node: OnnxNode
    name: str
    batch: int
    gates: tuple[Gates, ...]
    peepholes: tuple[Value, ...]
    functions: tuple[str, ...]
    resets_sums: bool

    def add(self, place: int, op: str, *inputs: Value | float, part: str) -> Value:
        """Add a TFLite op of one step."""
        return self.context.step(self.node, op, *inputs, part=self.part(place, part))

    def part(self, place: int, part: str) -> str:
        """Return the name of a part of one step."""
        return f"{self.name}{place}.{part}"

    def activated(self, place: int, value: Value, index: int, part: str) -> Value:
        """Return an activation function, by its number, of a value."""
        return self.add(place, FUNCTIONS[self.functions[index]], value, part=part)

    def input(self, place: int, index: int) -> Value:
        """Return what one step of the input gives to some gates."""
        rows = (place * self.batch, (place + 1) * self.batch)
        return cut(self.context, self.node, self.gates[index].inputs, {0: rows}, self.part(place, f"input{index}"))

    def recurrent(self, place: int, index: int, hidden: Value) -> Value:
        """Return what the hidden state gives to some gates."""
        gates, part = self.gates[index], self.part(place, f"recurrent{index}")
        operands = (hidden, gates.kernel, gates.bias)
        return self.context.step(self.node, "FULLY_CONNECTED", *operands, attrs=FullyConnected(), part=part)

    def sum(self, place: int, index: int, hidden: Value | None) -> Value:
        """Return what goes into the activation functions of some gates."""
        found = self.input(place, index)
        if hidden is None:
            return found
        return self.add(place, "ADD", found, self.recurrent(place, index, hidden), part=f"sum{index}")

    def split(self, place: int, value: Value, count: int) -> tuple[Value, ...]:
        """Return what belongs to each of several gates."""
        return split_evenly(self.context, self.node, value, count, self.part(place, "gate"))


def _rnn(layer: Layer, place: int, state: State) -> Next:
    """H = f(X W' + H R' + b)."""
    return layer.activated(place, layer.sum(place, 0, state[0]), 0, "state"), None


def _lstm(layer: Layer, place: int, state: State) -> Next:
    """i, o, f = f(X W' + H R' + P C + b), c = g(..), C = f C + i c, H = o h(C). Gate o looks at the new C."""
    hidden, memory = state
    into, out, forget, new = layer.split(place, layer.sum(place, 0, hidden), 4)

    def gate(value: Value, looks_at: Value | None, index: int, part: str) -> Value:
        if layer.peepholes and looks_at is not None:
            look = layer.add(place, "MUL", looks_at, layer.peepholes[index], part=f"{part}.look")
            value = layer.add(place, "ADD", value, look, part=f"{part}.sum")
        return layer.activated(place, value, 0, part)

    candidate = layer.activated(place, new, 1, "candidate")
    fresh = layer.add(place, "MUL", gate(into, memory, 0, "into"), candidate, part="fresh")
    if memory is not None:
        kept = layer.add(place, "MUL", gate(forget, memory, 2, "forget"), memory, part="kept")
        fresh = layer.add(place, "ADD", kept, fresh, part="memory")
    shown = layer.activated(place, fresh, 2, "shown")
    return layer.add(place, "MUL", gate(out, fresh, 1, "out"), shown, part="state"), fresh


def _gru(layer: Layer, place: int, state: State) -> Next:
    """z, r = f(..), h = g(X W' + (r H) R' + b), H = h + z (H - h).

    Where it resets sums, h = g(X W' + c + r (H R' + b)).
    """
    hidden = state[0]
    gates = layer.activated(place, layer.sum(place, 0, hidden), 0, "gates")
    update, reset = layer.split(place, gates, 2)
    total = layer.input(place, 1)
    if layer.resets_sums:
        past = layer.gates[1].bias if hidden is None else layer.recurrent(place, 1, hidden)
        total = layer.add(place, "ADD", total, layer.add(place, "MUL", reset, past, part="reset"), part="sum1")
    elif hidden is not None:
        past = layer.recurrent(place, 1, layer.add(place, "MUL", reset, hidden, part="reset"))
        total = layer.add(place, "ADD", total, past, part="sum1")
    new = layer.activated(place, total, 1, "candidate")
    if hidden is None:
        return layer.add(place, "SUB", new, layer.add(place, "MUL", update, new, part="less"), part="state"), None
    change = layer.add(place, "MUL", update, layer.add(place, "SUB", hidden, new, part="past"), part="change")
    return layer.add(place, "ADD", new, change, part="state"), None


@dataclass(frozen=True, slots=True)
class Cell:
    """A kind of layer: its default functions, the gates of each linear part in the file's order, and its step."""

    functions: tuple[str, ...]
    gates: tuple[int, ...]
    step: Callable[[Layer, int, State], Next]


CELLS = {
    "RNN": Cell(("Tanh",), (1,), _rnn),
    "LSTM": Cell(("Sigmoid", "Tanh", "Tanh"), (4,), _lstm),
    "GRU": Cell(("Sigmoid", "Tanh"), (2, 1), _gru),
}
