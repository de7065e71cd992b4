"""Ops of one operand that keep its shape: activations, functions, changes of representation."""

from __future__ import annotations

from dataclasses import dataclass

from redsc.ir.ops.definition import NoAttrs, OpDef, same_shape, same_type, signatures
from redsc.ir.rules import Fixed, InPlace, Normalizes, OwnScale, RawIntegers, SameScale, Signature, Ties
from redsc.ir.types import DType

__all__ = ["UNARY_OPS", "LeakyRelu", "Softmax"]

F32, I8, I16, I32, I64 = DType.FLOAT32, DType.INT8, DType.INT16, DType.INT32, DType.INT64
BOOL, U32 = DType.BOOL, DType.UINT32


@dataclass(frozen=True, slots=True)
class Softmax:
    """Softmax over the last axis, logits times `beta`."""

    beta: float = 1.0


@dataclass(frozen=True, slots=True)
class LeakyRelu:
    """`x` where positive, else `alpha * x`."""

    alpha: float = 0.01


_FLOAT, _FLOAT_OR_INT8 = same_type((F32,)), same_type((F32, I8))
# tflite-micro checks these int8 output scales (kernels/softmax_common.cc, log_softmax.cc), or its reference kernels
# take them for granted (logistic.h, tanh.h, l2normalization.h).
_SOFTMAX, _LOG_SOFTMAX = Fixed(1 / 256, -128, int16=(1 / 65536, -32768)), Fixed(16 / 256, 127)
_LOGISTIC, _TANH, _L2_NORMALIZATION = Fixed(1 / 256, -128), Fixed(1 / 128, 0), Fixed(1 / 128, 0)

UNARY_OPS = (
    OpDef(
        "SOFTMAX",
        Softmax,
        infer=same_shape,
        channels=Normalizes("softmax sums over the channels"),
        signatures=(*_FLOAT_OR_INT8, Signature((I8,), I16)),
        quant=_SOFTMAX,
    ),
    OpDef(
        "LOG_SOFTMAX",
        NoAttrs,
        infer=same_shape,
        channels=Normalizes("softmax sums over the channels"),
        signatures=_FLOAT_OR_INT8,
        quant=_LOG_SOFTMAX,
    ),
    OpDef(
        "L2_NORMALIZATION",
        NoAttrs,
        infer=same_shape,
        channels=Normalizes("the norm sums over the channels"),
        signatures=_FLOAT_OR_INT8,
        quant=_L2_NORMALIZATION,
    ),
    OpDef(
        "LEAKY_RELU",
        LeakyRelu,
        infer=same_shape,
        channels=Ties(),
        signatures=_FLOAT_OR_INT8,
        alias=InPlace(),
    ),
    *(
        OpDef(
            name,
            NoAttrs,
            infer=same_shape,
            channels=Ties(),
            signatures=_FLOAT_OR_INT8,
            quant=quant,
            alias=InPlace(),
        )
        for name, quant in (
            ("RELU", OwnScale()),
            ("RELU6", SameScale()),  # tflite-micro only clamps (kernels/activations_common.cc: Relu6Quantized)
            ("ELU", OwnScale()),
            ("HARD_SWISH", OwnScale()),
            ("LOGISTIC", _LOGISTIC),
            ("TANH", _TANH),
            ("ABS", OwnScale()),
            ("RSQRT", OwnScale()),
        )
    ),
    *(
        OpDef(name, NoAttrs, infer=same_shape, channels=Ties(), signatures=_FLOAT, alias=InPlace())
        for name in ("CEIL", "COS", "EXP", "FLOOR", "LOG", "NEG", "ROUND", "SIN", "SQRT", "SQUARE")
    ),
    OpDef(
        "LOGICAL_NOT",
        NoAttrs,
        infer=same_shape,
        channels=Ties(),
        signatures=same_type((BOOL,)),
        alias=InPlace(),
    ),
    OpDef(
        "ZEROS_LIKE",
        NoAttrs,
        infer=same_shape,
        channels=Ties(),
        signatures=same_type((F32, I32, I64)),
        alias=InPlace(),
    ),
    OpDef(
        "CAST",
        NoAttrs,
        infer=same_shape,
        channels=Ties(),
        signatures=signatures(
            *(((source,), target) for source in (F32, I8, I16, I32, BOOL) for target in (F32, I8, I16, I32, BOOL)),
            *(((U32,), I32), ((I32,), U32)),
        ),
        quant=RawIntegers(),
        alias=InPlace(),
    ),
    OpDef(
        "QUANTIZE",
        NoAttrs,
        infer=same_shape,
        channels=Ties(),
        signatures=signatures(
            *(((F32,), I8), ((F32,), I16), ((I8,), I8), ((I8,), I16)),
            *(((I16,), I8), ((I16,), I16), ((I16,), I32), ((I32,), I8), ((I32,), I16)),
        ),
        alias=InPlace(),
    ),
    OpDef(
        "DEQUANTIZE",
        NoAttrs,
        infer=same_shape,
        channels=Ties(),
        signatures=signatures(((I8,), F32), ((I16,), F32)),
    ),
)
