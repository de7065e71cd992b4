"""Rows of the engine's table for recurrent layers: what they keep for themselves lies beside the arena."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import frexp

import numpy as np

from redsc.engine.call import Call, Constant, Emit, Field, Operand, Params, State
from redsc.engine.numbers import C_TYPES
from redsc.engine.quant import by_type, clamp_fields, quant_of
from redsc.formats.tables import CannotTranslate
from redsc.ir import GATES, LSTM, SVDF, DType, Node, Value, own_states, starts_anew
from redsc.ir.rescale import multiplier_of

__all__ = ["RECURRENT"]

_GATE_BITS = 12  # behind the point of what a gate hears
_RESULT_BITS = 15  # and of what it lets through
_LEAST_CELL_BITS, _MOST_CELL_BITS = 0, 30
# tflite's table is sigmoid(i / 24) in 16 bits, rounded up here where the nearest number is below:
# sigmoid_table_uint16 in tensorflow/lite/kernels/internal/common.h.
_ROUNDED_UP = (4, 8, 12, *range(14, 18), *range(19, 23), 25, *range(27, 32), *range(33, 36), 37, 39, 40, 41, 43, 44)
_ROUNDED_UP += (45, 46, 49, 50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135)


def _operands(node: Node, count: int) -> tuple[Operand, ...]:
    """Return the first operands of a node, what it keeps for itself, and its output."""
    states = (State(state.name, state.type) for state in own_states(node))
    return (*(node.operand(index) for index in range(count)), *states, node.outputs[0])


def _svdf(node: Node) -> Iterator[Call]:
    """PrepareSvdf in micro/kernels/svdf_common.cc: it divides and multiplies floats."""
    source, feature, time, output = (quant_of(v) for v in (*node.inputs[:3], *node.outputs) if v is not None)
    scale, is_short = np.float32(node.attrs.state_scale), node.operand(2).type.dtype is DType.INT8
    multiplier, shift = multiplier_of(float(np.float32(source.scale) * np.float32(feature.scale) / scale))
    factor, y_shift = multiplier_of(float(scale * np.float32(time.scale) / np.float32(output.scale)))
    fields: dict[str, Field] = {
        **_svdf_sizes(node),
        "multiplier": multiplier,
        "shift": shift,
        "y_multiplier": factor,
        "y_shift": y_shift,
        "x_zero_point": source.zero_point,
        "state_zero_point": node.attrs.state_zero_point,
        "y_zero_point": output.zero_point,
    }
    function = "redsc_svdf_s8" if is_short else "redsc_svdf_s16"
    yield Call(function, "redsc_svdf.c", Params("redsc_svdf_params_s8", fields), _operands(node, 4))


def _svdf_f32(node: Node) -> Iterator[Call]:
    fields = {**_svdf_sizes(node), **clamp_fields(node.outputs[0], node.attrs.activation)}
    yield Call("redsc_svdf_f32", "redsc_svdf_f32.c", Params("redsc_svdf_params_f32", fields), _operands(node, 4))


def _svdf_sizes(node: Node) -> dict[str, int]:
    batches, units = node.outputs[0].type.shape
    _, memory = node.operand(2).type.shape
    depth = node.operand(0).type.shape[-1]
    return {"batches": batches, "units": units, "rank": node.attrs.rank, "depth": depth, "memory": memory}


def _lstm(node: Node) -> Iterator[Call]:
    """PrepareGateParametersInteger and CreateLstmCellStateInfo in micro/kernels/lstm_eval_common.cc."""
    source, output, cell = quant_of(node.operand(0)), quant_of(node.outputs[0]), node.attrs.cell_scale
    bits = 1 - frexp(cell)[1]
    if not _LEAST_CELL_BITS <= bits <= _MOST_CELL_BITS:
        raise CannotTranslate(f"its cell has the scale {cell}")
    result = 2.0**-_RESULT_BITS
    fields: dict[str, Field] = {
        **_lstm_sizes(node),
        **_gates(node),
        "sigmoid": Constant.of(_sigmoid_table(), "uint16_t"),
        **_multiplier("forget_", result),
        **_multiplier("input_", result * result / cell),
        **_multiplier("y_", result * result / output.scale),
        "x_zero_point": source.zero_point,
        "y_zero_point": output.zero_point,
        "clip": int(min(float(np.float32(node.attrs.cell_clip)) / cell, np.iinfo(np.int16).max)),
        "tanh_shift": _GATE_BITS - bits,
    }
    for name, place in (("weight", 1), ("recurrent", 1 + len(GATES))):
        prefix, scale = ("recurrent_", output.scale) if name == "recurrent" else ("", source.scale)
        for gate in range(len(GATES)):
            weight = quant_of(node.operand(place + gate)).scale
            real = float(np.float32(scale) * np.float32(weight)) * 2.0**_GATE_BITS
            fields |= _multiplier(f"gates[{gate}].{prefix}", real)
    yield _lstm_call(node, "s8", "redsc_lstm.c", fields)


def _lstm_f32(node: Node) -> Iterator[Call]:
    fields: dict[str, Field] = {**_lstm_sizes(node), **_gates(node), "clip": float(node.attrs.cell_clip)}
    yield _lstm_call(node, "f32", "redsc_lstm_f32.c", fields)


def _lstm_call(node: Node, kind: str, source: str, fields: Mapping[str, Field]) -> Call:
    params = Params(f"redsc_lstm_params_{kind}", fields)
    if not starts_anew(node):
        return Call(f"redsc_lstm_{kind}", source, params, _operands(node, 1))
    return Call(f"redsc_lstm_anew_{kind}", source, params, (node.operand(0), node.outputs[0]), takes_scratch=True)


def _gates(node: Node) -> dict[str, Field]:
    """Return the members that say where the weights and biases of the gates lie."""
    count = len(GATES)
    places = {"weight": 1, "recurrent": 1 + count, "bias": 1 + 2 * count}
    return {
        f"gates[{gate}].{name}": _constant(node.operand(place + gate))
        for name, place in places.items()
        for gate in range(count)
    }


def _constant(value: Value) -> Constant:
    if value.data is None:
        raise CannotTranslate(f"{value.name!r} is no constant")
    return Constant.of(value.data, C_TYPES[value.type.dtype])


def _multiplier(prefix: str, real: float) -> dict[str, Field]:
    multiplier, shift = multiplier_of(real)
    return {f"{prefix}multiplier": multiplier, f"{prefix}shift": shift}


def _lstm_sizes(node: Node) -> dict[str, int]:
    first, second, units = node.outputs[0].type.shape
    depth = node.operand(0).type.shape[-1]
    if node.attrs.time_major:
        rows = {"sequences": second, "steps": first, "sequence_rows": 1, "step_rows": second}
    else:
        rows = {"sequences": first, "steps": second, "sequence_rows": second, "step_rows": 1}
    return {**rows, "depth": depth, "units": units}


def _sigmoid_table() -> np.ndarray[tuple[int], np.dtype[np.uint16]]:
    nearest = np.rint(65536 / (1 + np.exp(-np.arange(256) / 24)))
    nearest[list(_ROUNDED_UP)] += 1
    return np.minimum(nearest, 65535).astype(np.uint16)


RECURRENT: Mapping[str, Emit] = {
    SVDF: by_type({DType.INT8: _svdf, DType.FLOAT32: _svdf_f32}),
    LSTM: by_type({DType.INT8: _lstm, DType.FLOAT32: _lstm_f32}),
}
