"""Fused activation functions, and between which numbers each keeps an output."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from math import inf

import numpy as np

from redsc.ir.types import Quant

__all__ = ["ACTIVATION_LIMITS", "Activation", "float_limits", "int8_limits"]


class Activation(Enum):
    """A fused activation function."""

    NONE = "NONE"
    RELU = "RELU"
    RELU_N1_TO_1 = "RELU_N1_TO_1"
    RELU6 = "RELU6"


ACTIVATION_LIMITS: Mapping[Activation, tuple[float, float]] = {
    Activation.NONE: (-inf, inf),
    Activation.RELU: (0.0, inf),
    Activation.RELU_N1_TO_1: (-1.0, 1.0),
    Activation.RELU6: (0.0, 6.0),
}
_FAR = 512.0  # steps: beyond any int8, whatever the zero point


def float_limits(activation: Activation) -> tuple[float, float]:
    """Return the least and the most that a float32 output may be."""
    most = float(np.finfo(np.float32).max)
    low, high = ACTIVATION_LIMITS[activation]
    return max(low, -most), min(high, most)


def int8_limits(quant: Quant, activation: Activation) -> tuple[int, int]:
    """Return the least and the most that an int8 output of this scale may be.

    Source: CalculateActivationRangeQuantized in tensorflow/lite/kernels/kernel_util.cc, in float32 as there.
    """
    low, high = (
        int(np.clip(quant.zero_point + _steps(limit, quant.scale), -128, 127))
        for limit in ACTIVATION_LIMITS[activation]
    )
    return low, high


def _steps(real: float, scale: float) -> float:
    """Return a limit in steps of a scale, halves away from zero."""
    with np.errstate(over="ignore"):
        steps = np.clip(np.float32(real) / np.float32(scale), -_FAR, _FAR)
    whole = np.trunc(steps)
    return float(whole + (np.sign(steps) if abs(steps - whole) >= 0.5 else 0.0))
