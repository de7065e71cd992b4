"""What values the channels of int8 tensors can take: interval arithmetic on the integers that kernels compute.

An interval holds for every input of the network, in both reference runtimes. A channel whose interval is a single
integer is constant: a ReLU that never fires, a row of zero weights, or what follows from such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf

import numpy as np

from redsc.ir import Activation, Array, DType, Graph, Node, Quant, Value, op_def
from redsc.ir.rules import Grouped, Produces

__all__ = ["Intervals", "find_intervals", "layer_bias", "layer_inputs", "layer_weights", "reaches_over_border"]

_LOWEST, _HIGHEST = -128, 127
_INT32 = np.iinfo(np.int32).max
_MOST_CHANNELS = 1 << 22  # of all values together; each takes 16 B
_TINY = 1e-3  # of a step: far more than scales in float32 and multipliers of 31 bits lose
_LIMITS: Mapping[Activation, tuple[float, float]] = {
    Activation.NONE: (-inf, inf),
    Activation.RELU: (0, inf),
    Activation.RELU6: (0, 6),
    Activation.RELU_N1_TO_1: (-1, 1),
}
_CLIPPING_OPS = {"RELU": Activation.RELU, "RELU6": Activation.RELU6}


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """The least and the greatest number of every channel: whole numbers, kept as float64."""

    low: Array
    high: Array

    def hull(self, low: Array | float, high: Array | float) -> Intervals:
        """Return the least intervals around these and others."""
        return Intervals(np.minimum(self.low, low), np.maximum(self.high, high))

    def plus(self, number: Array | int) -> Intervals:
        """Return the intervals of the sums with a number."""
        return Intervals(self.low + number, self.high + number)

    def tiled(self, times: int) -> Intervals:
        """Return the intervals of `times` rows of channels side by side."""
        return Intervals(np.tile(self.low, times), np.tile(self.high, times))


def find_intervals(graph: Graph) -> dict[str, Intervals]:
    """Return the intervals of int8 activations that have channels, by name: of all that there is room for.

    1. A graph input can be anything, and so can what an op makes that has no row in the table below.
    2. A linear layer adds w * (x - zero point) to its bias, least and greatest term by term; where its window
       reaches over the border, x - zero point is 0 there. A sum that int32 does not hold can become anything.
    3. A sum is scaled and rounded once, or to a fraction of a step first and then once more: kernels differ in
       that. The interval holds the results of both.
    4. Elementwise ops and poolings are monotone in each operand: bounds are made of bounds.
    5. A fused activation clamps, as int8 itself does.
    """
    known = set(_known(graph))
    found = {value.name: _anything(value) for value in graph.inputs if value in known}
    for node in graph.nodes:
        found |= {value.name: _result(node, value, found) for value in node.outputs if value in known}
    return found


def layer_weights(node: Node) -> Array:
    """Return the constant weights of a linear layer as (output, tap, input); a depthwise one's as (output, tap)."""
    rule = _linear_rule(node)
    weights = np.asarray(node.operand(rule.weight).data, np.float64)
    if isinstance(rule, Grouped):
        weights = np.moveaxis(weights, rule.out_axis, 0)
        return weights.reshape(len(weights), -1)
    weights = np.moveaxis(weights, (rule.out_axis, rule.in_axis), (0, -1))
    return weights.reshape(len(weights), -1, weights.shape[-1])


def layer_inputs(node: Node, source: Intervals) -> Intervals | None:
    """Return what a linear layer multiplies its weights with, x - zero point, per input (depthwise: per output).

    None where its weights are no int8 constant around 0 with scales per output, or read rows of another length.
    """
    rule = _linear_rule(node)
    weight = node.operand(rule.weight)
    if not weight.is_constant or weight.type.dtype is not DType.INT8:
        return None
    quant = _quant(weight)
    if any(quant.zero_points) or (quant.is_per_channel and quant.axis != rule.out_axis):
        return None
    inputs = source.plus(-_quant(op_def(node.op).source(node)).zero_point)
    if isinstance(rule, Grouped):
        times = node.attrs.depth_multiplier
        return Intervals(np.repeat(inputs.low, times), np.repeat(inputs.high, times))
    times, rest = divmod(weight.type.shape[rule.in_axis], len(inputs.low))
    return None if rest else inputs.tiled(times)


def layer_bias(node: Node) -> Value | None:
    """Return the bias of a linear layer, None where it has none."""
    (place,) = _linear_rule(node).followers
    return node.inputs[place] if place < len(node.inputs) else None


def reaches_over_border(node: Node) -> bool:
    """Whether some output of a linear layer sums over fewer taps than the weights have."""
    if node.op in ("FULLY_CONNECTED", "TRANSPOSE_CONV"):
        return node.op == "TRANSPOSE_CONV"
    image, kernel, made = (value.type.shape[1:3] for value in (node.operand(0), node.operand(1), node.outputs[0]))
    strides, dilations = (node.attrs.stride_h, node.attrs.stride_w), (node.attrs.dilation_h, node.attrs.dilation_w)
    axes = zip(made, strides, kernel, dilations, image, strict=True)
    return any((n - 1) * stride + (k - 1) * dilation >= size for n, stride, k, dilation, size in axes)


def _linear_rule(node: Node) -> Produces | Grouped:
    rule = op_def(node.op).channels
    assert isinstance(rule, Produces | Grouped)
    return rule


def _known(graph: Graph) -> Iterator[Value]:
    """Yield the values that get intervals: a file of a few bytes may have as many channels as it likes."""
    channels = 0
    for value in graph.activations():
        if (
            value.type.dtype is DType.INT8
            and value.type.shape
            and channels + value.type.shape[-1] <= _MOST_CHANNELS
        ):
            channels += value.type.shape[-1]
            yield value


def _anything(value: Value) -> Intervals:
    channels = value.type.shape[-1]
    return Intervals(np.full(channels, _LOWEST, np.float64), np.full(channels, _HIGHEST, np.float64))


def _result(node: Node, output: Value, found: Mapping[str, Intervals]) -> Intervals:
    sources = [_operand(value, found) for value in op_def(node.op).data_inputs(node)]
    made = None if None in sources or node.op not in _RULES else _RULES[node.op](node, *sources)
    if made is None:
        return _anything(output)
    limits, shape = _limits(node), output.type.shape[-1:]
    return Intervals(*(np.broadcast_to(np.clip(bound, *limits), shape) for bound in (made.low, made.high)))


def _operand(value: Value, found: Mapping[str, Intervals]) -> Intervals | None:
    if value.data is None or value.type.dtype is not DType.INT8:
        return found.get(value.name)
    rows = value.data.reshape(-1, *value.type.shape[-1:]).astype(np.float64)
    return Intervals(rows.min(axis=0), rows.max(axis=0))


def _limits(node: Node) -> tuple[float, float]:
    """Return what a node's integers are clamped to (LiteRT kernel_util.cc: CalculateActivationRangeQuantized)."""
    activation = _CLIPPING_OPS.get(node.op, getattr(node.attrs, "activation", Activation.NONE))
    quant = _quant(node.outputs[0])
    steps = (np.array(_LIMITS[activation], np.float32) / np.float32(quant.scale)).astype(np.float64)
    low, high = np.clip(_nearest(steps) + quant.zero_point, _LOWEST, _HIGHEST)
    return float(low), float(high)


def _quant(value: Value) -> Quant:
    assert value.type.quant is not None  # the verifier's rule for int8
    return value.type.quant


def _centred(node: Node, index: int, source: Intervals) -> Intervals:
    return source.plus(-_quant(node.operand(index)).zero_point)


def _linear(node: Node, source: Intervals) -> Intervals | None:
    inputs, bias = layer_inputs(node, source), layer_bias(node)
    if inputs is None or (bias is not None and bias.data is None):
        return None
    if reaches_over_border(node):
        inputs = inputs.hull(0, 0)
    weights = layer_weights(node)
    up, down = np.maximum(weights, 0).sum(axis=1), np.minimum(weights, 0).sum(axis=1)
    weigh = np.matmul if weights.ndim == 3 else np.multiply
    sums = Intervals(
        weigh(up, inputs.low) + weigh(down, inputs.high), weigh(up, inputs.high) + weigh(down, inputs.low)
    )
    if bias is not None and bias.data is not None:
        sums = sums.plus(bias.data.reshape(-1))
    weight = node.operand(_linear_rule(node).weight)
    return _scaled(node, sums, _quant(op_def(node.op).source(node)).scale * np.array(_quant(weight).scales))


def _scaled(node: Node, sums: Intervals, scale: Array | float) -> Intervals:
    """Return the integers that a node makes of sums in units of `scale` (rule 3).

    LiteRT kernels/internal/common.h, MultiplyByQuantizedMultiplier: the first of two roundings keeps a bit of
    fraction per leading zero of the multiplier; next to a power of two it may be one more or less.
    """
    quant = _quant(node.outputs[0])
    multiplier = np.asarray(scale) / quant.scale
    exponents = [np.frexp(multiplier * factor)[1] for factor in (1 - _TINY, 1 + _TINY)]
    units = [np.ones(1), *(np.exp2(np.minimum(exponent, 0)) for exponent in exponents)]
    low = _least_rounded(sums.low * multiplier, units) + quant.zero_point
    high = -_least_rounded(-sums.high * multiplier, units) + quant.zero_point
    reach = np.maximum(np.abs(sums.low), np.abs(sums.high)) * np.maximum(2 * multiplier, 1)
    return Intervals(np.where(reach < _INT32, low, -inf), np.where(reach < _INT32, high, inf))


def _least_rounded(steps: Array, units: Iterable[Array]) -> Array:
    """Return the least integers that steps become if they are rounded to one of these units first."""
    least: Array = np.min([_nearest(np.ceil((steps - _TINY) / unit - 0.5) * unit) for unit in units], axis=0)
    return least


def _nearest(steps: Array) -> Array:
    """Return the nearest integers; a half goes away from zero, as kernels round."""
    nearest: Array = np.trunc(steps + np.copysign(0.5, steps))
    return nearest


def _rounded(node: Node, steps: Intervals, slack: Array | float) -> Intervals:
    """Return the integers less than `slack` beyond what is given in steps from the zero point of the output."""
    zero_point = _quant(node.outputs[0]).zero_point
    return Intervals(np.ceil(steps.low - slack) + zero_point, np.floor(steps.high + slack) + zero_point)


def _rescaled(node: Node, source: Intervals) -> Intervals:
    return _scaled(node, _centred(node, 0, source), _quant(node.operand(0)).scale)


def _zero_stays(node: Node, source: Intervals) -> Intervals:
    """Return all that is known of a function that makes 0 of 0."""
    inputs, zero_point = _centred(node, 0, source), _quant(node.outputs[0]).zero_point
    is_zero = (inputs.low == 0) & (inputs.high == 0)
    return Intervals(np.where(is_zero, zero_point, _LOWEST), np.where(is_zero, zero_point, _HIGHEST))


def _mean(node: Node, source: Intervals) -> Intervals | None:
    """Kernels differ in how they round a mean; none errs by a whole step."""
    axes, rank = node.operand(1).data, len(node.operand(0).type.shape)
    if axes is None or any(int(axis) % rank == rank - 1 for axis in axes.reshape(-1)):
        return None
    inputs, ratio = _centred(node, 0, source), _quant(node.operand(0)).scale / _quant(node.outputs[0]).scale
    return _rounded(node, Intervals(inputs.low * ratio, inputs.high * ratio), 1 - _TINY)


def _added(node: Node, left: Intervals, right: Intervals) -> Intervals:
    """ADD and SUB bring both operands to one scale with 20 bits of fraction (LiteRT kernels/add.cc)."""
    a, b = _centred(node, 0, left), _centred(node, 1, right)
    first, second = (_quant(node.operand(index)).scale / _quant(node.outputs[0]).scale for index in (0, 1))
    if node.op == "SUB":
        b = Intervals(-b.high, -b.low)
    steps = Intervals(a.low * first + b.low * second, a.high * first + b.high * second)
    return _rounded(node, steps, 0.5 + _TINY * (1 + max(first, second)))


def _multiplied(node: Node, left: Intervals, right: Intervals) -> Intervals:
    a, b = _centred(node, 0, left), _centred(node, 1, right)
    corners = np.broadcast_arrays(a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high)
    products = Intervals(np.min(corners, axis=0), np.max(corners, axis=0))
    return _scaled(node, products, _quant(node.operand(0)).scale * _quant(node.operand(1)).scale)


def _maximum(_node: Node, left: Intervals, right: Intervals) -> Intervals:
    return Intervals(np.maximum(left.low, right.low), np.maximum(left.high, right.high))


def _minimum(_node: Node, left: Intervals, right: Intervals) -> Intervals:
    return Intervals(np.minimum(left.low, right.low), np.minimum(left.high, right.high))


def _kept(_node: Node, source: Intervals) -> Intervals:
    return source


def _viewed(node: Node, source: Intervals) -> Intervals | None:
    times, rest = divmod(node.outputs[0].type.shape[-1], len(source.low))
    return None if rest else source.tiled(times)


def _padded(node: Node, source: Intervals) -> Intervals | None:
    amounts, zero_point = node.operand(1).data, _quant(node.outputs[0]).zero_point
    return None if amounts is None or amounts[-1].any() else source.hull(zero_point, zero_point)


def _joined(node: Node, first: Intervals, *others: Intervals) -> Intervals:
    rank = len(node.outputs[0].type.shape)
    if node.attrs.axis % rank == rank - 1:
        sources = (first, *others)
        return Intervals(np.concatenate([s.low for s in sources]), np.concatenate([s.high for s in sources]))
    for other in others:
        first = first.hull(other.low, other.high)
    return first


_RULES: Mapping[str, Callable[..., Intervals | None]] = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"), _linear),
    **dict.fromkeys(("RELU", "QUANTIZE"), _rescaled),
    **dict.fromkeys(("HARD_SWISH", "LEAKY_RELU", "PRELU", "TANH"), _zero_stays),
    **dict.fromkeys(("ADD", "SUB"), _added),
    "MUL": _multiplied,
    "MAXIMUM": _maximum,
    "MINIMUM": _minimum,
    "MEAN": _mean,
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "RELU6"), _kept),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _kept),
    **dict.fromkeys(("EXPAND_DIMS", "RESHAPE", "SQUEEZE"), _viewed),
    "PAD": _padded,
    "CONCATENATION": _joined,
}
