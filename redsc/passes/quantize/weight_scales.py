"""Choose the int8 scales of weights, once for all levels: what levels share is integers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from redsc.choices import DenseScales
from redsc.ir import Array, DType, Graph, Node, Quant, Value, op_def, real_values
from redsc.ir.rules import Contracts
from redsc.passes.quantize.int8 import Role, quantize_array, role_of, weight_axis, why_not_int8

__all__ = ["choose_weight_scales", "weight_integers"]

_HIGH = 127  # weights are in [-127, 127], so that kernels may negate them (TFLite quantization spec)
_PER_TENSOR = frozenset({"FULLY_CONNECTED"})  # per the spec; newer kernels take one scale per row as well
_WORTHWHILE = 2.0  # 3 dB
_LEAST_SCALE = 1e-20  # s_in * s_w stays a normal float32
_BIAS_LIMIT = 2.0**26  # steps: 1/16 of what leaves the sum half of int32, as a level's s_in may be smaller


def choose_weight_scales(
    graph: Graph,
    keep_float: Collection[str] = (),
    dense: DenseScales = DenseScales.AUTO,
    like: Mapping[str, Quant] | None = None,
) -> dict[str, Quant]:
    """Return the quantisation of every constant weight that an int8 node reads, by its name.

    scale = max |w| / 127 with zero point 0, per output channel; activations must carry their scales already.

    1. A weight that carries a quantisation keeps it: it is the user's.
    2. Recurrent layers have one scale per tensor. Dense layers have one per tensor or one per output, as `dense`
       says: each scale takes 8 B of RAM and 12 B of flash. AUTO takes one per output where that halves the mean
       square of the rounding errors.
    3. A weight that two nodes read along different axes has one scale.
    4. A channel of zeros takes the least scale of the others.
    5. A scale is raised where the bias, in steps of s_in * s_w, would otherwise leave int32.
    6. With `like`, the scales of the whole network for one of its levels: a dense layer has one per output exactly
       where it has them there, so that levels take the RAM that was planned.
    """
    like = like or {}
    scales: dict[str, Quant] = {}
    for weight, users in _weights(graph, keep_float):
        if weight.type.quant is not None:
            continue
        kind = dense if weight.name not in like else _kind(like[weight.name])
        axes = {None if _is_per_tensor(node, weight, kind) else weight_axis(node) for node in users}
        axis = axes.pop() if len(axes) == 1 else None
        found = _scales(weight, axis)
        for node in users:
            found = np.maximum(found, _least_for_bias(node, axis))
        steps = tuple(float(np.float32(scale)) for scale in found)
        scales[weight.name] = Quant(steps, (0,), axis if axis is not None and len(steps) > 1 else 0)
    return scales


def weight_integers(weight: Value) -> Array:
    """Return the int8 form of a float weight that notes its scales: integers from -127 to 127.

    The limit is that of https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec, and
    is kept where we round. The kernels take -128 as well: where a weight is exactly that, it is a file's own.
    """
    assert weight.data is not None
    assert weight.type.quant is not None
    steps = quantize_array(weight.data, weight.type.quant)
    real = real_values(Value.constant(weight.name, steps, weight.type.quant)).astype(np.float32)
    return np.where(real == weight.data, steps, np.maximum(steps, -_HIGH)).astype(np.int8)


def _weights(graph: Graph, keep_float: Collection[str]) -> Iterator[tuple[Value, list[Node]]]:
    """Yield every float weight with the nodes that read it in int8."""
    for value in graph.constants():
        users = [
            use.node
            for use in value.uses
            if role_of(use.node, use.index) is Role.WEIGHT and not why_not_int8(use.node, keep_float)
        ]
        if users and value.type.dtype is DType.FLOAT32:
            yield value, users


def _kind(quant: Quant) -> DenseScales:
    return DenseScales.PER_CHANNEL if quant.is_per_channel else DenseScales.PER_TENSOR


def _is_per_tensor(node: Node, weight: Value, dense: DenseScales) -> bool:
    if isinstance(op_def(node.op).channels, Contracts):
        return True
    if node.op not in _PER_TENSOR or dense is DenseScales.PER_CHANNEL:
        return False
    if dense is DenseScales.PER_TENSOR:
        return True
    steps = np.square(_scales(weight, weight_axis(node)))  # rounding errors have a mean square of scale ** 2 / 12
    return bool(steps.max() < _WORTHWHILE * steps.mean())


def _scales(weight: Value, axis: int | None) -> Array:
    assert weight.data is not None
    rows = np.moveaxis(weight.data, axis, 0).reshape(weight.type.shape[axis], -1) if axis is not None else None
    reach = np.abs(weight.data.reshape(1, -1) if rows is None else rows).max(axis=1).astype(np.float64)
    alive = reach[reach > 0]
    reach[reach == 0] = alive.min() if alive.size else 1.0
    result: Array = np.maximum(reach / _HIGH, _LEAST_SCALE)
    return result


def _least_for_bias(node: Node, axis: int | None) -> Array:
    """Return the least scales of a weight for which the node's bias fits, per channel or for all."""
    source = op_def(node.op).data_inputs(node)[0].type.quant
    least: Array = np.zeros(1)
    for index, value in enumerate(node.inputs):
        if value is not None and value.data is not None and source and role_of(node, index) is Role.BIAS:
            needed = np.abs(value.data.astype(np.float64)).reshape(-1) / (_BIAS_LIMIT * source.scale)
            least = np.maximum(least, needed if axis is not None else needed.max())
    return least
