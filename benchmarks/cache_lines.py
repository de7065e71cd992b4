"""How often a cache before the flash is filled with weights, with and without blocks of channels; their cost.

    PYTHONPATH=. python benchmarks/cache_lines.py [--nested]

Four levels of MLPerf Tiny's networks with `--backend c`, simulated (`redsc.cost.cache`). What blocks cost is
counted on an emulated Cortex-M4 with random data: it needs arm-none-eabi-gcc and qemu-system-arm.

`--nested` simulates another layout: in a packed row the channels of the smallest level come first, of all taps,
then those that the next one adds. Every level then reads a beginning of each row, and panels are built in as many
pieces.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from firmware.machine import instructions_of, link, run
from firmware.templates import fill
from models import LEVELS, MODELS, TINY_NAMES

from redsc.budgets import Budgets
from redsc.choices import FlashCache, Kernels
from redsc.compile import Choice, plan_levels
from redsc.compile.flash_cache import order_for_cache
from redsc.cost.cache import CACHES, Cache
from redsc.engine.blocks import BLOCKED, ConvReads, WeightOrder, choose_order, in_blocks
from redsc.engine.call import Call, Constant
from redsc.engine.constants import pool_constants
from redsc.engine.program import constants_of
from redsc.engine.rows import emit_levels
from redsc.engine.sources import needed_files
from redsc.ir import Node
from redsc.option_texts import parse_levels
from redsc.options import Options
from redsc.progress import silent
from tests.firmware.build import FIRMWARE

ANY_RAM = 1 << 30
# Instructions per pixel of a 3x3 layer when its lines are the taps, not the rows of the kernel: counted like the
# others on a Cortex-M4. Two calls and six lines more; p pieces make 3 p calls and 9 p lines of one call and three.
PER_PIXEL = 213


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution or dense layer of a level."""

    node: Node
    call: Call
    reads: ConvReads


def layers_of(choice: Choice) -> list[list[Layer]]:
    """Return the layers of every level that the kernel computes."""
    levels = emit_levels(choice.levels.graphs, Kernels.ENGINE)
    pool = pool_constants(constant for level in levels for _, call in level for constant in constants_of(call))
    return [
        [Layer(node, call, ConvReads.of(call, pool)) for node, call in level if call.function in BLOCKED]
        for level in levels
    ]


def initializer(call: Call) -> str:
    """Return the C initialiser of a call: its function and its parameters, with arrays of the benchmark."""
    assert call.params is not None
    arrays = {"weight", "channels"}
    fields = {name: name if name in arrays else value for name, value in call.params.fields.items()}
    assert not any(isinstance(value, Constant) for value in fields.values())
    members = ", ".join(f".{name} = {value}" for name, value in fields.items())
    return f"{{{call.function}, {{{members}}}}}"


def count_instructions(calls: Sequence[Call]) -> list[int]:
    """Return what calls take on an emulated Cortex-M4 at -O2."""
    kernels = [FIRMWARE / name for name in needed_files({call.source for call in calls}) if name.endswith(".c")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "convs.c"
        source.write_text(fill("convs.c.j2", layers=map(initializer, calls)))
        program = link(folder, "convs", [source, *kernels], ("-O2", f"-I{FIRMWARE}"))
        rows, _ = run(program, folder)
    return [instructions_of(ticks) for (ticks,) in rows]


def extra_instructions(layers: Sequence[Layer], orders: Sequence[WeightOrder]) -> float:
    """Return what the blocks of a level cost."""
    pairs = [(layer.call, in_blocks(layer.call, order.block)) for layer, order in zip(layers, orders, strict=True)]
    calls = [call for pair, order in zip(pairs, orders, strict=True) if order.block for call in pair]
    counts = count_instructions(calls) if calls else []
    return sum(counts[1::2]) - sum(counts[::2])


def rows_of(name: str, choice: Choice, kind: str) -> Iterator[list[str]]:
    """Yield a row per level of a network with one cache."""
    cache, budgets = CACHES[kind], Budgets(kernels=Kernels.ENGINE, cache=FlashCache(kind))
    planned, report = order_for_cache(choice, budgets, silent)
    roomy, most = order_for_cache(choice, replace(budgets, ram_bytes=ANY_RAM), silent)
    assert report is not None
    assert most is not None
    levels = zip(
        layers_of(choice), report.levels, most.levels, planned.levels.networks, roomy.levels.networks, strict=True
    )
    for layers, kept, free, small, large in levels:
        orders = [choose_order(layer.reads, cache) for layer in layers]
        cost = extra_instructions(layers, orders)
        known = sum((-(-r.channels // o.block) - 1) * r.instructions() for r, o in _blocked(layers, orders))
        saved = (free.fills_before - free.fills) * cache.fill_cycles
        yield [
            name,
            kept.level,
            *(f"{number:,}" for number in (free.lines, free.fills_before, kept.fills, free.fills)),
            f"{small.memory.head_bytes:,}",
            f"{large.memory.head_bytes:,}",
            *(f"{number:,.0f}" for number in (saved, cost, known)),
        ]


def _blocked(layers: Sequence[Layer], orders: Sequence[WeightOrder]) -> Iterator[tuple[ConvReads, WeightOrder]]:
    return ((layer.reads, order) for layer, order in zip(layers, orders, strict=True) if order.block)


def nested_rows(name: str, choice: Choice, kind: str) -> Iterator[list[str]]:
    """Yield a row per weight of which levels read different channels of several taps."""
    cache, found = CACHES[kind], defaultdict[str, list[ConvReads]](list)
    for level in layers_of(choice):
        for layer in level:
            f = layer.reads.fields
            if f["kernel_height"] * f["kernel_width"] > 1:
                found[layer.node.operand(1).name].append(layer.reads)
    for weight, levels in found.items():
        sizes = sorted({reads.fields["input_channels"] for reads in levels})
        if len(sizes) > 1:
            strided, nested, gain, cost = map(
                sum, zip(*(_nested(cache, item, sizes) for item in levels), strict=True)
            )
            yield [name, weight, str(sizes), *(f"{n:,.0f}" for n in (strided, nested, gain, cost, gain - cost))]


def _nested(cache: Cache, reads: ConvReads, sizes: Sequence[int]) -> tuple[float, float, float, float]:
    """Return fills of both layouts, the cycles that the nested one saves, and what its panels cost."""
    f = reads.fields
    row = {"segments": 1, "segment_bytes": f["segments"] * f["segment_bytes"], "skip_bytes": 0}
    own, other = choose_order(reads, cache), choose_order(replace(reads, fields={**f, **row}), cache)
    gain = (own.fills_before - other.fills_before) * cache.fill_cycles + other.saved - own.saved
    blocks = -(-reads.channels // other.block) if other.block else 1
    pieces = 1 + sizes.index(f["input_channels"])
    taps = f["kernel_height"] * f["kernel_width"]
    return own.fills, other.fills, gain, PER_PIXEL * (1.5 * pieces - 0.5) * taps / 9 * reads.pixels * blocks


BLOCKS = (
    *("network", "level", "lines", "fills", "blocks", "with any RAM", "arena", "with any RAM"),
    *("cycles of fills less", "instructions more", "as estimated"),
)
NESTED = ("network", "weight", "channels of levels", "fills", "nested", "cycles less", "instructions more", "net")


def main() -> None:
    """Print a table per cache."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nested", action="store_true", help="compare with the nested layout")
    nested = parser.parse_args().nested
    options = Options(budgets=Budgets(kernels=Kernels.ENGINE), levels=parse_levels(LEVELS))
    choices = {
        path.stem: plan_levels(path, options) for path in MODELS if path.stem in TINY_NAMES and path.is_file()
    }
    for kind in CACHES:
        header, rows_for = (NESTED, nested_rows) if nested else (BLOCKS, rows_of)
        print(f"\n{kind}\n\n| {' | '.join(header)} |\n|{'---|' * len(header)}")
        for name, choice in choices.items():
            for row in rows_for(name, choice, kind):
                print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
