"""Conversions between float32 and integers, and between integers, in the C engine, against TFLM's kernels."""

from __future__ import annotations

import itertools

import numpy as np

from redsc.ir import Array, DType, Quant
from tests.firmware.engine.compute_cases import MACHINES, Cases, check_equal_to_tflm
from tests.firmware.engine.harness import Machine

I8, I16, I32, F32 = DType.INT8, DType.INT16, DType.INT32, DType.FLOAT32
BETWEEN_INTEGERS = ((I8, I16), (I16, I8), (I16, I16), (I16, I32), (I32, I8), (I32, I16))
ZERO_POINTS = ((I8, -7), (I16, 0), (I16, 1234))


def every(dtype: DType) -> Array:
    limits = np.iinfo(dtype.numpy)
    return np.arange(limits.min, limits.max + 1).astype(dtype.numpy)


def near_halves(dtype: DType) -> Array:
    """Return numbers of steps: halves, their neighbours, any others, and some far beyond the range."""
    random, reach = np.random.default_rng(3), int(1.2 * np.iinfo(dtype.numpy).max)
    halves = random.integers(-reach, reach, 1024) + 0.5
    near = np.nextafter(np.array([0.5, -0.5, 1.5], np.float32), np.float32(0))
    far = np.array([1e6, -1e6, 2e7, -2e7, 0, -0.0])
    return np.concatenate([random.uniform(-2 * reach, 2 * reach, 1000), halves, near, far]).astype(np.float32)


@MACHINES
def test_quantize_rounds_halves_away_from_zero(machine: Machine) -> None:
    cases, sample = Cases(0), list[Array]()
    for scale, (dtype, zero_point) in itertools.product((0.0039, 0.0625, 0.37), ZERO_POINTS):
        sample.append(near_halves(dtype) * np.float32(scale))
        operand = cases.operand(sample[-1].shape, F32)
        cases.node("QUANTIZE", operand, quant=Quant.per_tensor(scale, zero_point), dtype=dtype)
    check_equal_to_tflm(cases.graph(), machine, [sample])


def test_dequantize_is_exact() -> None:
    cases, sample = Cases(0), list[Array]()
    for dtype, zero_point in ZERO_POINTS:
        sample.append(every(dtype))
        operand = cases.builder.input("x", sample[-1].shape, dtype, Quant.per_tensor(0.0371, zero_point))
        cases.node("DEQUANTIZE", operand, dtype=F32)
    check_equal_to_tflm(cases.graph(), samples=[sample])


@MACHINES
def test_integers_in_another_scale_and_width(machine: Machine) -> None:
    cases, sample = Cases(0), list[Array]()
    numbers = {I8: every(I8), I16: every(I16)[::37], I32: some_int32()}
    ratios, zero_points = (1.0, 0.25, 1 / 3, 0.0071, 1 / 256, 1.7, 100.0), ((0, 0), (3, 0), (-100, 17))
    for (source, target), ratio, (before, after) in itertools.product(BETWEEN_INTEGERS, ratios, zero_points):
        sample.append(numbers[source])
        operand = cases.builder.input("x", sample[-1].shape, source, Quant.per_tensor(0.02, before))
        cases.node("QUANTIZE", operand, quant=Quant.per_tensor(0.02 / ratio, after), dtype=target)
    check_equal_to_tflm(cases.graph(), machine, [sample])


def some_int32() -> Array:
    """Return numbers of every size that no rescaling by up to 128 makes too large."""
    random = np.random.default_rng(5)
    return (random.choice([-1, 1], 1000) * 2.0 ** random.uniform(0, 23, 1000)).astype(np.int32)
