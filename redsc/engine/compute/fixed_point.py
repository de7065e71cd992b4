"""TFLite's and gemmlowp's fixed-point arithmetic in numpy, bit for bit: what lookup tables are made of.

A Qn number is an int32 with n bits before the point and 31 - n behind it, kept in int64 here. Sources:
fixedpoint/fixedpoint.h of gemmlowp, and tensorflow/lite/kernels/internal/common.h for the inverse square root.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from redsc.ir import Array

__all__ = [
    "divide_by_power",
    "input_radius",
    "inverse_sqrt",
    "logistic",
    "multiply",
    "round_away",
    "tanh",
]

_ONE = 2**31 - 1  # of a Q0 number
_EXP_CONSTANT, _THIRD = 1895147668, 715827883  # exp(-1/8), 1/3
_EXP_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)  # exp(-2^n) for n from -2 on
_LEAST_POWER = -2
_DIVISION = (1515870810, -1010580540)  # 48/17 and -32/17 as Q2: Newton's first guess
_HALF_SQRT_2 = 1518500250


def logistic(values: Array, integer_bits: int) -> Array:
    """Return 1 / (1 + exp(-x)) of Qn numbers as Q0."""
    positive = _one_over_one_plus(_exp_on_negative(-np.abs(values), integer_bits))
    halves = np.where(values > 0, positive, _ONE - positive)
    return np.where(values == 0, 1 << 30, halves)


def tanh(values: Array, integer_bits: int) -> Array:
    """Return the hyperbolic tangents of Qn numbers as Q0."""
    magnitude = _one_minus_over_one_plus(_exp_on_negative(-np.abs(values), integer_bits + 1))
    return np.asarray(np.sign(values) * magnitude)


def inverse_sqrt(value: int) -> tuple[int, int]:
    """Return multiplier and shift of 1 / sqrt(value): GetInvSqrtQuantizedMultiplierExp, for values below 2^29."""
    if value <= 1:
        return _ONE, 0
    pairs = (31 - value.bit_length()) // 2 - 1
    right_shift = 11 - pairs
    scaled, x = np.array((value << 2 * pairs) >> 1), np.array(1 << 28)  # Q3
    half = divide_by_power(scaled, 1)
    for _ in range(5):
        cube = _widen(_product(_product(x, x), x), 6)
        x = _widen(_product(x, 3 << 27) - _product(half, cube), 3)
    multiplier = int(_product(x, _HALF_SQRT_2))
    return (multiplier << -right_shift, 0) if right_shift < 0 else (multiplier, -right_shift)


def multiply(values: Array, multiplier: int, shift: int) -> Array:
    """Return values * multiplier * 2^(shift - 31) as int64, rounded twice as TFLite does.

    Source: MultiplyByQuantizedMultiplier in tensorflow/lite/kernels/internal/common.cc, which wraps to 32 bits
    after the shift to the left; `values` are int64.
    """
    shifted = (values << max(shift, 0)).astype(np.int32).astype(np.int64)
    high = (shifted * multiplier + (1 << 30)) >> 31
    return divide_by_power(high, max(-shift, 0))


def divide_by_power(values: Array, exponent: int) -> Array:
    """Return int64 values / 2^exponent, halves away from zero (RoundingDivideByPOT in gemmlowp's fixedpoint.h)."""
    mask = (1 << exponent) - 1
    quotients: Array = (values >> exponent) + ((values & mask) > (mask >> 1) + (values < 0))
    return quotients


def round_away(reals: Array) -> Array:
    """Return finite reals rounded to whole ones, halves away from zero, in their own precision (C's round)."""
    whole = np.trunc(reals)
    rounded: Array = whole + np.where(np.abs(reals - whole) >= 0.5, np.sign(reals), 0).astype(reals.dtype)
    return rounded


def input_radius(shift: int, integer_bits: int) -> int:
    """Return the largest magnitude of an integer that is a Qn number when it is multiplied by 2^shift.

    Source: CalculateInputRadius in tensorflow/lite/kernels/internal/quantization_util.cc.
    """
    return int(np.floor((2.0**integer_bits - 1) * 2.0 ** (31 - integer_bits) / 2.0**shift))


def _product(a: Array, b: Array | int) -> Array:
    """Return the Q(n + m) product of Qn and Qm numbers: SaturatingRoundingDoublingHighMul."""
    rounded: Array = a * b + (1 << 30)
    return np.asarray(rounded >> 31)


def _widen(values: Array, bits: int) -> Array:
    """Return numbers with fewer bits before the point: SaturatingRoundingMultiplyByPOT."""
    return np.asarray(np.clip(values << bits, -(2**31), _ONE))


def _exp_on_negative(values: Array, integer_bits: int) -> Array:
    """Return exp(x) of Qn numbers from 0 down as Q0: a Taylor series in [-1/4, 0), then factors bit by bit."""
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits + _LEAST_POWER)
    part = (values & (quarter - 1)) - quarter
    result = _exp_near_zero(part << integer_bits)
    for bit, factor in enumerate(_EXP_POWERS):
        power = bit + _LEAST_POWER
        if power < integer_bits:
            result = np.where((part - values) >> (fraction_bits + power) & 1, _product(result, factor), result)
    return np.where(values == 0, _ONE, result)


def _exp_near_zero(values: Array) -> Array:
    """Return exp(x) of Q0 numbers in [-1/4, 0): a series around -1/8."""
    x = values + (1 << 28)
    square = _product(x, x)
    cube, fourth = _product(square, x), _product(square, square)
    terms = divide_by_power(_product(divide_by_power(fourth, 2) + cube, _THIRD) + square, 1)
    return _EXP_CONSTANT + _product(x + terms, _EXP_CONSTANT)


def _newton(values: Array, finish: Callable[[Array], Array]) -> Array:
    """Divide 1 by half of 1 + x, for Q0 numbers from 0 on; the quotient, a Q2 number, goes through `finish`."""
    half = (values + _ONE + 1) // 2  # RoundingHalfSum(x, 1)
    guess = _DIVISION[0] + _product(half, _DIVISION[1])
    for _ in range(3):
        guess = guess + _widen(_product(guess, (1 << 29) - _product(half, guess)), 2)
    return finish(guess)


def _one_over_one_plus(values: Array) -> Array:
    return _newton(values, lambda quotient: _widen(quotient, 1))


def _one_minus_over_one_plus(values: Array) -> Array:
    return _newton(values, lambda quotient: _widen(quotient - (1 << 29), 2))
