"""GenCPruneX's own task on its own model: RAM of 75 KB, flash of 100 KB, 1.5 million MACs (KB = 1000).

    PYTHONPATH=. python benchmarks/gencprunex.py [--images 500]

The network is their base, a MobileNet-0.25 that sees persons, float from their file. redsc has 512 unlabelled
natural images (CIFAR-10, three times as large; needs pillow); agreement with the base is counted on others. Their
published network, a ratio of 0.5 for every layer, goes through redsc as it is: the same int8, the same arena
planner, the same images.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from level_selectors import enlarged
from models import DATASETS, NETWORKS

from redsc.budgets import Budgets
from redsc.compile import compare_selectors, plan_levels, read_model
from redsc.compile.choice import Choice
from redsc.cost.memory import resident_bytes
from redsc.options import Options
from redsc.passes.flash import levels_flash
from redsc.report.comparison import Side
from redsc.runtime.data.dataset import load_data
from redsc.runtime.evaluate.quality import Quality, measure_levels

MODELS = NETWORKS / "GenCPruneX"
BASE, FIXED = MODELS / "base_clean.onnx", MODELS / "fixed0.5_shipped_clean.onnx"
IMAGES = DATASETS / "cifar10" / "cifar10_train_lossless_2000.npz"
FEW = 512
LIMITS = Budgets.parse(ram="75KB", flash="100KB", macs="1.5M")
SELECTORS = ("joint", "genetic", "netadapt", "uniform")


def main() -> None:
    """Print a row per network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=500, help="how many test it")
    count = parser.parse_args().images
    print("network | RAM B | flash B | MACs | limits | agreement with the base | divergence | CPU s")
    with tempfile.TemporaryDirectory() as folder:
        data, test = (Path(folder) / name for name in ("seen.npz", "test.npz"))
        images = enlarged(np.load(IMAGES)["x"][: FEW + count])
        np.savez(data, x=images[:FEW])
        np.savez(test, x=images[FEW:])
        options = Options(levels=("100",), data=data, evaluation=test, int8_io=True)
        for name, path in (("their base", BASE), ("their 0.5", FIXED)):
            print_row(name, *facts(plan_levels(path, options), test))
        for side in compare_selectors(BASE, replace(options, budgets=LIMITS), SELECTORS).sides:
            print_side(side)
        ratio = replace(options, searching=replace(options.searching, ratio=0.5))
        print_side(compare_selectors(BASE, ratio, ["ratios"]).sides[0], "ratios, 0.5 of all channels")


def facts(choice: Choice, test: Path) -> tuple[int, int, int, Quality]:
    """Return RAM, flash, MACs and quality of the first level of a choice."""
    network, base = choice.levels.networks[0], read_model(BASE)
    (quality,) = measure_levels(base.graph, [network.graph], load_data(test, base))
    ram = resident_bytes([network.memory], LIMITS.resident)
    return ram, levels_flash([network.shipped], [network.memory], LIMITS.kernels), network.macs, quality


def print_side(side: Side, name: str | None = None) -> None:
    """Print the row of a selector."""
    if side.error is not None:
        print(f"{side.selector} | {side.error.message}")
        return
    assert side.ram_bytes is not None
    assert side.flash_bytes is not None
    assert side.macs is not None
    quality = side.levels[0].quality
    assert quality is not None
    print_row(name or side.selector, side.ram_bytes, side.flash_bytes, side.macs, quality, f"{side.seconds:.1f}")


def print_row(name: str, ram: int, flash: int, macs: int, quality: Quality, seconds: str = "") -> None:
    """Print a row; it says which limits are met."""
    limits = (("RAM", ram, LIMITS.ram_bytes), ("flash", flash, LIMITS.flash_bytes), ("MACs", macs, LIMITS.macs))
    missed = [limit for limit, taken, most in limits if most is not None and taken > most]
    met = f"not {', '.join(missed)}" if missed else "all met"
    agreement = f"{100 * (quality.value or 0):.1f} % of {quality.samples}"
    cells = (name, f"{ram:,}", f"{flash:,}", f"{macs:,}", met, agreement, str(quality.divergence), seconds)
    print(" | ".join(cells), flush=True)


if __name__ == "__main__":
    main()
