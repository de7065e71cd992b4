"""Instructions per MAC of the engine's depthwise kernels on a Cortex-M4, as QEMU counts them.

    PYTHONPATH=. python benchmarks/engine_depthwise.py [COMPILER FLAGS]

A row has a layer's MACs, the way that redsc takes (c: along columns) with its scratch in bytes and instructions per
MAC, and those of the direct kernel and of CMSIS-NN 4.0 where they are known (measured once, at -O2, from the same
emulator). Without flags: -O2. Every result is compared to that of TFLM's kernels.
"""

from __future__ import annotations

import sys
import tempfile
from math import prod
from pathlib import Path

from redsc.cost.engine_depthwise import DepthwiseWay, depthwise_way
from redsc.ir import Activation, DepthwiseConv2D
from tests.firmware.build import CORTEX_M4
from tests.firmware.engine.depthwise import Shape, expected_output, make_layer, run_layers

INSTRUCTIONS_PER_TICK = 0.625  # 25 MHz of SysTick, 64 ns per instruction (-icount shift=6)
RELU = Activation.RELU


def shape(height: int, width: int, channels: int, stride: int = 1, kernel: int = 3, multiplier: int = 1) -> Shape:
    """Return a layer with ReLU."""
    attrs = DepthwiseConv2D(stride_h=stride, stride_w=stride, depth_multiplier=multiplier, activation=RELU)
    return Shape((1, height, width, channels), (kernel, kernel), attrs)


LAYERS: dict[str, tuple[Shape, float | None]] = {
    "kws 25x5x64": (shape(25, 5, 64), 7.79),
    "vww 48x48x8": (shape(48, 48, 8), 8.86),
    "vww 48x48x16 /2": (shape(48, 48, 16, 2), 8.45),
    "vww 24x24x32": (shape(24, 24, 32), None),
    "vww 24x24x32 /2": (shape(24, 24, 32, 2), None),
    "vww 12x12x64": (shape(12, 12, 64), None),
    "vww 12x12x64 /2": (shape(12, 12, 64, 2), None),
    "vww 6x6x128": (shape(6, 6, 128), None),
    "vww 6x6x128 /2": (shape(6, 6, 128, 2), None),
    "vww 3x3x256": (shape(3, 3, 256), 6.88),
    "level 25x5x30": (shape(25, 5, 30), None),
    "linear 25x5x64": (Shape((1, 25, 5, 64), points=(3, 5)), None),
    "5x5 12x12x32": (shape(12, 12, 32, 1, 5), None),
    "x8 49x40x1 /2": (shape(49, 40, 1, 2, 8, 8), None),
}


def main() -> None:
    """Measure every layer."""
    flags = tuple(sys.argv[1:]) or ("-O2",)
    print(f"{'layer':<17} {'MACs':>8}  {'way':<8} {'scratch':>7} {'i/MAC':>6} {'direct':>6} {'CMSIS-NN':>8}")
    for name, (made, known) in LAYERS.items():
        print(row(name, made, known, flags))


def row(name: str, made: Shape, known: float | None, flags: tuple[str, ...]) -> str:
    """Return the figures of a layer.

    Raises:
        AssertionError: a result is not TFLM's.
    """
    layer = make_layer(made, 0)
    way, wanted = depthwise_way(layer.node), expected_output(layer)
    with tempfile.TemporaryDirectory() as folder:
        packed = [layer.packed(each) for each in (way, DepthwiseWay(is_planar=False))]
        results = run_layers(Path(folder), packed, CORTEX_M4, "-std=c99", *flags)
    assert all(result.data == wanted.tobytes() for result in results), name
    macs = wanted.size * prod(made.kernel)
    best, direct = (result.ticks * INSTRUCTIONS_PER_TICK / macs for result in results)
    kind = f"strips{' c' if way.is_swapped else ''}" if way.is_planar else "direct"
    return (
        f"{name:<17} {macs:>8,}  {kind:<8} {way.scratch_bytes:>7,} {best:>6.2f} {direct:>6.2f} "
        f"{f'{known:.2f}' if known else '':>8}".rstrip()
    )


if __name__ == "__main__":
    main()
