"""How often a cache before the flash is filled while weights are read: LRU, set associative, by simulation.

A walk is the order in which a kernel reads its weights, as byte ranges; it is repeated as often as the kernel goes
through them. Activations lie in RAM, which these caches do not cover or which has room of its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["CACHES", "Cache", "Stretch", "distinct_lines", "fills_of_walks"]

Stretch = tuple[int, int]
"""Bytes start ... end - 1 of the flash."""


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache of `size_bytes` in sets of `ways` lines; `source` says where the numbers are from.

    fill_cycles: what the core waits for a line, in its own cycles.
    code_bytes: of a kernel's loops where these pass through the same cache, 0 where instructions have their own.
    has_dsp: whether the core before it has the DSP instructions, and runs the kernels that use them.
    """

    size_bytes: int
    ways: int
    line_bytes: int
    source: str
    fill_cycles: int = 1
    code_bytes: int = 0
    has_dsp: bool = True

    @property
    def sets(self) -> int:
        """Number of sets."""
        return self.size_bytes // (self.ways * self.line_bytes)


CACHES: Mapping[str, Cache] = {
    "rp2040": Cache(
        16_384,
        2,
        8,
        "RP2040 datasheet, XIP cache: 16 kB, two ways, lines of 8 bytes. A fill, estimated: EBh in continuous "
        "mode, 8 + 4 + 16 clocks of the flash, each two of the core. Code: redsc_conv_portable.c's loops, about",
        fill_cycles=56,
        code_bytes=1_024,
        has_dsp=False,
    ),
    "esp32-s3": Cache(
        32_768,
        8,
        32,
        "ESP32-S3 technical reference, data cache: 32 KB, 8 ways, lines of 32 bytes. A fill, estimated: quad "
        "flash at 80 MHz, 8 + 6 + 64 clocks, each three of the core",
        fill_cycles=234,
        has_dsp=False,
    ),
    "stm32f7": Cache(
        4_096,
        4,
        32,
        "STM32F746 datasheet: data cache of 4 KB; Cortex-M7 reference: 4 ways, 32 bytes. A fill, estimated: "
        "seven wait states and the beats of AXI, at the core's clock",
        fill_cycles=20,
    ),
    "stm32h7": Cache(
        16_384,
        4,
        32,
        "STM32H743 datasheet: data cache of 16 KB; Cortex-M7 reference: 4 ways, 32 bytes. A fill, estimated: "
        "four wait states and the beats of AXI, at half the core's clock",
        fill_cycles=28,
    ),
}


def fills_of_walks(cache: Cache, walks: Iterable[tuple[Sequence[Stretch], int]]) -> int:
    """Return how many lines are filled by walks one after the other, each so many times, from an empty cache.

    Under LRU the cache holds the same after every time, so the second stands for all that follow.
    """
    sets: list[OrderedDict[int, None]] = [OrderedDict() for _ in range(cache.sets)]
    count = 0
    for walk, times in walks:
        lines = list(_lines(cache, walk))
        count += _fills(cache, sets, lines) if times else 0
        count += (times - 1) * _fills(cache, sets, lines) if times > 1 else 0
    return count


def distinct_lines(cache: Cache, walk: Iterable[Stretch]) -> int:
    """Return the lines that a walk touches: what no cache can fill less than once."""
    return len(set(_lines(cache, walk)))


def _lines(cache: Cache, walk: Iterable[Stretch]) -> Iterable[int]:
    """Yield the lines of a walk in order; the one that was read last is not read again."""
    last = None
    for start, end in walk:
        for line in range(start // cache.line_bytes, -(-end // cache.line_bytes)):
            if line != last:
                yield line
            last = line


def _fills(cache: Cache, sets: Sequence[OrderedDict[int, None]], lines: Iterable[int]) -> int:
    count = 0
    for line in lines:
        held = sets[line % cache.sets]
        if line in held:
            held.move_to_end(line)
            continue
        count += 1
        held[line] = None
        if len(held) > cache.ways:
            held.popitem(last=False)
    return count
