"""Rows of the engine's table for softmax and its logarithm, over the last axis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from redsc.engine.call import Call, Emit, Field, Params
from redsc.engine.compute.fixed_point import input_radius
from redsc.engine.quant import by_type, quant_of
from redsc.formats.tables import CannotTranslate
from redsc.ir import DType, Node
from redsc.ir.rescale import multiplier_of

__all__ = ["SOFTMAX"]

_SOURCE = "redsc_softmax.c"
_INPUT_BITS = 5  # before the point of scaled logits: kScaledDiffIntegerBits
_MOST_DEPTH = (1 << 12) - 1  # powers, each at most 1, that the sum with 12 bits before the point holds


def _softmax(node: Node) -> Iterator[Call]:
    params = Params("redsc_softmax_params_s8", _logits(node, float(np.float32(node.attrs.beta))))
    function = f"redsc_softmax_s{8 * node.outputs[0].type.dtype.itemsize}"
    yield Call(function, _SOURCE, params, (node.operand(0), node.outputs[0]))


def _log_softmax(node: Node) -> Iterator[Call]:
    """PreprocessLogSoftmaxScalingExp in kernels/internal/quantization_util.cc."""
    logits = _logits(node, beta=1.0)
    divisor, shift = multiplier_of(2.0 ** (31 - logits["shift"]) / logits["multiplier"])
    if shift > 0:
        raise CannotTranslate("the scale of the input is too small for fixed-point logits")
    fields: dict[str, Field] = {
        **{f"logits.{name}": number for name, number in logits.items()},
        "divisor": divisor,
        "divisor_shift": -shift,
    }
    params = Params("redsc_log_softmax_params_s8", fields)
    yield Call("redsc_log_softmax_s8", _SOURCE, params, (node.operand(0), node.outputs[0]))


def _logits(node: Node, beta: float) -> dict[str, int]:
    """Return shape and scaling: PreprocessSoftmaxScaling in kernels/internal/quantization_util.cc."""
    shape, real = _rows(node), beta * quant_of(node.operand(0)).scale * 2.0 ** (31 - _INPUT_BITS)
    if not real > 1:
        raise CannotTranslate("the scale of the input is too small for fixed-point logits")
    if shape["depth"] > _MOST_DEPTH:
        raise CannotTranslate(f"{shape['depth']} elements are more than the {_MOST_DEPTH} that a sum holds")
    multiplier, shift = multiplier_of(min(real, 2.0**31 - 1))
    least = -input_radius(shift, _INPUT_BITS)
    return {**shape, "multiplier": multiplier, "shift": shift, "least_difference": least}


def _float(function: str) -> Emit:
    def emit(node: Node) -> Iterator[Call]:
        beta = {"beta": float(node.attrs.beta)} if node.op == "SOFTMAX" else {}
        params = Params("redsc_softmax_params_f32", {**_rows(node), **beta})
        yield Call(function, "redsc_softmax_f32.c", params, (node.operand(0), node.outputs[0]))

    return emit


def _rows(node: Node) -> dict[str, int]:
    source = node.operand(0).type
    depth = source.shape[-1]
    return {"rows": source.elements // depth, "depth": depth}


SOFTMAX: Mapping[str, Emit] = {
    "SOFTMAX": by_type({DType.INT8: _softmax, DType.FLOAT32: _float("redsc_softmax_f32")}),
    "LOG_SOFTMAX": by_type({DType.INT8: _log_softmax, DType.FLOAT32: _float("redsc_log_softmax_f32")}),
}
