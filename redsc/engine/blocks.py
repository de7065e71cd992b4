"""Blocks of output channels for int8 convolutions and dense layers: their weights then stay in the flash's cache.

The kernel of redsc_conv.h streams all packed rows once per panel of pixels. Where they do not fit into the cache
but a block of them does, all pixels go through the block before the next one: x is widened again for every block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from redsc.cost.cache import Cache, Stretch, distinct_lines, fills_of_walks
from redsc.engine.call import Call, Constant, Params
from redsc.engine.constants import ConstantPool
from redsc.engine.linear.pack_channels import PAIR_BYTES, SHIFTS_RIGHT

__all__ = ["BLOCKED", "ConvReads", "WeightOrder", "choose_order", "in_blocks"]

BLOCKED = ("redsc_conv_sums_s8", "redsc_conv_bytes_s8")
"""The functions that can go through their channels in blocks."""
_BIAS_BYTES = 8  # of a channel pair; the tiles in assembly load them first
_FAST_PIXELS = 4
# Instructions of a further block on a Cortex-M4, fitted to what QEMU counts (benchmarks/cache_lines.py): a panel,
# of a window of more than one tap, of an element that is widened.
_PANEL, _WINDOW, _ELEMENT = 280, 118, 1.34

Walks = list[tuple[list[Stretch], int]]


@dataclass(frozen=True, slots=True)
class ConvReads:
    """What one call reads in flash, in the fields of redsc_conv (redsc_conv.h) and the order of redsc_conv.c.

    weight, pairs: where packed rows and channel pairs begin in the array of constants; code: where the array ends.
    pixels: of the result.
    """

    fields: Mapping[str, int]
    is_fast: bool
    weight: int
    pairs: int
    code: int

    @staticmethod
    def of(call: Call, pool: ConstantPool) -> ConvReads:
        """Return the reads of a call of `BLOCKED`."""
        assert call.params is not None
        given = call.params.fields
        weight, pairs = given["weight"], given["channels"]
        assert isinstance(weight, Constant)
        assert isinstance(pairs, Constant)
        numbers = {name: value for name, value in given.items() if isinstance(value, int)}
        is_fast = given["rescale"] == SHIFTS_RIGHT
        return ConvReads(numbers, is_fast, pool.starts[weight], pool.starts[pairs], len(pool.data))

    @property
    def channels(self) -> int:
        """Output channels."""
        return self.fields["output_channels"]

    @property
    def pixels(self) -> int:
        """Pixels of the result."""
        return self.fields["batches"] * self.fields["output_height"] * self.fields["output_width"]

    def walks(self, cache: Cache, block: int) -> Walks:
        """Return every block's walk with how often it is taken, and that of a last panel of fewer pixels.

        Tiles in assembly read a row once; those in plain C (on other cores, and for shifts to the left) once for
        every two pixels of a panel of four.
        """
        panel = max(self.fields["pixels"], 1)
        panels, rest = divmod(self.pixels, panel)
        is_twice = panel == _FAST_PIXELS and not (cache.has_dsp and self.is_fast)
        found: Walks = []
        for first in range(0, self.channels, block or self.channels):
            pairs = range(first // 2, -(-min(first + (block or self.channels), self.channels) // 2))
            many, few = (
                self._walk(cache, pairs, 1 + is_twice),
                self._walk(cache, pairs, 1 + (is_twice and rest > 1)),
            )
            found += [(many, panels), (few, int(rest > 0))]
        return found

    def _walk(self, cache: Cache, pairs: range, times: int) -> list[Stretch]:
        """Return what one panel reads: packed rows of two channels, and how they become int8."""
        f, is_assembly = self.fields, cache.has_dsp and self.is_fast
        step, walk = f["segment_bytes"] + f["skip_bytes"], list[Stretch]()
        for pair in pairs:
            row, numbers = self.weight + pair * f["pair_bytes"], self.pairs + pair * PAIR_BYTES
            if is_assembly:
                walk.append((numbers, numbers + _BIAS_BYTES))
            starts = range(row, row + f["segments"] * step, step)
            walk += [(start, start + f["segment_bytes"]) for start in starts] * times
            walk.append((numbers, numbers + PAIR_BYTES))
            if cache.code_bytes:
                walk.append((self.code, self.code + cache.code_bytes))
        return walk

    def fills(self, cache: Cache, block: int = 0) -> int:
        """Return the lines that are filled from an empty cache."""
        return fills_of_walks(cache, self.walks(cache, block))

    def lines(self, cache: Cache) -> int:
        """Return the lines that are read: no order fills fewer."""
        return distinct_lines(cache, self._walk(cache, range(-(-self.channels // 2)), 1))

    def instructions(self) -> float:
        """Return what a further block costs: its panels."""
        f = self.fields
        if f["pixels"] == 0:
            return _PANEL * self.pixels
        elements = f["segments"] * f["segment_bytes"] // 2
        window = _WINDOW if f["kernel_height"] * f["kernel_width"] > 1 else 0
        return _PANEL * -(-self.pixels // f["pixels"]) + self.pixels * (window + _ELEMENT * elements)


@dataclass(frozen=True, slots=True)
class WeightOrder:
    """How one layer reads its weights.

    block: channels of a block, 0 where all are one.
    lines: that it reads; fills, fills_before: with blocks, and without.
    saved: cycles, the panels of further blocks taken off.
    """

    block: int
    lines: int
    fills: int
    fills_before: int
    saved: float = 0.0


def choose_order(reads: ConvReads, cache: Cache) -> WeightOrder:
    """Return the blocks with which a layer takes the fewest cycles; few large ones rather than many small ones.

    A block more costs a panel of every pixel; a line less saves what the core waits for it.
    """
    lines, before = reads.lines(cache), reads.fills(cache)
    best = WeightOrder(0, lines, before, before)
    pairs = -(-reads.channels // 2)
    for size in dict.fromkeys(-(-pairs // count) for count in range(2, pairs + 1)):
        extra = (-(-pairs // size) - 1) * reads.instructions()
        if (before - lines) * cache.fill_cycles - extra <= best.saved:
            break  # no more blocks can do better
        fills = reads.fills(cache, 2 * size)
        saved = (before - fills) * cache.fill_cycles - extra
        if saved > best.saved:
            best = WeightOrder(2 * size, lines, fills, before, saved)
    return best


def in_blocks(call: Call, channels: int) -> Call:
    """Return a call of `BLOCKED` that goes through so many channels at a time; any other call as it is."""
    if call.function not in BLOCKED or call.params is None:
        return call
    fields = {**call.params.fields, "block_channels": channels}
    return replace(call, params=Params(call.params.type, fields))
