"""Ops of one operand that keep its shape: activations, functions, changes of representation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redsc.ir.ops.definition import NoAttrs, OpDef, same_shape
from redsc.ir.rules import OWN_SCALE, Fixed, InPlace, Normalizes, QuantRule, RawIntegers, SameScale, Ties
from redsc.ir.signatures import BOOL, F32, I8, I16, I32, I64, U32, Signature, same_type, signatures

__all__ = ["UNARY_OPS", "LeakyRelu", "Softmax"]


@dataclass(frozen=True, slots=True)
class Softmax:
    """Softmax over the last axis, logits times `beta`."""

    beta: float = 1.0


@dataclass(frozen=True, slots=True)
class LeakyRelu:
    """`x` where positive, else `alpha * x`."""

    alpha: float = 0.01


def _elementwise(
    name: str, rows: tuple[Signature, ...], attrs: type[Any] = NoAttrs, quant: QuantRule = OWN_SCALE
) -> OpDef:
    return OpDef(name, attrs, same_shape, channels=Ties(), signatures=rows, quant=quant, alias=InPlace())


def _normalizing(
    name: str, reason: str, rows: tuple[Signature, ...], quant: Fixed, attrs: type[Any] = NoAttrs
) -> OpDef:
    return OpDef(name, attrs, same_shape, channels=Normalizes(reason), signatures=rows, quant=quant)


_FLOAT, _FLOAT_OR_INT8 = same_type((F32,)), same_type((F32, I8))
_CASTS = signatures(
    *(((source,), target) for source in (F32, I8, I16, I32, BOOL) for target in (F32, I8, I16, I32, BOOL)),
    *(((U32,), I32), ((I32,), U32)),
)
_QUANTIZES = signatures(
    *(((F32,), I8), ((F32,), I16), ((I8,), I8), ((I8,), I16)),
    *(((I16,), I8), ((I16,), I16), ((I16,), I32), ((I32,), I8), ((I32,), I16)),
)

# tflite-micro checks these int8 output scales (kernels/softmax_common.cc, log_softmax.cc), or its reference kernels
# take them for granted (logistic.h, tanh.h, l2normalization.h).
_SOFTMAX, _LOG_SOFTMAX = Fixed(1 / 256, -128, int16=(1 / 65536, -32768)), Fixed(16 / 256, 127)
_LOGISTIC, _TANH, _L2_NORMALIZATION = Fixed(1 / 256, -128), Fixed(1 / 128, 0), Fixed(1 / 128, 0)
_SUMS = "softmax sums over the channels"

UNARY_OPS = (
    _normalizing("SOFTMAX", _SUMS, (*_FLOAT_OR_INT8, Signature((I8,), I16)), _SOFTMAX, Softmax),
    _normalizing("LOG_SOFTMAX", _SUMS, _FLOAT_OR_INT8, _LOG_SOFTMAX),
    _normalizing("L2_NORMALIZATION", "the norm sums over the channels", _FLOAT_OR_INT8, _L2_NORMALIZATION),
    _elementwise("LEAKY_RELU", _FLOAT_OR_INT8, LeakyRelu),
    _elementwise("RELU", _FLOAT_OR_INT8),
    # tflite-micro only clamps (kernels/activations_common.cc: Relu6Quantized)
    _elementwise("RELU6", _FLOAT_OR_INT8, quant=SameScale()),
    _elementwise("ELU", _FLOAT_OR_INT8),
    _elementwise("HARD_SWISH", _FLOAT_OR_INT8),
    _elementwise("LOGISTIC", _FLOAT_OR_INT8, quant=_LOGISTIC),
    _elementwise("TANH", _FLOAT_OR_INT8, quant=_TANH),
    _elementwise("ABS", _FLOAT_OR_INT8),
    _elementwise("RSQRT", _FLOAT_OR_INT8),
    *(
        _elementwise(name, _FLOAT)
        for name in ("CEIL", "COS", "EXP", "FLOOR", "LOG", "NEG", "ROUND", "SIN", "SQRT", "SQUARE")
    ),
    _elementwise("LOGICAL_NOT", same_type((BOOL,))),
    _elementwise("ZEROS_LIKE", same_type((F32, I32, I64))),
    _elementwise("CAST", _CASTS, quant=RawIntegers()),
    _elementwise("QUANTIZE", _QUANTIZES),
    OpDef(
        "DEQUANTIZE",
        NoAttrs,
        infer=same_shape,
        channels=Ties(),
        signatures=signatures(((I8,), F32), ((I16,), F32)),
    ),
)
