"""The files of conv_driver.c, and convolutions for them: parts of packed weights that larger levels own.

`convs.bin` is a count and as many cases, `results.bin` per case a byte count and the bytes of y. All numbers are
32-bit little-endian. A case: the numbers of redsc_conv in the order of `_FIELDS`, how many bytes x begins behind y
in one block (0x7FFFFFFF: in blocks of their own), how many bytes x lies behind an aligned address; then byte counts
and bytes of x, weights and channel pairs.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from redsc.engine.linear.pack_conv import fits_sums, pack_rows
from redsc.ir import Array, Conv2D, DType, GraphBuilder, Quant
from tests.firmware.build import FIRMWARE, Toolchain, build, read_results, run
from tests.firmware.layers import (
    Layer,
    Run,
    conv_layer,
    dense_layer,
    expected_output,
    pack_options,
    quantize_multiplier,
)

__all__ = ["CONV", "Case", "cases", "expected", "run_cases"]

_HERE = Path(__file__).parent
CONV = tuple(FIRMWARE / f"redsc_conv{part}.c" for part in ("", "_bytes", "_panel", "_portable", "_sums"))
_SOURCES = (_HERE / "conv_driver.c", *CONV)
_APART = 0x7FFFFFFF
_GROUP = 4
_FIELDS = (
    *("input_height", "input_width", "input_channels", "output_height", "output_width", "output_channels"),
    *("batches", "kernel_height", "kernel_width", "stride_h", "stride_w", "dilation_h", "dilation_w"),
    *("pad_top", "pad_left", "input_zero_point", "output_zero_point", "minimum", "maximum"),
    *("form", "rescale", "pixels", "taps_apart", "segments", "segment_bytes", "skip_bytes", "pair_bytes"),
    "block_channels",
)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One call of the kernel, and the number of the layer that says what comes out."""

    layer: int
    params: dict[str, int]
    x: Array
    weight: bytes
    channels: bytes

    def packed(self, distance: int | None) -> bytes:
        """Return the case's bytes."""
        parts = [struct.pack(f"<{len(_FIELDS)}i", *(self.params[field] for field in _FIELDS))]
        parts.append(struct.pack("<2i", _APART if distance is None else distance, self.layer % 4))
        for data in (self.x.tobytes(), self.weight, self.channels):
            parts += [struct.pack("<i", len(data)), data]
        return b"".join(parts)


def run_cases(
    folder: Path,
    toolchain: Toolchain,
    flags: Sequence[str],
    distances: Sequence[int | None] | None = None,
    start: Callable[[Toolchain, Path, Path], object] = run,
) -> list[bytes]:
    """Run all cases in a driver compiled with these flags, x so far behind y; return what lies in y."""
    found = cases()
    program = build(toolchain, _SOURCES, tuple(flags))
    packed = (case.packed(distance) for case, distance in zip(found, distances or [None] * len(found), strict=True))
    (folder / "convs.bin").write_bytes(struct.pack("<i", len(found)) + b"".join(packed))
    start(toolchain, program, folder)
    return read_results(folder)


def _halfway_layer(dtype: DType, seed: int) -> Layer:
    """Return a 1x1 convolution of every int8 by powers of two: many sums lie halfway between two results."""
    random = np.random.default_rng(seed)
    points, scales = (
        (int(random.integers(-128, 128)), (-128, -127, 3, 90)[seed]),
        2.0 ** -np.arange(2, 15).repeat(2),
    )
    steps = random.uniform(-150, 150, len(scales)) * random.choice([0, 0.01, 1], len(scales))
    bias = (steps / scales).astype(np.int32)
    x = np.arange(-128, 128, dtype=np.int8).reshape(1, 16, 16, 1)
    weight = random.choice(np.array([-1, 1], np.int8), (len(scales), 1, 1, 1))
    quant = Quant(tuple(scales.tolist()), (0,) * len(scales))
    builder, attrs = GraphBuilder(), Conv2D()
    operands = [
        builder.input("x", x.shape, dtype, Quant.per_tensor(1.0, points[0])),
        builder.constant("weight", weight, quant),
        builder.constant("bias", bias, quant),
    ]
    y = builder.op("CONV_2D", *operands, attrs=attrs, quant=Quant.per_tensor(1.0, points[1]))
    parameters = np.array(
        [(b, *quantize_multiplier(float(s))) for b, s in zip(bias, scales, strict=True)], np.int32
    ).T
    options = pack_options(dtype, [Run(0, 1, 1, 1)], (-128, 127), attrs=attrs, has_bias=True, points=points)
    return Layer("CONV_2D", dtype, options, x, weight, parameters, y.type.shape, builder.output(y))


_AT_THE_END = (637, 1515, 1757, 1997)  # seeds of layers whose output has the zero point -128
_NARROW = (313, 381, 445, 474, 496, 519)  # of layers whose image is narrower than the kernel
_LAYERS = [(conv_layer, seed) for seed in (*range(100), *_AT_THE_END, *_NARROW)]
_LAYERS += [(dense_layer, seed) for seed in (*range(40), *_AT_THE_END)]
_LAYERS += [(_halfway_layer, seed) for seed in range(4)]


@cache
def _layer(number: int) -> Layer:
    make, seed = _LAYERS[number]
    return make(DType.INT8, seed)


@cache
def expected() -> tuple[bytes, ...]:
    """Return for every case what TFLM's stock kernel makes of the dense layer."""
    outputs = {number: expected_output(_layer(number)).tobytes() for number in range(len(_LAYERS))}
    return tuple(outputs[case.layer] for case in cases())


@cache
def cases() -> tuple[Case, ...]:
    """Return the cases that every machine runs."""
    return tuple(case for number in range(len(_LAYERS)) for case in _cases_of(number))


def _cases_of(number: int) -> Iterator[Case]:
    """Yield a layer's cases: all of the weights or a part of larger ones, both forms, all ways to read x."""
    layer, random = _layer(number), np.random.default_rng(number)
    geometry = _geometry(layer)
    kernel, channels = _dense_weight(layer)
    is_one_piece = layer.op == "FULLY_CONNECTED"
    ways = (4, 1, 0) if is_one_piece else (4, 1)
    for pixels in ways:
        for is_nested in (False, True):
            for is_sums in {True, bool(random.integers(2))}:
                apart = is_nested or (geometry["dilation_w"] > 1 and kernel.shape[3] % 4 > 0)
                apart = apart or bool(random.integers(2))
                whole = _larger(kernel, random) if is_nested else kernel
                if is_sums and not fits_sums(whole):
                    continue
                params = geometry | {
                    "form": int(not is_sums),
                    "rescale": _rescale(layer, random),
                    "pixels": pixels,
                    "block_channels": 0,
                    "taps_apart": int(apart),
                    **_stretches(kernel, whole, apart),
                }
                packed = pack_rows(_rows(whole, apart), is_sums)
                yield Case(number, params, layer.x, packed, channels)
                if len(kernel) > 2 and is_nested == (number % 2 == 0):
                    yield Case(
                        number, params | {"block_channels": _block(kernel, random)}, layer.x, packed, channels
                    )
    if is_one_piece and kernel.shape[3] % 8 == 0:
        yield _flattened(number, geometry, kernel, channels, random)


def _flattened(
    number: int, geometry: dict[str, int], kernel: Array, channels: bytes, random: np.random.Generator
) -> Case:
    """Return a dense layer as one over an image of half as many channels in two columns, straight from x."""
    rows, half = geometry["input_width"], kernel.shape[3] // 2
    image = kernel.reshape(len(kernel), 1, 2, half)
    whole = _larger(image, random)
    changes = {"input_height": rows, "input_width": 2, "input_channels": half, "kernel_width": 2}
    changes |= {"output_height": rows, "output_width": 1, "form": 1, "taps_apart": 1, "block_channels": 0}
    params = (
        geometry | changes | {"rescale": _rescale(_layer(number), random), "pixels": int(random.choice([0, 1, 4]))}
    )
    params |= _stretches(image, whole, apart=True)
    return Case(number, params, _layer(number).x, pack_rows(_rows(whole, apart=True), is_sums=False), channels)


def _geometry(layer: Layer) -> dict[str, int]:
    names = ("stride_h", "stride_w", "dilation_h", "dilation_w", "pad_top", "pad_left")
    numbers = dict(zip(names, struct.unpack_from("<6H", layer.options, 8), strict=True))
    clamp = ("input_zero_point", "output_zero_point", "minimum", "maximum")
    numbers |= dict(zip(clamp, struct.unpack_from("<4i", layer.options, 20), strict=True))
    kernel, _ = _dense_weight(layer)
    outputs, height, width, channels = kernel.shape
    batches, rows, columns, _ = (
        layer.x.shape if layer.op == "CONV_2D" else (1, 1, layer.x.size // channels, channels)
    )
    out_rows, out_columns = layer.y_shape[1:3] if layer.op == "CONV_2D" else (1, columns)
    return numbers | {
        "input_height": rows,
        "input_width": columns,
        "input_channels": channels,
        "output_height": out_rows,
        "output_width": out_columns,
        "output_channels": outputs,
        "batches": batches,
        "kernel_height": height,
        "kernel_width": width,
    }


def _dense_weight(layer: Layer) -> tuple[Array, bytes]:
    """Return the stock layer's weight [O, H, W, C], and the channel pairs."""
    weight = layer.stock.nodes[0].operand(1).data
    assert weight is not None
    kernel = weight if weight.ndim == 4 else weight.reshape(len(weight), 1, 1, -1)
    columns = [*layer.parameters.T.tolist(), [0, 0, 0]][: len(weight) + len(weight) % 2]
    pairs = b""
    for (bias, multiplier, shift), (odd_bias, odd_multiplier, odd_shift) in zip(
        columns[::2], columns[1::2], strict=True
    ):
        doubled = (2 * multiplier % 2**32, 2 * odd_multiplier % 2**32)
        pairs += struct.pack("<2i2I2b2x", bias, odd_bias, *doubled, -shift, -odd_shift)
    return kernel, pairs


def _rescale(layer: Layer, random: np.random.Generator) -> int:
    """Return REDSC_SHIFTS_RIGHT (1) where it may be said, most of the time."""
    _, multipliers, shifts = layer.parameters
    return int(min(multipliers) > 0 and max(shifts) < 0 and random.integers(4) > 0)


def _block(kernel: Array, random: np.random.Generator) -> int:
    """Return an even number of channels, fewer than there are."""
    return 2 * int(random.integers(1, (len(kernel) + 1) // 2))


def _larger(kernel: Array, random: np.random.Generator) -> Array:
    """Return a weight of which this one is the first rows and channels."""
    rows, height, width, channels = kernel.shape
    more = (rows + int(random.integers(4)), height, width, channels + int(random.integers(1, 12)))
    whole = random.integers(-127, 128, more, np.int8)
    whole[:rows, :, :, :channels] = kernel
    return whole


def _rows(whole: Array, apart: bool) -> Array:
    rows, height, width, channels = whole.shape
    return whole.reshape(rows, height * width, channels) if apart else whole.reshape(rows, height, width * channels)


def _groups(elements: int) -> int:
    return -(-elements // _GROUP)


def _stretches(kernel: Array, whole: Array, apart: bool) -> dict[str, int]:
    stretches, elements = _rows(whole, apart).shape[1:]
    stored, read = _groups(elements), _groups(_rows(kernel, apart).shape[2])
    if stored == read:
        stretches, read, stored = 1, stretches * read, stretches * stored
    return {
        "segments": stretches,
        "segment_bytes": 8 * read,
        "skip_bytes": 8 * (stored - read),
        "pair_bytes": 8 * stored * stretches,
    }
