"""Levels of a small vision transformer in int8: heads, hidden units and blocks go; Fashion-MNIST says what stays.

    python benchmarks/attention_levels.py [--epochs 12] [--images 2000] [OPTION ...]

Trains a transformer (28x28 images in 49 patches, 32 channels, two blocks of 4 heads and 64 hidden units, PyTorch)
on 10,000 labelled images, exports it to ONNX, and compiles levels 100, 75, 50, 25 with 512 of these without labels.
The first so many test images tell the accuracy. Further options are those of `redsc compile`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from models import DATASETS
from torch import Tensor, nn

DATA = DATASETS / "fashion_mnist"
CHANNELS, HEADS, HIDDEN, BLOCKS, PATCH = 32, 4, 64, 2, 4
BATCH, SEEN = 100, 512


class Block(nn.Module):  # type: ignore[misc]  # PyTorch is not typed here
    """Attention and two dense layers, each normalised before and added to what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(CHANNELS) for _ in range(2))
        self.attention = nn.MultiheadAttention(CHANNELS, HEADS, batch_first=True)
        self.dense = nn.Sequential(nn.Linear(CHANNELS, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, CHANNELS))

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens [N, T, C] for tokens."""
        y = self.norms[0](x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        result: Tensor = x + self.dense(self.norms[1](x))
        return result


class Transformer(nn.Module):  # type: ignore[misc]  # PyTorch is not typed here
    """Patches, positions, blocks, the mean over all tokens, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, CHANNELS, PATCH, PATCH)
        self.places = nn.Parameter(torch.randn(1, (28 // PATCH) ** 2, CHANNELS) * 0.02)
        self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
        self.norm, self.classifier = nn.LayerNorm(CHANNELS), nn.Linear(CHANNELS, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [N, 10] for images [N, 1, 28, 28]."""
        tokens = self.blocks(self.patches(x).flatten(2).transpose(1, 2) + self.places)
        result: Tensor = self.classifier(self.norm(tokens).mean(1))
        return result


def trained(x: Tensor, y: Tensor, epochs: int) -> Transformer:
    """Return a transformer that has learned from labelled images."""
    torch.manual_seed(0)
    model = Transformer()
    steps = epochs * len(x) // BATCH
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(BATCH):
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()
    return model


def images(raw: np.ndarray) -> np.ndarray:
    """Return images [N, 1, 28, 28] about 0."""
    return ((raw.reshape(-1, 1, 28, 28) - 72.9) / 90).astype(np.float32)


def main() -> None:
    """Train, compile, print a row per level: MACs, widths, skipped blocks, accuracy, bytes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--images", type=int, default=2000, help="how many test images tell the accuracy")
    arguments, others = parser.parse_known_args()
    known = np.load(DATA / "train_first10000.npz")
    x, y = images(known["x"]), known["y"].astype(np.int64)
    with gzip.open(DATA / "t10k-images-idx3-ubyte.gz") as file:
        test = images(np.frombuffer(file.read(), np.uint8, offset=16))[: arguments.images]
    with gzip.open(DATA / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)[: arguments.images].astype(np.int64)
    model = trained(torch.tensor(x), torch.tensor(y), arguments.epochs)
    with torch.no_grad():
        answers = model(torch.tensor(test)).argmax(1).numpy()
    print(f"PyTorch, float: {float((answers == labels).mean()):.4f}", flush=True)
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        torch.onnx.export(
            model, (torch.tensor(test[:1]),), str(folder / "vit.onnx"), opset_version=17, dynamo=False
        )
        np.savez(folder / "seen.npz", x=x[:SEEN, None])
        np.savez(folder / "test.npz", x=test[:, None], y=labels)
        command = ["compile", "vit.onnx", "--data", "seen.npz", "--eval", "test.npz", "--json", "-", *others]
        run = subprocess.run(
            [sys.executable, "-m", "redsc", *command], cwd=folder, stdout=subprocess.PIPE, check=True
        )
    report = json.loads(run.stdout)
    for level in report["levels"]:
        heads, hidden = (
            [width for width in level["widths"].values() if (width <= HEADS) == is_head]
            for is_head in (True, False)
        )
        cells = (
            level["name"],
            f"{level['macs']:,}",
            f"{100 * level['macs_fraction']:.1f}",
            ", ".join(map(str, heads)),
            ", ".join(map(str, hidden)),
            ", ".join(level["skipped"]),
            f"{level['quality']['value']:.4f}",
            f"{level['arena']['head_bytes']:,}",
            f"{level['arena']['total_bytes']:,}",
            f"{level['private_bytes']:,}",
        )
        print("|", " | ".join(cells), "|")
    print(f"flash: {report['flash']}\nRAM: {report['arena']}")


if __name__ == "__main__":
    main()
