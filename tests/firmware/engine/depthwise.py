"""Random depthwise layers, each with its stock twin, and a program that runs them through the engine's kernels.

`layers.bin` is a count and as many layers, `results.bin` as many results. All words are 32-bit little-endian.

- layer: whether it is planar, how many bytes x begins behind y in one block (0x7FFFFFFF: in blocks of their own),
  byte counts of y and of scratch, the fields of redsc_depthwise in their order (swapped + 2 * strip rows in one),
  then for x, weights and channel pairs: byte count and bytes.
- result: byte count and bytes of y.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt
from pathlib import Path

import numpy as np

from redsc.cost.engine.depthwise import DepthwiseWay
from redsc.engine.linear.pack_channels import are_shifts_right, pack_channels
from redsc.engine.linear.pack_depthwise import pack_direct, pack_planar
from redsc.formats import write_tflite
from redsc.ir import Activation, Array, DepthwiseConv2D, DType, Graph, GraphBuilder, Node, Padding, Quant
from redsc.runtime import tflm
from tests.firmware.build import FIRMWARE, HERE, Toolchain, build, read_results, run
from tests.firmware.layers import quantize_multiplier

__all__ = ["APART", "SOURCES", "Layer", "Shape", "expected_output", "make_layer", "run_layers"]

SOURCES = (HERE / "engine" / "depthwise.c", *sorted(FIRMWARE.glob("redsc_depthwise*.c")))
APART = 0x7FFFFFFF
_ARENA_BYTES = 1 << 20
_REALS: dict[Activation, tuple[float | None, float | None]] = {
    Activation.NONE: (None, None),
    Activation.RELU: (0.0, None),
    Activation.RELU_N1_TO_1: (-1.0, 1.0),
    Activation.RELU6: (0.0, 6.0),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a layer is made of; `spare` channels are those of larger levels that share its weights."""

    image: tuple[int, int, int, int]
    kernel: tuple[int, int] = (3, 3)
    attrs: DepthwiseConv2D = DepthwiseConv2D()
    spare: int = 0
    gain: float = 1.0
    is_tied: bool = False
    points: tuple[int, int] = (-128, -128)
    scale: float = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """What a kernel gets, and the stock layer that computes the same."""

    x: Array
    weight: Array
    bias: Array
    multipliers: Array
    shifts: Array
    clamp: tuple[int, int]
    stock: Graph

    @property
    def node(self) -> Node:
        return self.stock.nodes[0]

    def packed(self, way: DepthwiseWay, distance: int = APART) -> bytes:
        """Return the layer's bytes for the driver."""
        attrs, (batches, height, width, channels) = self.node.attrs, self.x.shape
        _, out_height, out_width, out_channels = self.node.outputs[0].type.shape
        kernel = self.weight.shape[1:3]
        strides, dilations = (attrs.stride_h, attrs.stride_w), (attrs.dilation_h, attrs.dilation_w)
        sizes, outs = (height, width), (out_height, out_width)
        pads = [
            _pad_before(*axis, attrs.padding) for axis in zip(sizes, outs, kernel, strides, dilations, strict=True)
        ]
        points = [value.type.quant.zero_points[0] for value in (self.node.operand(0), self.node.outputs[0])]  # type: ignore[union-attr]
        shifts = are_shifts_right(self.bias, self.multipliers, self.shifts, prod(kernel))
        swaps = way.is_swapped + 2 * way.strip_rows
        fields = (batches, height, width, channels, out_height, out_width, attrs.depth_multiplier, *kernel)
        fields += (*strides, *dilations, *pads, *points, *self.clamp, shifts, swaps, self.weight.shape[3])
        weight = pack_planar(self.weight, way.is_swapped) if way.is_planar else pack_direct(self.weight)
        pairs = pack_channels(self.bias, self.multipliers, self.shifts)
        size = batches * out_height * out_width * out_channels
        parts = [struct.pack("<4i22i", way.is_planar, distance, size, way.scratch_bytes, *fields)]
        for data in (self.x.tobytes(), weight, pairs):
            parts += [struct.pack("<i", len(data)), data]
        return b"".join(parts)


def make_layer(shape: Shape, seed: int) -> Layer:
    """Return a layer with random numbers."""
    random = np.random.default_rng(seed)
    channels = shape.image[3] * shape.attrs.depth_multiplier
    x = random.integers(-128, 128, shape.image, np.int8)
    weight = random.integers(-127, 128, (1, *shape.kernel, channels + shape.spare), np.int8)
    bias = random.integers(-3000, 3000, channels, np.int32)
    # 73 is the deviation of uniform int8: the sums then fill the output.
    filters = shape.gain * random.uniform(0.5, 1.5, channels) / (73 * sqrt(prod(shape.kernel)))
    if shape.is_tied:  # powers of two: many sums then lie halfway between two steps of the output
        filters = np.exp2(np.round(np.log2(filters)))
    stock = _stock(shape, weight[..., :channels], bias, filters.astype(np.float32))
    pairs = [quantize_multiplier(float(scale)) for scale in filters.astype(np.float32)]
    multipliers, shifts = np.array(pairs, np.int32).T
    return Layer(x, weight, bias, multipliers, shifts, _clamp(shape), stock)


def _stock(shape: Shape, weight: Array, bias: Array, filters: Array) -> Graph:
    """Return the layer as a model whose input and output have one scale."""
    builder, points, scale = GraphBuilder(), (0,) * len(filters), np.float32(shape.scale)
    quants = (Quant(tuple(filters.tolist()), points, 3), Quant(tuple((filters * scale).tolist()), points))
    x = builder.input("x", shape.image, DType.INT8, Quant.per_tensor(float(scale), shape.points[0]))
    weights = builder.constant("weight", np.ascontiguousarray(weight), quants[0])
    biases = builder.constant("bias", bias, quants[1])
    quant = Quant.per_tensor(float(scale), shape.points[1])
    return builder.output(builder.op("DEPTHWISE_CONV_2D", x, weights, biases, attrs=shape.attrs, quant=quant))


def _clamp(shape: Shape) -> tuple[int, int]:
    """Return CalculateActivationRangeQuantized (tensorflow/lite/kernels/kernel_util.cc)."""
    low, high = _REALS[shape.attrs.activation]
    return (
        -128 if low is None else max(-128, _steps(low, shape)),
        127 if high is None else min(127, _steps(high, shape)),
    )


def _steps(real: float, shape: Shape) -> int:
    steps = float(np.float32(real) / np.float32(shape.scale))
    return shape.points[1] + int(np.copysign(np.floor(abs(steps) + 0.5), steps))


def _pad_before(size: int, out: int, kernel: int, stride: int, dilation: int, padding: Padding) -> int:
    """Return the padding before an axis (ComputePaddingWithOffset, kernels/padding.h)."""
    total = max((out - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2 if padding is Padding.SAME else 0


def expected_output(layer: Layer) -> Array:
    """Return what the stock kernel of TFLM's interpreter makes of the layer's input."""
    return tflm.run(write_tflite(layer.stock), [[layer.x]], _ARENA_BYTES)[0][0]


def run_layers(folder: Path, packed: Sequence[bytes], toolchain: Toolchain, *flags: str) -> list[bytes]:
    """Run layers on the host or a Cortex-M in a driver compiled with these flags."""
    program = build(toolchain, SOURCES, flags)
    (folder / "layers.bin").write_bytes(struct.pack("<I", len(packed)) + b"".join(packed))
    run(toolchain, program, folder)
    return read_results(folder)
