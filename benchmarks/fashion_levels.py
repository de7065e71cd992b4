"""Accuracy of nested levels of REDS's Fashion-MNIST DS-CNN-S on all 10,000 test images, in float and in int8.

    python benchmarks/fashion_levels.py [VARIANT ...] [--seeds 3] [--select joint] [--train DIR]

Variants that do not train see 512 unlabelled images: seed s takes the s-th 512 of the training set. Tuned ones see
Variants that do not train see 512 unlabelled images: seed s takes the s-th 512 of the training set. Tuned ones see
Widths are multiples of 4 and chosen on those images: nothing looks at the test set but the last column. Every row
says the real MACs, CPU seconds of the whole compile, and the bytes that levels do not share.
"""

from __future__ import annotations

import argparse
import gzip
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from models import ZOO

from redsc.codegen.container import build_container
from redsc.compile import Choice, plan_levels
from redsc.formats import write_tflite
from redsc.ir import Array, Graph
from redsc.options import Options, Recovery, Tuning
from redsc.passes.nested import build_level
from redsc.runtime.litert import run
from redsc.runtime.ports import quantize_samples

MODEL = ZOO / "FraCorti+REDS-vision" / "reds_fashion_mnist_dscnn_s_b1.onnx"
DATA = ZOO.parent / "datasets" / "fashion_mnist"
FEW, MANY = 512, 10_000
DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class Variant:
    """A row of the table: how levels are made, and of how many images; `steps` of tuning, 0 for none."""

    recovery: Recovery = Recovery.NESTED
    protect_full: bool = False
    images: int = FEW
    steps: int = 0
    has_labels: bool = False

    def options(self, data: Path, seed: int, selector: str) -> Options:
        """Return the options of a compile."""
        tuning = Tuning(self.steps, seed=seed, flip=True) if self.steps else None
        return Options(
            data=data,
            selector=selector,
            recovery=self.recovery,
            protect_full=self.protect_full,
            tuning=tuning,
            uses_cache=False,
        )


VARIANTS = {
    "slices": Variant(Recovery.OFF),
    "private": Variant(Recovery.PRIVATE),
    "nested": Variant(Recovery.NESTED),
    "two-banks": Variant(Recovery.NESTED, protect_full=True),
    "tuned": Variant(images=MANY, steps=2400),
    "tuned-two-banks": Variant(images=MANY, steps=2800, protect_full=True),
    "labelled": Variant(images=60_000, steps=20_000, has_labels=True),
}


def main() -> None:
    """Print a row per variant and seed, and the mean and spread per variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=", ".join(VARIANTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--select", default="joint")
    parser.add_argument("--train", type=Path, default=DEBIAN)
    parser.add_argument("--steps", type=int, help="other steps of tuning than the variant's")
    asked = parser.parse_args()
    test, labels = images("t10k-images-idx3-ubyte.gz"), ubytes("t10k-labels-idx1-ubyte.gz", 8)
    print("variant / seed | MACs % | float % | int8 % | CPU s | container B | private B per slot", flush=True)
    for name in asked.variants or VARIANTS:
        variant = VARIANTS[name]
        if asked.steps and variant.steps:
            variant = Variant(**{**variant.__dict__, "steps": asked.steps})
        rows = [
            row(f"{name} / {seed}", variant, seed, asked.select, asked.train, test, labels)
            for seed in range(asked.seeds)
        ]
        for kind, found in zip(("float", "int8"), np.swapaxes(np.array(rows), 0, 1), strict=True):
            mean, spread = found.mean(axis=0), found.max(axis=0) - found.min(axis=0)
            print(f"{name} {kind}: mean {numbers(mean)}, largest minus smallest {numbers(spread)}", flush=True)


def row(
    title: str, variant: Variant, seed: int, selector: str, train: Path, test: Array, labels: Array
) -> tuple[list[float], list[float]]:
    """Compile, measure and print one row; return the accuracies in float and in int8, smallest level first."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        arrays: dict[str, Any] = training_images(variant, seed, train)
        np.savez(data, **arrays)
        before = cpu_seconds()
        choice = plan_levels(MODEL, variant.options(data, seed, selector))
    seconds = cpu_seconds() - before
    samples = [[np.ascontiguousarray(choice.model.inputs[0].to_graph(image))] for image in test]
    slots = range(len(choice.levels.graphs))
    real = [accuracy(float_graph(choice, slot), samples, labels) for slot in slots][::-1]
    int8 = [accuracy(graph, samples, labels) for graph in choice.levels.graphs][::-1]
    macs = [100 * item.macs / choice.levels.networks[0].macs for item in choice.levels.networks][::-1]
    container = build_container(choice.levels.graphs, [item.memory for item in choice.levels.networks])
    print(
        f"{title} | {numbers(macs)} | {numbers(real)} | {numbers(int8)} | {seconds:.0f} | {len(container.data):,} "
        f"| {container.private_bytes}",
        flush=True,
    )
    return real, int8


def float_graph(choice: Choice, slot: int) -> Graph:
    """Return a level in float."""
    assert choice.cuts is not None
    assert choice.weights is not None
    return build_level(choice.cuts, choice.weights, slot)


def accuracy(graph: Graph, samples: list[list[Array]], labels: Array) -> float:
    """Return the accuracy in percent, in LiteRT's optimised kernels."""
    rows = run(write_tflite(graph), quantize_samples(graph, samples), optimized=True)
    return 100 * float(np.mean([np.argmax(row[0]) == label for row, label in zip(rows, labels, strict=True)]))


def training_images(variant: Variant, seed: int, train: Path) -> dict[str, Array]:
    """Return the arrays of a data file."""
    if variant.has_labels:
        found = images("train-images-idx3-ubyte.gz", train)
        return {"x": found, "y": ubytes("train-labels-idx1-ubyte.gz", 8, train)}
    found = as_floats(np.load(DATA / "train_first10000.npz")["x"])
    return {"x": found[seed * FEW : (seed + 1) * FEW] if variant.images == FEW else found[: variant.images]}


def images(name: str, folder: Path | None = None) -> Array:
    """Return images [N, 28, 28, 1] in [0, 1]."""
    return as_floats(ubytes(name, 16, folder).reshape(-1, 28, 28))


def as_floats(pixels: Array) -> Array:
    """Return the model's inputs for pixels from 0 to 255."""
    return (pixels.astype(np.float32) / 255)[:, :, :, None]


def ubytes(name: str, offset: int, folder: Path | None = None) -> Array:
    """Return the bytes of an IDX file behind its header."""
    with gzip.open((folder or DATA) / name) as file:
        return np.frombuffer(file.read(), np.uint8, offset=offset)


def numbers(found: Array | list[float]) -> str:
    """Return figures with two decimals, like 80.12 / 85.00."""
    return " / ".join(f"{value:.2f}" for value in found)


def cpu_seconds() -> float:
    """Return the CPU time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
