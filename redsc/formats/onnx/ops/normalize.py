"""Normalisations.

That over a batch is a scale and a shift per channel, which the pass `fold-affine` gives to the layer before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import NamedTuple

import numpy as np

from redsc.formats.onnx.context import OnnxContext
from redsc.formats.onnx.layout import Kind, file_axes
from redsc.formats.onnx.nodes import OnnxNode
from redsc.formats.onnx.ops.row import OnnxOp, Rows
from redsc.formats.tables import CannotTranslate
from redsc.ir import Array, Mean, Reduce, Reshape, Value

__all__ = ["NORMALIZE_ROWS"]

_EPSILONS = {"MeanVarianceNormalization": 1e-9}


def _per_channel(context: OnnxContext, node: OnnxNode, part: str, numbers: Array) -> Value:
    """Make a constant with a number per channel, axis 1 of the file, that broadcasts against the output."""
    rank = context.rank(node.output)
    shape = [1, -1, *[1] * (rank - 2)]
    data = numbers.reshape(shape).astype(np.float32)
    axes = file_axes(context.layouts[node.output])
    channels_last = axes[-1] == 1
    shaped = data.reshape(-1) if channels_last else data.transpose(axes)
    return context.builder.constant(f"{node.output}.{part}", np.ascontiguousarray(shaped))


def _batch_normalization(context: OnnxContext, node: OnnxNode) -> None:
    """Y = x * s + (bias - mean * s) with s = scale / sqrt(variance + epsilon)."""
    node.require_defaults(training_mode=0, spatial=1)
    scale, bias, mean, variance = (context.floats(name, "its statistics are") for name in node.inputs[1:5])
    factor = scale.astype(np.float64) / np.sqrt(variance.astype(np.float64) + node.get("epsilon", 1e-5))
    _scale_and_shift(context, node, context.value(node.input(0)), factor, bias - mean * factor, "factor")


def _scale_and_shift(
    context: OnnxContext, node: OnnxNode, value: Value, scale: Array, shift: Array, part: str = "scale"
) -> None:
    """Bind a value times a number per channel, plus another one."""
    scaled = context.step(node, "MUL", value, _per_channel(context, node, part, scale), part="scaled")
    context.emit(node, "ADD", scaled, _per_channel(context, node, "shift", shift))


class _Normalized(NamedTuple):
    """(x - mean) * inverse, with inverse = 1 / sqrt(variance + epsilon)."""

    value: Value
    mean: Value
    inverse: Value


def _normalized(context: OnnxContext, node: OnnxNode, axes: Sequence[int]) -> _Normalized:
    """Return the node's input normalised over axes of the file."""
    name = node.input(0)
    return _normalize(context, node, context.value(name), sorted(context.axis(name, axis) for axis in axes))


def _normalize(context: OnnxContext, node: OnnxNode, source: Value, places: Sequence[int]) -> _Normalized:
    """Return a value normalised over axes of the graph."""
    keep, axes = Mean(keep_dims=True), context.indices(node, "axes", places)
    mean = context.step(node, "MEAN", source, axes, attrs=keep, part="mean")
    squares = context.step(node, "SQUARED_DIFFERENCE", source, mean, part="squares")
    variance = context.step(node, "MEAN", squares, axes, attrs=keep, part="variance")
    inverse = _inverse_root(context, node, variance)
    centred = context.step(node, "SUB", source, mean, part="centred")
    return _Normalized(context.step(node, "MUL", centred, inverse, part="normalized"), mean, inverse)


def _inverse_root(context: OnnxContext, node: OnnxNode, value: Value) -> Value:
    """Return 1 / sqrt(value + epsilon)."""
    epsilon = float(node.get("epsilon", _EPSILONS.get(node.op, 1e-5)))
    shifted = context.step(node, "ADD", value, epsilon, part="shifted")
    return context.step(node, "RSQRT", shifted, part="inverse")


def _instance_normalization(context: OnnxContext, node: OnnxNode) -> None:
    scale, bias = (context.floats(name, "its scale is") for name in node.inputs[1:3])
    rank = context.rank(node.input(0))
    normalized = _normalized(context, node, range(2, rank)).value
    _scale_and_shift(context, node, normalized, scale, bias)


def _group_normalization(context: OnnxContext, node: OnnxNode) -> None:
    """Normalise over space and the channels of each group: channels are split into groups and channels within."""
    name, groups = node.input(0), node.get("num_groups", 1)
    source, channels = context.value(name), context.shape(name)[1]
    place, rank = context.axis(name, 1), len(source.type.shape)
    if groups < 1 or place != rank - 1 or channels % groups:
        raise CannotTranslate(f"it has {groups} groups over {channels} channels, not last in the graph")
    shape = (source.type.shape[0], prod(source.type.shape[1:-1]), groups, channels // groups)
    grouped = context.step(node, "RESHAPE", source, attrs=Reshape(shape), part="groups")
    normalized = _normalize(context, node, grouped, [1, 3]).value
    joined = context.step(node, "RESHAPE", normalized, attrs=Reshape(source.type.shape), part="joined")
    numbers = [context.floats(item, "its scale is") for item in node.inputs[1:3]]
    if context.model.opset < 21:  # a number per group
        numbers = [np.repeat(item, channels // groups) for item in numbers]
    scale, bias = numbers
    _scale_and_shift(context, node, joined, scale, bias)


def _layer_normalization(context: OnnxContext, node: OnnxNode) -> None:
    """Mean and inverse deviation are outputs as well, with axes of size 1."""
    rank = context.rank(node.input(0))
    normalized, *statistics = _normalized(context, node, range(node.get("axis", -1) % rank, rank))
    for name, value in zip(node.outputs[1:], statistics, strict=False):
        if name and context.is_read(name):
            context.bind(replace(node, outputs=(name,)), value)
    scale = context.operand(node.input(1), node.output)
    if not node.input(2):
        context.emit(node, "MUL", normalized, scale)
        return
    scaled = context.step(node, "MUL", normalized, scale, part="scaled")
    context.emit(node, "ADD", scaled, context.operand(node.input(2), node.output))


def _mean_variance_normalization(context: OnnxContext, node: OnnxNode) -> None:
    context.alias(node, _normalized(context, node, node.get("axes", [0, 2, 3])).value)


def _lp_normalization(context: OnnxContext, node: OnnxNode) -> None:
    """Divide by the norm along an axis: the sum of sizes (p = 1) or the root of the sum of squares (p = 2)."""
    name, order = node.input(0), node.get("p", 2)
    source, axis = context.value(name), context.indices(node, "axis", [context.axis(name, node.get("axis", -1))])
    if order not in _NORMS:
        raise CannotTranslate(f"its p is {order}")
    before, after = _NORMS[order]
    parts = context.step(node, before, source, part="parts")
    norm = context.step(node, "SUM", parts, axis, attrs=Reduce(keep_dims=True), part="sum")
    norm = context.step(node, after, norm, part="norm") if after else norm
    context.emit(node, "DIV", source, context.step(node, "MAXIMUM", norm, _LEAST_NORM, part="positive"))


_LEAST_NORM = 1e-30  # zeros stay zeros
_NORMS = {1: ("ABS", ""), 2: ("SQUARE", "SQRT")}


def _rms_normalization(context: OnnxContext, node: OnnxNode) -> None:
    """X * scale / sqrt(mean(x^2) + epsilon) over the axes from `axis` on."""
    name, rank = node.input(0), context.rank(node.input(0))
    source, axes = context.value(name), range(node.get("axis", -1) % rank, rank)
    places = context.indices(node, "axes", sorted(context.axis(name, axis) for axis in axes))
    square = context.step(node, "SQUARE", source, part="square")
    mean = context.step(node, "MEAN", square, places, attrs=Mean(keep_dims=True), part="mean")
    normalized = context.step(node, "MUL", source, _inverse_root(context, node, mean), part="normalized")
    context.emit(node, "MUL", normalized, context.operand(node.input(1), node.output))


NORMALIZE_ROWS: Rows = {
    "BatchNormalization": OnnxOp(_batch_normalization),
    "GroupNormalization": OnnxOp(_group_normalization, Kind.SPATIAL),
    "InstanceNormalization": OnnxOp(_instance_normalization),
    "LayerNormalization": OnnxOp(_layer_normalization),
    "LpNormalization": OnnxOp(_lp_normalization),
    "MeanVarianceNormalization": OnnxOp(_mean_variance_normalization),
    "RMSNormalization": OnnxOp(_rms_normalization),
}
