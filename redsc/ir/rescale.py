"""From sums of products to int8 outputs: the factors of linear layers, and how TFLite stores them as integers."""

from __future__ import annotations

import numpy as np

from redsc.ir.graph import Array, Node

__all__ = ["multiplier_of", "quantize_multipliers", "rescalings"]

_FLOAT32_PRODUCTS = ("BATCH_MATMUL", "FULLY_CONNECTED")


def quantize_multipliers(reals: Array) -> tuple[Array, Array]:
    """Return the int32 multipliers and the shifts with real = multiplier * 2^(shift - 31), of float64 numbers.

    Source: QuantizeMultiplier in tensorflow/lite/kernels/internal/quantization_util.cc.
    """
    fractions, shifts = np.frexp(reals)
    fixed = np.floor(fractions * 2**31 + 0.5).astype(np.int64)
    is_whole = fixed == 2**31
    fixed, shifts = np.where(is_whole, fixed // 2, fixed), shifts + is_whole
    is_small, is_large = shifts < -31, shifts > 30
    fixed[is_small], shifts[is_small] = 0, 0
    fixed[is_large], shifts[is_large] = 2**31 - 1, 30
    return fixed.astype(np.int32), shifts.astype(np.int32)


def multiplier_of(real: float) -> tuple[int, int]:
    """Return multiplier and shift of one real number."""
    multipliers, shifts = quantize_multipliers(np.array([real], np.float64))
    return int(multipliers[0]), int(shifts[0])


def rescalings(node: Node) -> Array:
    """Return the factors from sums to outputs, one per scale of the weight, in float64.

    Source: kernels/kernel_util.cc, PopulateConvolutionQuantizationParams; a dense layer with one scale and a
    product of matrices multiply those of both operands in float32 (GetQuantizedConvolutionMultipler).
    """
    source, weight, output = (value.type.quant for value in (node.operand(0), node.operand(1), node.outputs[0]))
    assert source is not None
    assert weight is not None
    assert output is not None
    if node.op in _FLOAT32_PRODUCTS and not weight.is_per_channel:
        return np.array([float(np.float32(source.scale) * np.float32(weight.scale)) / output.scale])
    return source.scale * np.array(weight.scales) / output.scale
