"""What functions of one int8 operand give for each of its 256 values.

Scales are divided in float64, as in TFLM's wheel. Paths in docstrings are relative to tensorflow/lite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from redsc.engine.compute.fixed_point import (
    divide_by_power,
    input_radius,
    inverse_sqrt,
    logistic,
    multiply,
    round_away,
    tanh,
)
from redsc.engine.quant import INT8_RANGE, clamp, quant_of
from redsc.formats.tables import CannotTranslate
from redsc.ir import Activation, Array, Node, Quant
from redsc.ir.rescale import multiplier_of

__all__ = ["INT8_TABLES", "Table", "int8_table"]

Table = Callable[[Array, Quant, Quant, Node], Array]
"""The outputs of all int8 inputs, not clamped, from the inputs as int64, both scales, and the node."""

_EVERY = np.arange(INT8_RANGE[0], INT8_RANGE[1] + 1, dtype=np.int64)
_INPUT_BITS = 4  # before the point of the inputs of tanh and the logistic function: kernels/tanh.cc
_SQRT_SHIFT = 20  # RsqrtEvalQuantized in micro/kernels/elementwise.cc
_INT16_BITS = 15


def int8_table(node: Node) -> Array:
    """Return the int8 outputs [256] of a node of one operand, for the inputs from -128 to 127.

    Raises:
        CannotTranslate: its scales are beyond what the kernels of TFLite can do.
    """
    source, result = quant_of(node.operand(0)), quant_of(node.outputs[0])
    return np.clip(INT8_TABLES[node.op](_EVERY, source, result, node), *INT8_RANGE).astype(np.int8)


def _requantized(every: Array, source: Quant, result: Quant, _node: Node) -> Array:
    """micro/kernels/quantize_common.cc."""
    multiplied = multiply(every - source.zero_point, *multiplier_of(source.scale / result.scale))
    return multiplied + result.zero_point


def _relu(every: Array, source: Quant, result: Quant, _node: Node) -> Array:
    """micro/kernels/activations_common.cc."""
    multiplied = multiply(every - source.zero_point, *multiplier_of(source.scale / result.scale))
    return np.asarray(np.maximum(multiplied, 0) + result.zero_point)


def _relu6(every: Array, source: Quant, _result: Quant, node: Node) -> Array:
    """Only clamps: micro/kernels/activations.h."""
    low, high = clamp(node.operand(0), Activation.RELU6)
    return np.asarray(np.clip(every, low, high))


def _leaky_relu(every: Array, source: Quant, result: Quant, node: Node) -> Array:
    """kernels/internal/reference/leaky_relu.h."""
    steep = source.scale * float(np.float32(node.attrs.alpha)) / result.scale
    x, sign = every - source.zero_point, -1 if steep < 0 else 1
    negative = sign * multiply(x, *multiplier_of(abs(steep)))
    return np.where(x < 0, negative, multiply(x, *multiplier_of(source.scale / result.scale))) + result.zero_point


def _abs(every: Array, source: Quant, result: Quant, _node: Node) -> Array:
    """micro/kernels/elementwise.cc."""
    magnitude: Array = np.abs(every - source.zero_point)
    if source.scale != result.scale:
        magnitude = multiply(magnitude, *multiplier_of(source.scale / result.scale))
    return magnitude + result.zero_point


def _rsqrt(every: Array, source: Quant, result: Quant, _node: Node) -> Array:
    """micro/kernels/elementwise.cc; of 0 the most, and of what is below 0, where TFLM stops, as well."""
    root = np.sqrt(np.float32(source.scale)) * np.float32(result.scale)
    if not root:
        raise CannotTranslate("the scales of input and output are too small for float32")
    multiplier, shift = multiplier_of(1.0 / float(root))

    def one(value: int) -> int:
        if value <= 0:
            return INT8_RANGE[1]
        inverse, inverse_shift = inverse_sqrt(value)
        data = multiply(np.array(1), inverse, inverse_shift + _SQRT_SHIFT)
        return int(multiply(data, multiplier, shift - _SQRT_SHIFT)) + result.zero_point

    return np.array([one(int(value)) for value in every - source.zero_point])


def _elu(every: Array, source: Quant, result: Quant, _node: Node) -> Array:
    """In float32: micro/kernels/elu.cc."""
    x = np.float32(source.scale) * (every - source.zero_point).astype(np.float32)
    bent = np.exp(np.minimum(x, 0).astype(np.float64)).astype(np.float32) - np.float32(1)
    steps = np.where(x < 0, bent, x) * (np.float32(1) / np.float32(result.scale))
    return round_away(np.clip(steps, -(2.0**23), 2.0**23)).astype(np.int64) + result.zero_point


def _sigmoid(every: Array, source: Quant, _result: Quant, _node: Node) -> Array:
    """kernels/internal/reference/integer_ops/logistic.h."""
    fixed = divide_by_power(logistic(_widened(every, source), _INPUT_BITS), 31 - 8)
    return _saturated(every, source, fixed + INT8_RANGE[0])


def _tanh(every: Array, source: Quant, _result: Quant, _node: Node) -> Array:
    """kernels/internal/reference/integer_ops/tanh.h."""
    return _saturated(every, source, divide_by_power(tanh(_widened(every, source), _INPUT_BITS), 31 - 7))


def _widened(every: Array, source: Quant) -> Array:
    """Return inputs as numbers with four bits before the point; those beyond the radius are 0."""
    x, (multiplier, shift) = every - source.zero_point, _widening(source)
    inside = np.where(np.abs(x) < input_radius(shift, _INPUT_BITS), x, 0)
    return multiply(inside, multiplier, shift)


def _saturated(every: Array, source: Quant, values: Array) -> Array:
    x, radius = every - source.zero_point, input_radius(_widening(source)[1], _INPUT_BITS)
    return np.select([x <= -radius, x >= radius], [INT8_RANGE[0], INT8_RANGE[1]], values)


def _widening(source: Quant) -> tuple[int, int]:
    """Return multiplier and shift from inputs to numbers with four bits before the point."""
    return multiplier_of(source.scale * 2.0 ** (31 - _INPUT_BITS))


def _hard_swish(every: Array, source: Quant, result: Quant, _node: Node) -> Array:
    """In int16: kernels/internal/reference/hard_swish.h, micro/kernels/hard_swish_common.cc."""
    fine = np.float32(1 / 128) * np.float32(source.scale)
    output, output_shift = _short_multiplier(float(fine / np.float32(result.scale)))
    gate, gate_shift = _short_multiplier(float(fine / (np.float32(3) / np.float32(32768))))
    if not -_INT16_BITS <= output_shift <= 0:
        raise CannotTranslate("the scales of input and output differ too much")
    x = (every - source.zero_point) * 128
    value = x
    if gate_shift > 0:
        value = _short(value << (gate_shift - 1))
    value = (value * gate + (1 << 14)) >> _INT16_BITS
    value = _short(value << 1) if gate_shift > 0 else divide_by_power(value, -gate_shift)
    opened = ((value + (1 << 15)) >> 1) * ((x * output + (1 << 14)) >> _INT16_BITS)
    product = np.sign(opened) * (np.abs(opened) >> _INT16_BITS)
    return divide_by_power(product, -output_shift) + result.zero_point


def _short_multiplier(real: float) -> tuple[int, int]:
    """DownScaleInt32ToInt16Multiplier in kernels/internal/common.h."""
    multiplier, shift = multiplier_of(real)
    return min((multiplier + (1 << 15)) >> 16, 2**15 - 1), shift


def _short(values: Array) -> Array:
    return np.clip(values, -(2**15), 2**15 - 1)


INT8_TABLES: Mapping[str, Table] = {
    "RELU": _relu,
    "RELU6": _relu6,
    "LEAKY_RELU": _leaky_relu,
    "ELU": _elu,
    "HARD_SWISH": _hard_swish,
    "LOGISTIC": _sigmoid,
    "TANH": _tanh,
    "ABS": _abs,
    "RSQRT": _rsqrt,
    "QUANTIZE": _requantized,
}
"""By op."""
