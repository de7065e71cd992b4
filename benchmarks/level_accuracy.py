"""Accuracy of nested levels, in float and in int8, by how they were made.

    python benchmarks/level_accuracy.py fashion [VARIANT ...] [--seeds 3] [--select joint] [--steps N] [--train DIR]
    python benchmarks/level_accuracy.py resnet8|resnet8-adapted [VARIANT ...]

`fashion` is REDS's Fashion-MNIST DS-CNN-S on all 10,000 test images. Variants that do not train see 512 unlabelled
images: seed s takes the s-th 512 of the training set. Tuned ones see the first 10,000, `labelled` all 60,000 with
labels (DIR: the Debian package dataset-fashion-mnist). `resnet8` is that of MLPerf Tiny on CIFAR-10 as JPEG (needs
pillow): 2,000 images test, the other 8,000 are there to see. JPEGs cost it some points: `resnet8-adapted` has first
learned 150 steps from the 8,000 with their labels, as in the study that its figures are compared with.

Widths are multiples of 4 and chosen on the images that the variant sees: nothing looks at the test set but the
measurement. Every row says the real MACs, CPU seconds of the whole compile, and the bytes that levels do not share.
"""

from __future__ import annotations

import argparse
import gzip
import resource
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from models import DATASETS, NETWORKS, TINY

from redsc.choices import Recovery
from redsc.codegen.container import build_container
from redsc.compile import Choice, plan_levels
from redsc.formats import Model, load_model, write_tflite
from redsc.ir import Array, Graph
from redsc.option_texts import parse_resolutions
from redsc.options import Options, Tuning
from redsc.passes.base import Log
from redsc.passes.losses.study import Study, float_source
from redsc.passes.slice.nested import LevelSet, build_level, plain_weights
from redsc.passes.slice.plan import Level, LevelPlan
from redsc.passes.slice.resize_inputs import resize_inputs
from redsc.passes.spaces.structure import find_structure
from redsc.passes.tune.run import tune
from redsc.runtime.data.dataset import DataSet
from redsc.runtime.litert import run
from redsc.runtime.ports import quantize_samples
from redsc.store import Store

FEW, MANY, ALL = 512, 10_000, 60_000
DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class Images:
    """Inputs [N, H, W, C] as the model takes them, and class numbers."""

    x: Array
    y: Array

    def some(self, begin: int, end: int) -> Images:
        """Return a run of them."""
        return Images(self.x[begin:end], self.y[begin:end])


@dataclass(frozen=True)
class Subject:
    """A model, the images that it may see, as many as asked for, and those that test it."""

    model: Path
    seen: Callable[[int, Path], Images]
    test: Callable[[], Images]
    adapting_steps: int = 0


@dataclass(frozen=True)
class Variant:
    """A row of the table: how levels are made, and of how many images; `steps` of tuning, 0 for none."""

    recovery: Recovery = Recovery.NESTED
    protect_full: bool = False
    images: int = FEW
    steps: int = 0
    has_labels: bool = False

    def options(self, data: Path, seed: int, selector: str, sizes: str | None) -> Options:
        """Return the options of a compile."""
        tuning = Tuning(self.steps, seed=seed, flip=True) if self.steps else None
        return Options(
            data=data,
            selector=selector,
            recovery=self.recovery,
            protect_full=self.protect_full,
            tuning=tuning,
            resolutions=parse_resolutions(sizes) if sizes else (),
            uses_cache=False,
        )


VARIANTS = {
    "slices": Variant(Recovery.OFF),
    "private": Variant(Recovery.PRIVATE),
    "nested": Variant(Recovery.NESTED),
    "two-banks": Variant(Recovery.NESTED, protect_full=True),
    "tuned": Variant(images=MANY, steps=2400),
    "tuned-two-banks": Variant(images=MANY, steps=2800, protect_full=True),
    "tuned-few": Variant(steps=250),
    "labelled": Variant(images=ALL, steps=12_000, has_labels=True),
}


def fashion_seen(count: int, folder: Path) -> Images:
    """Return training images of Fashion-MNIST; more than 10,000 come from the Debian package."""
    if count > MANY:
        return ubyte_images(folder, "train")
    found = np.load(DATASETS / "fashion_mnist" / "train_first10000.npz")
    return Images(found["x"][..., None].astype(np.float32) / 255, found["y"])


def ubyte_images(folder: Path, part: str) -> Images:
    """Return the images of a pair of IDX files, from 0 to 1."""
    pixels, labels = (
        np.frombuffer(gzip.decompress((folder / f"{part}-{name}-ubyte.gz").read_bytes()), np.uint8, offset=offset)
        for name, offset in (("images-idx3", 16), ("labels-idx1", 8))
    )
    return Images(pixels.reshape(-1, 28, 28, 1).astype(np.float32) / 255, labels)


@cache
def cifar_images() -> Images:
    """Return 10,000 JPEG images of CIFAR-10, from 0 to 255, the classes in turn."""
    from PIL import Image

    archive = zipfile.ZipFile(DATASETS / "cifar10" / "cifar10_train_10000_jpg.zip")
    names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
    folders = sorted({Path(name).parent.name for name in names})
    in_turn = sorted(names, key=lambda name: (Path(name).name, Path(name).parent.name))
    pixels = [np.asarray(Image.open(archive.open(name)), np.float32) for name in in_turn]
    return Images(np.stack(pixels), np.array([folders.index(Path(name).parent.name) for name in in_turn]))


RESNET = Subject(
    TINY / "pretrainedResnet.tflite",
    lambda _count, _folder: cifar_images().some(0, 8000),
    lambda: cifar_images().some(8000, 10_000),
)
SUBJECTS = {
    "fashion": Subject(
        NETWORKS / "FraCorti+REDS-vision" / "reds_fashion_mnist_dscnn_s_b1.onnx",
        fashion_seen,
        lambda: ubyte_images(DATASETS / "fashion_mnist", "t10k"),
    ),
    "resnet8": RESNET,
    "resnet8-adapted": replace(RESNET, adapting_steps=150),
}


def main() -> None:
    """Print a row per variant and seed, and the mean and spread per variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=", ".join(VARIANTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--select", default="joint")
    parser.add_argument("--resolution", help="sizes of images that levels may have, like 24,16")
    parser.add_argument("--train", type=Path, default=DEBIAN)
    parser.add_argument("--steps", type=int, help="other steps of tuning than the variant's")
    asked = parser.parse_args()
    subject = SUBJECTS[asked.subject]
    test = subject.test()
    with tempfile.TemporaryDirectory() as folder:
        if subject.adapting_steps:
            subject = replace(subject, model=adapted(subject, Path(folder)))
        measure(subject, test, asked)


def measure(subject: Subject, test: Images, asked: argparse.Namespace) -> None:
    """Print the rows of every variant."""
    print(
        "variant / seed | MACs % | float % | int8 % | CPU s | container B | private B per slot | sizes", flush=True
    )
    for name in asked.variants or VARIANTS:
        variant = VARIANTS[name]
        if asked.steps and variant.steps:
            variant = replace(variant, steps=asked.steps)
        seen = subject.seen(variant.images, asked.train)
        rows = [
            row(f"{name} / {seed}", subject.model, variant, seed, asked, seen, test) for seed in range(asked.seeds)
        ]
        for kind, found in zip(("float", "int8"), np.swapaxes(np.array(rows), 0, 1), strict=True):
            mean, spread = found.mean(axis=0), found.max(axis=0) - found.min(axis=0)
            print(f"{name} {kind}: mean {numbers(mean)}, largest minus smallest {numbers(spread)}", flush=True)


def adapted(subject: Subject, folder: Path) -> Path:
    """Return the file of a network that has learned from labels a while, all of it."""
    model, images = load_model(subject.model), subject.seen(MANY, DEBIAN)
    source = float_source(model.graph, Log())
    structure = find_structure(source)
    plan = LevelPlan((Level("100", {space.name: space.size for space in structure.groups.free}),), {})
    whole = LevelSet(source, structure.groups, structure.blocks, plan)
    study = Study.of(source, DataSet(samples_of(model, images), images.y), Store(None))
    tuning = Tuning(subject.adapting_steps, flip=True)
    weights = tune(whole, plain_weights(whole), study, tuning)
    path = folder / subject.model.name
    path.write_bytes(write_tflite(build_level(whole, weights, 0)))
    return path


def samples_of(model: Model, images: Images) -> list[list[Array]]:
    """Return images as the graph of a model takes them."""
    port = model.inputs[0]
    return [[np.ascontiguousarray(port.to_graph(image.reshape(port.source_shape)))] for image in images.x]


def row(
    title: str, model: Path, variant: Variant, seed: int, asked: argparse.Namespace, seen: Images, test: Images
) -> tuple[list[float], list[float]]:
    """Compile, measure and print one row; return the accuracies in float and in int8, smallest level first."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        shown = seen.some(seed * FEW, (seed + 1) * FEW) if variant.images == FEW else seen.some(0, variant.images)
        labels: dict[str, Any] = {"y": shown.y} if variant.has_labels else {}
        before = cpu_seconds()
        read = load_model(model)
        np.savez(data, x=shown.x.reshape(len(shown.x), *read.inputs[0].source_shape[1:]), **labels)
        choice = plan_levels(model, variant.options(data, seed, asked.select, asked.resolution))
    seconds = cpu_seconds() - before
    samples = [view.of_rows(samples_of(read, test)) for view in choice.levels.views]
    slots = range(len(samples))
    real = [accuracy(float_graph(choice, slot), samples[slot], test.y) for slot in slots][::-1]
    int8 = [accuracy(choice.levels.graphs[slot], samples[slot], test.y) for slot in slots][::-1]
    macs = [100 * item.macs / choice.levels.networks[0].macs for item in choice.levels.networks][::-1]
    container = build_container(choice.levels.graphs, [item.memory for item in choice.levels.networks])
    print(
        f"{title} | {numbers(macs)} | {numbers(real)} | {numbers(int8)} | {seconds:.0f} | {len(container.data):,} "
        f"| {container.private_bytes} | {[view.input_size for view in choice.levels.views]}",
        flush=True,
    )
    return real, int8


def float_graph(choice: Choice, slot: int) -> Graph:
    """Return a level in float."""
    assert choice.cuts is not None
    assert choice.weights is not None
    return resize_inputs(build_level(choice.cuts, choice.weights, slot), choice.levels.views[slot].input_size)


def accuracy(graph: Graph, samples: list[list[Array]], labels: Array) -> float:
    """Return the accuracy in percent, in LiteRT's optimised kernels."""
    rows = run(write_tflite(graph), quantize_samples(graph, samples), optimized=True)
    return 100 * float(np.mean([np.argmax(row[0]) == label for row, label in zip(rows, labels, strict=True)]))


def numbers(found: Array | list[float]) -> str:
    """Return figures with two decimals, like 80.12 / 85.00."""
    return " / ".join(f"{value:.2f}" for value in found)


def cpu_seconds() -> float:
    """Return the CPU time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
