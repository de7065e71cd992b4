"""Instructions per MAC of the C engine's convolution and dense kernel, counted by an emulated Cortex-M4.

    python benchmarks/engine_kernels.py [COMPILER FLAGS, by default -O2]

Needs arm-none-eabi-gcc and qemu-system-arm. Layers are those of the MLPerf Tiny networks; data is random. QEMU
counts instructions, not cycles: a tick of SysTick is 0.625 instructions at -icount shift=6 (25 MHz against 64 ns).
Beyond 10 M instructions the counter begins again.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.firmware.build import CORTEX_M4, FIRMWARE, build, run_on_cortex_m4

INSTRUCTIONS_PER_TICK = 0.625
SOURCES = tuple(FIRMWARE / f"redsc_conv{part}.c" for part in ("", "_panel", "_portable", "_tiles"))

PROGRAM = """
#include <stdio.h>
#include "redsc_conv.h"
#define SYST_CSR (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018u)
static int8_t x[1 << 17], y[1 << 17], weight[1 << 17] __attribute__((aligned(16)));
static redsc_channel_pair channels[512];
static uint32_t scratch[1 << 14];
static const redsc_conv layers[] = {{{layers}}};
static void fill(void *bytes, unsigned count) {{
  static uint32_t state = 1;
  unsigned i;
  for (i = 0; i < count; ++i) {{
    state = state * 1664525u + 1013904223u;
    ((uint8_t *)bytes)[i] = (uint8_t)(state >> 24);
  }}
}}
int main(void) {{
  unsigned i;
  fill(x, sizeof(x));
  fill(weight, sizeof(weight));
  for (i = 0; i < 512; ++i) {{
    const redsc_channel_pair pair = {{{{1000, -1000}}, {{-2000000000, -1500000000}}, {{9, 10}}, {{0, 0}}}};
    channels[i] = pair;
  }}
  SYST_RVR = 0xFFFFFFu;
  SYST_CVR = 0;
  SYST_CSR = 5;
  for (i = 0; i < sizeof(layers) / sizeof(layers[0]); ++i) {{
    const uint32_t before = SYST_CVR;
    redsc_conv_s8(&layers[i], x, y, scratch);
    printf("%lu\\n", (unsigned long)((before - SYST_CVR) & 0xFFFFFFu));
  }}
  return 0;
}}
"""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer: image and result [height, width, channels], and how the kernel reads it.

    `stored` is how many input channels the weights have, `bar` the instructions per MAC that were asked for.
    """

    name: str
    image: tuple[int, int, int]
    result: tuple[int, int, int]
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    pixels: int = 4
    zero_point: int = -128
    form: str = "REDSC_SUMS"
    rescale: str = "REDSC_SHIFTS_RIGHT"
    stored: int | None = None
    bar: float | None = None

    @property
    def macs(self) -> int:
        """Multiplications, the padding's too."""
        height, width, outputs = self.result
        return height * width * outputs * self.kernel[0] * self.kernel[1] * self.image[2]

    def initializer(self) -> str:
        """Return the C initializer of its parameters."""
        taps, channels = self.kernel[0] * self.kernel[1], self.image[2]
        pads = [
            max((out - 1) * self.stride + size - image, 0) // 2
            for out, size, image in zip(self.result, self.kernel, self.image, strict=False)
        ]
        apart, skip = self.stored is not None, 0
        segments, segment_bytes = 1, self.kernel[0] * groups(self.kernel[1] * channels) * 8
        pair_bytes = segment_bytes
        if self.stored is not None:
            segments, segment_bytes = taps, groups(channels) * 8
            skip, pair_bytes = groups(self.stored) * 8 - segment_bytes, taps * groups(self.stored) * 8
        sizes = (*self.image, *self.result, 1, *self.kernel, self.stride, self.stride, 1, 1, *pads)
        rest = f"3, {self.zero_point}, -128, 127, {self.form}, {self.rescale}, {self.pixels}, {int(apart)}"
        stretch = f"{segments}, {segment_bytes}, {skip}, {pair_bytes}"
        return f"{{{', '.join(map(str, sizes))}, {rest}, {stretch}, weight, channels}}"


LAYERS = (
    Layer("1x1 64->64 25x5", (25, 5, 64), (25, 5, 64), bar=1.05),
    Layer("  other zero point", (25, 5, 64), (25, 5, 64), zero_point=0),
    Layer("  REDSC_BYTES", (25, 5, 64), (25, 5, 64), form="REDSC_BYTES"),
    Layer("  any shifts", (25, 5, 64), (25, 5, 64), rescale="REDSC_SHIFTS_ANY"),
    Layer("  one pixel at a time", (25, 5, 64), (25, 5, 64), pixels=1),
    Layer("  without a panel", (25, 5, 64), (25, 5, 64), pixels=0),
    Layer("  48 of 64", (25, 5, 48), (25, 5, 48), stored=64),
    Layer("  odd: 63->63", (25, 5, 63), (25, 5, 63)),
    Layer("1x1 128->128 6x6", (6, 6, 128), (6, 6, 128)),
    Layer("1x1 8->16 48x48", (48, 48, 8), (48, 48, 16), bar=3.35),
    Layer("3x3 16->16 32x32", (32, 32, 16), (32, 32, 16), (3, 3)),
    Layer("3x3 32->32 16x16", (16, 16, 32), (16, 16, 32), (3, 3), bar=0.95),
    Layer("  16 of 32", (16, 16, 16), (16, 16, 16), (3, 3), stored=32),
    Layer("  one pixel at a time", (16, 16, 32), (16, 16, 32), (3, 3), pixels=1),
    Layer("3x3 64->64 8x8", (8, 8, 64), (8, 8, 64), (3, 3)),
    Layer("10x4 1->64 s2 25x5", (49, 10, 1), (25, 5, 64), (10, 4), 2, bar=1.35),
    Layer("3x3 3->8 s2 48x48", (96, 96, 3), (48, 48, 8), (3, 3), 2, bar=2.75),
    Layer("dense 640->128", (1, 1, 640), (1, 1, 128), pixels=1, bar=1.02),
    Layer("  other zero point", (1, 1, 640), (1, 1, 128), pixels=1, zero_point=0),
    Layer("  without a panel", (1, 1, 640), (1, 1, 128), pixels=0),
    Layer("dense 128->128", (1, 1, 128), (1, 1, 128), pixels=1),
    Layer("dense 8->128", (1, 1, 8), (1, 1, 128), pixels=1),
    Layer("  without a panel", (1, 1, 8), (1, 1, 128), pixels=0),
    Layer("dense 64->12", (1, 1, 64), (1, 1, 12), pixels=1, zero_point=0),
)


def groups(elements: int) -> int:
    """Return the groups of four that elements fill."""
    return -(-elements // 4)


def count_instructions(flags: tuple[str, ...]) -> list[float]:
    """Return the instructions of every layer, compiled with these flags."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "main.c"
        source.write_text(PROGRAM.format(layers=",\n".join(layer.initializer() for layer in LAYERS)))
        printed = run_on_cortex_m4(build(CORTEX_M4, (source, *SOURCES), flags), Path(folder))
    return [int(line) * INSTRUCTIONS_PER_TICK for line in printed.split()]


def main() -> None:
    """Print a line for every layer."""
    flags = tuple(sys.argv[1:]) or ("-O2",)
    print(f"{' '.join(flags):<24} {'MAC':>9} {'instructions':>12} {'per MAC':>7} {'bar':>5}")
    for layer, instructions in zip(LAYERS, count_instructions(flags), strict=True):
        bar = "" if layer.bar is None else f"{layer.bar:.2f}"
        print(
            f"{layer.name:<24} {layer.macs:>9,} {instructions:>12,.0f} {instructions / layer.macs:>7.3f} {bar:>5}"
        )


if __name__ == "__main__":
    main()
