"""What four levels cost: arena heads against TFLM's own plans, and the container against the model file.

    python benchmarks/memory_and_flash.py

Tails are for a 32-bit target. What TFLM's interpreter makes of these levels with redsc's kernels is measured by
tests/firmware/test_containers.py: heads and tails are as computed, to the byte.
"""

from __future__ import annotations

from models import LEVELS, MODELS

from redsc.budgets import Budgets
from redsc.compile import compile_model
from redsc.option_texts import parse_levels
from redsc.options import Options


def main() -> None:
    """Compile every model that is there and print its figures."""
    print(f"{'model':<24} {'level':>5} {'MACs %':>6} {'head':>7} {'TFLM head':>9} {'ratio':>5} {'tail':>6}")
    totals = []
    for path, ram in MODELS.items():
        if not path.is_file():
            print(f"{path.stem:<24} not there: set REDSC_ZOO")
            continue
        options = Options(budgets=Budgets.parse(ram=ram), levels=parse_levels(LEVELS))
        report = compile_model(path, options).report
        for level in report.levels:
            arena, percent = level.arena, 100 * level.macs_fraction
            ratio = arena.head_bytes / arena.tflm_greedy_head_bytes
            print(
                f"{path.stem:<24} {level.name:>5} {percent:>6.1f} {arena.head_bytes:>7,} "
                f"{arena.tflm_greedy_head_bytes:>9,} {ratio:>5.2f} {arena.tail_bytes:>6,}"
            )
        totals.append((path, report))
    print(f"\n{'model':<24} {'RAM all':>8} {'RAM one':>8} {'container':>9} {'file':>8} {'ratio':>5} {'copies':>7}")
    for path, report in totals:
        size = path.stat().st_size
        print(
            f"{path.stem:<24} {report.arena.resident_all_bytes:>8,} {report.arena.resident_one_bytes:>8,} "
            f"{report.flash.container_bytes:>9,} {size:>8,} {report.flash.container_bytes / size:>5.2f} "
            f"{report.flash.by_sharing['copies']:>7,}"
        )


if __name__ == "__main__":
    main()
