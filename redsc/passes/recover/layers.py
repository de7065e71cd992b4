"""Linear layers as matrices: what a layer reads at sampled positions, and which rows and columns a level keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from redsc.ir import Activation, Array, Node, Padding, Shape, op_def
from redsc.ir.rules import Grouped, Produces
from redsc.passes.spaces.space import ChannelGroups, kept_indices

__all__ = ["Layer", "Positions", "as_layer", "kept_columns", "kept_rows", "rows_of", "sampled"]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer with constant weight and bias, as `y[:, o] = x @ W[o] + b[o]`.

    `weight` and `bias` are names, `shape` is the weight's. `is_grouped`: every output channel reads one
    input channel, `W` is (O, taps); else it reads all, `W` is (O, taps * I), the channels of a tap side by side.
    `is_solvable` is False for layers of which redsc only repairs the bias and the scale.
    """

    node: Node
    weight: str
    shape: Shape
    bias: str
    out_axis: int
    in_axis: int | None
    is_solvable: bool

    @property
    def is_grouped(self) -> bool:
        """Whether it is a depthwise layer."""
        return self.in_axis is None

    def matrix(self, weight: Array) -> Array:
        """Return the weight as rows, one per output channel."""
        return np.moveaxis(weight, self.out_axis, 0).reshape(weight.shape[self.out_axis], -1)

    def tensor(self, matrix: Array, shape: Shape) -> Array:
        """Return rows as a weight of a shape."""
        moved = (shape[self.out_axis], *shape[: self.out_axis], *shape[self.out_axis + 1 :])
        return np.ascontiguousarray(np.moveaxis(matrix.reshape(moved), 0, self.out_axis), np.float32)


def as_layer(node: Node) -> Layer | None:
    """Return a node as a layer; None where it is no linear layer with a constant weight and bias of its own."""
    rule = op_def(node.op).channels
    if not isinstance(rule, (Produces, Grouped)):
        return None
    weight = node.operand(rule.weight)
    biases = [node.inputs[index] for index in rule.followers if index < len(node.inputs)]
    bias = biases[0] if biases else None
    if not weight.is_constant or bias is None or not bias.is_constant or len(bias.uses) != 1:
        return None
    in_axis = rule.in_axis if isinstance(rule, Produces) else None
    source = op_def(node.op).source(node).type.shape
    is_whole = in_axis is None or node.op == "FULLY_CONNECTED" or source[-1] == weight.type.shape[in_axis]
    is_linear = node.attrs.activation is Activation.NONE
    is_solvable = node.op in _PATCHES and is_whole and is_linear and len(weight.uses) == 1
    return Layer(node, weight.name, weight.type.shape, bias.name, rule.out_axis, in_axis, is_solvable)


def kept_rows(layer: Layer, groups: ChannelGroups, widths: Mapping[str, int]) -> Array:
    """Return the output channels of the whole network that a level keeps."""
    size = layer.node.outputs[0].type.shape[-1]
    return _kept(groups, layer.weight, layer.out_axis, widths, size)


def kept_columns(layer: Layer, groups: ChannelGroups, widths: Mapping[str, int]) -> Array:
    """Return the columns of the whole network's weight matrix that a level keeps."""
    taps = int(np.prod(layer.shape)) // layer.shape[layer.out_axis]
    if layer.in_axis is None:
        return np.arange(taps)
    depth = layer.shape[layer.in_axis]
    kept = _kept(groups, layer.weight, layer.in_axis, widths, depth)
    columns: Array = (np.arange(taps // depth)[:, None] * depth + kept[None, :]).reshape(-1)
    return columns


def _kept(groups: ChannelGroups, weight: str, axis: int, widths: Mapping[str, int], size: int) -> Array:
    layout = groups.axes.get(weight, {}).get(axis, ())
    if not layout:
        return np.arange(size)
    sizes = {space.id: space.size for space in groups.spaces}
    keep = {space.id: np.arange(widths.get(space.name, space.size)) for space in groups.free}
    return kept_indices(layout, keep, sizes)


@dataclass(frozen=True, slots=True)
class Positions:
    """Which positions of an output are looked at: `index` (samples, positions) into its rows of channels."""

    index: Array

    @staticmethod
    def draw(samples: int, rows: int, most: int, seed: int) -> Positions:
        """Return at most so many positions per sample, other ones for every sample."""
        generator = np.random.default_rng(seed)
        if rows <= most:
            return Positions(np.tile(np.arange(rows), (samples, 1)))
        return Positions(np.stack([generator.choice(rows, most, replace=False) for _ in range(samples)]))


def sampled(output: Array, positions: Positions) -> Array:
    """Return rows of channels (samples * positions, C) of an output (samples, ..., C)."""
    rows = output.reshape(len(output), -1, output.shape[-1])
    found: Array = np.take_along_axis(rows, positions.index[:, :, None], axis=1).reshape(-1, output.shape[-1])
    return found


def rows_of(layer: Layer, source: Array, positions: Positions) -> Array:
    """Return what a solvable layer reads at sampled positions.

    (samples * positions, taps * I), or (samples * positions, O, taps) for a depthwise layer.
    """
    return _PATCHES[layer.node.op](layer, source, positions)


def _dense(layer: Layer, source: Array, positions: Positions) -> Array:
    return sampled(source.reshape(len(source), -1, layer.shape[1]), positions)


def _conv(layer: Layer, source: Array, positions: Positions) -> Array:
    patches = _patches(layer.node, layer.shape[1:3], source, positions)
    return patches.reshape(len(patches), -1)


def _depthwise(layer: Layer, source: Array, positions: Positions) -> Array:
    patches = _patches(layer.node, layer.shape[1:3], source, positions)
    taps = patches.reshape(len(patches), -1, patches.shape[-1]).transpose(0, 2, 1)
    found: Array = np.repeat(taps, layer.node.attrs.depth_multiplier, axis=1)
    return found


def _patches(node: Node, kernel: Shape, source: Array, positions: Positions) -> Array:
    """Return windows (samples * positions, kernel_h, kernel_w, C); SAME pads as TFLite does, `total // 2` first."""
    image = source.reshape(len(source), *source.shape[-3:])
    attrs, (_, out_h, out_w, _) = node.attrs, node.outputs[0].type.shape
    pad_h = _padding(attrs, image.shape[1], out_h, attrs.stride_h, (kernel[0] - 1) * attrs.dilation_h + 1)
    pad_w = _padding(attrs, image.shape[2], out_w, attrs.stride_w, (kernel[1] - 1) * attrs.dilation_w + 1)
    padded = np.pad(image, ((0, 0), pad_h, pad_w, (0, 0)))
    row, column = positions.index // out_w, positions.index % out_w
    rows = row[:, :, None] * attrs.stride_h + np.arange(kernel[0]) * attrs.dilation_h
    columns = column[:, :, None] * attrs.stride_w + np.arange(kernel[1]) * attrs.dilation_w
    which = np.arange(len(padded))[:, None, None, None]
    found: Array = padded[which, rows[:, :, :, None], columns[:, :, None, :]]
    return found.reshape(-1, *found.shape[2:])


def _padding(attrs: Any, size: int, out: int, stride: int, reach: int) -> tuple[int, int]:
    if attrs.padding is Padding.VALID:
        return 0, 0
    total = max((out - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


_PATCHES = {"CONV_2D": _conv, "FULLY_CONNECTED": _dense, "DEPTHWISE_CONV_2D": _depthwise}
