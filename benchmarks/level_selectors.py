"""Selectors side by side: the loss that they reach, what it is worth on data, and how long they take.

    PYTHONPATH=. python benchmarks/level_selectors.py [--images 300] [NAME ...]

Levels 25, 50, 75 and 100 of four networks, no budgets, widths in multiples of 4. All selectors have the same
losses, measured on the same few hundred unlabelled samples, and the same recovery; quality is that of the int8
levels on other samples (enlarging images needs pillow). Seconds are those that a core works for choosing alone.
`joint` must never lose more than another: that is asserted.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from models import DATASETS, ROOT, TINY

from redsc.compile import compare_selectors
from redsc.ir import Array
from redsc.options import Options
from redsc.report.comparison import ComparedLevel, Side

SELECTORS = ("joint", "reds-bu", "netadapt", "genetic", "uniform")
ROUNDING = 1e-5  # the solver's losses are integers


@dataclass(frozen=True)
class Samples:
    """What calibrates and is never tested, and what tests, with class numbers or without."""

    seen: Array
    test: Array
    labels: Array | None


def keywords() -> Samples:
    """Return recordings of kws01: 300 are seen."""
    found = np.load(DATASETS / "kws01" / "kws01_dev600.npz")
    x, y = found["x"][..., None], found["y"]
    order = np.random.default_rng(0).permutation(len(x))
    return Samples(x[order[:300]], x[order[300:]], y[order[300:]])


def clothes() -> Samples:
    """Return the images of the example."""
    seen, test = (np.load(ROOT / "examples" / f"fashion_{part}.npz") for part in ("calib", "eval"))
    return Samples(seen["x"], test["x"], test["y"])


def _cifar() -> tuple[Array, Array]:
    found = np.load(DATASETS / "cifar10" / "cifar10_train_lossless_2000.npz")
    return found["x"].astype(np.float32), found["y"]


def things() -> Samples:
    """Return images of CIFAR-10: 512 are seen."""
    x, y = _cifar()
    return Samples(x[:512], x[512:], y[512:])


def scenes() -> Samples:
    """Return images of CIFAR-10, three times as large, from 0 to 1; none is labelled."""
    x = enlarged(_cifar()[0][:1000]) / 255
    return Samples(x[:256], x[256:], None)


def enlarged(images: Array) -> Array:
    """Return images of 32 x 32 three times as large, smoothly, from 0 to 255."""
    from PIL import Image

    pictures = (
        Image.fromarray(image.astype(np.uint8)).resize((96, 96), Image.Resampling.BICUBIC) for image in images
    )
    return np.stack([np.asarray(picture, np.float32) for picture in pictures])


SUBJECTS: dict[str, tuple[Path, Callable[[], Samples]]] = {
    "kws": (TINY / "kws_ref_model.tflite", keywords),
    "fashion": (ROOT / "examples" / "fashion_dscnn.onnx", clothes),
    "resnet8": (TINY / "pretrainedResnet.tflite", things),
    "vww": (TINY / "vww_96_float.tflite", scenes),
}


def main() -> None:
    """Print a row per network and selector."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=300, help="how many samples test, at most")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SUBJECTS))
    asked = parser.parse_args()
    print("network | selector | loss | MACs % | measured | divergence | CPU s", flush=True)
    for name in asked.names or SUBJECTS:
        sides = measured(name, asked.images)
        for side in sides:
            print(row(name, side), flush=True)
        require_least(sides)


def measured(name: str, images: int) -> tuple[Side, ...]:
    """Return what every selector makes of a network."""
    path, load = SUBJECTS[name]
    samples = load()
    with tempfile.TemporaryDirectory() as folder:
        data, test = (Path(folder) / file for file in ("seen.npz", "test.npz"))
        np.savez(data, x=samples.seen)
        tested = {"x": samples.test[:images]}
        if samples.labels is not None:
            tested["y"] = samples.labels[:images]
        np.savez(test, allow_pickle=False, **tested)
        return compare_selectors(path, Options(data=data, evaluation=test), SELECTORS).sides


def require_least(sides: tuple[Side, ...]) -> None:
    """Require that no selector found levels that lose less than those of the first, `joint`."""
    joint = sides[0]
    for side in sides[1:]:
        if len(side.levels) == len(joint.levels):
            assert (joint.objective or 0) <= (side.objective or 0) * (1 + ROUNDING), side.selector


def row(name: str, side: Side) -> str:
    """Return the figures of the levels 25, 50 and 75."""
    levels = side.levels[:0:-1]
    shares = " / ".join(f"{100 * level.macs_fraction:.1f}" for level in levels)
    values, divergences = " / ".join(map(value, levels)), " / ".join(map(divergence, levels))
    cells = (name, side.selector, f"{side.objective:.4f}", shares, values, divergences, f"{side.seconds:.1f}")
    return " | ".join(cells)


def value(level: ComparedLevel) -> str:
    """Return accuracy or agreement in percent."""
    assert level.quality is not None
    return f"{100 * (level.quality.value or 0):.1f}"


def divergence(level: ComparedLevel) -> str:
    """Return the mean divergence from the network's own answers, in nats."""
    assert level.quality is not None
    return f"{level.quality.divergence:.3f}"


if __name__ == "__main__":
    main()
