"""Train a small DS-CNN on Fashion-MNIST and write the model and the data that the examples use.

Writes fashion_dscnn.onnx, fashion_calib.npz and fashion_eval.npz. Same options, machine and library versions: same
bytes. Needs torch, onnx, onnxscript, onnxruntime and numpy.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from torch import Tensor, nn
from torch.nn import functional

DEBIAN_DATA = Path("/usr/share/datasets/fashion-mnist")  # from Debian's package dataset-fashion-mnist
CALIBRATION_IMAGES = 512
EVALUATION_IMAGES = 1000
BATCH = 128
BLOCKS = ((32, 48, 1), (48, 64, 2), (64, 64, 1), (64, 64, 1))  # input channels, output channels, stride

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def load_split(folder: Path, split: str) -> tuple[Pixels, npt.NDArray[np.int64]]:
    """Read one split ("train" or "t10k") as images (n, 1, 28, 28) and labels (n,)."""
    images = gzip.decompress((folder / f"{split}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"{split}-labels-idx1-ubyte.gz").read_bytes())
    # The idx headers are 16 bytes (magic, count, rows, columns) and 8 bytes (magic, count).
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28)
    return pixels.copy(), np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)


def to_float(pixels: Pixels) -> Floats:
    """Map pixels 0..255 to [0, 1], the range that the model takes."""
    return pixels.astype(np.float32) / np.float32(255)


def conv_bn_relu(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Build a convolution that keeps the size (but for the stride), its batch normalisation and its ReLU."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


def build_model() -> nn.Sequential:
    """Build the DS-CNN: a stem, four depthwise-separable blocks, global average pooling and a classifier."""
    model = nn.Sequential()
    model.add_module("stem", conv_bn_relu(1, 32, kernel=3, stride=2))
    for i, (inputs, outputs, stride) in enumerate(BLOCKS, start=1):
        model.add_module(f"depthwise{i}", conv_bn_relu(inputs, inputs, kernel=3, stride=stride, groups=inputs))
        model.add_module(f"pointwise{i}", conv_bn_relu(inputs, outputs, kernel=1))
    model.add_module("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    model.add_module("classifier", nn.Linear(64, 10))
    return model


def augment(images: Tensor) -> Tensor:
    """Flip half of the images left to right and shift each by up to one pixel both ways."""
    count, _, height, width = images.shape
    flip = torch.rand(count, 1, 1, 1) < 0.5
    padded = functional.pad(torch.where(flip, images.flip(3), images), (1, 1, 1, 1))
    rows = torch.randint(3, (count, 1, 1)) + torch.arange(height).view(1, -1, 1)
    columns = torch.randint(3, (count, 1, 1)) + torch.arange(width).view(1, 1, -1)
    return padded[torch.arange(count).view(-1, 1, 1), 0, rows, columns].unsqueeze(1)


def train(model: nn.Module, images: Tensor, labels: Tensor, epochs: int) -> None:
    """Train with Adam and a one-cycle learning rate; leave the model in evaluation mode."""
    steps = len(images) // BATCH
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=epochs * steps)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for chosen in torch.randperm(len(images))[: steps * BATCH].view(steps, BATCH):
            loss = criterion(model(augment(images[chosen].float() / 255)), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1} of {epochs}: loss {total / steps:.4f}", file=sys.stderr)
    model.eval()


def export(model: nn.Module, path: Path) -> None:
    """Write the model as float ONNX for one image, without the exporter's notes on where each node came from."""
    program = torch.onnx.export(
        model,
        (torch.zeros(1, 1, 28, 28),),
        input_names=["image"],
        output_names=["logits"],
        opset_version=18,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    assert program is not None  # None comes only from the older exporter
    proto = program.model_proto
    graph = proto.graph
    for item in (proto, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        item.ClearField("doc_string")
        item.ClearField("metadata_props")
    onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def run_onnx(path: Path, pixels: Pixels) -> Floats:
    """Return the logits (n, 10) that onnxruntime computes for each image."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(["logits"], {"image": image[None]})[0] for image in to_float(pixels)])


def main() -> int:
    """Load, train, export, check and report; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", type=Path, default=DEBIAN_DATA, metavar="DIR", help="folder of the idx .gz files")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, metavar="DIR", help="folder to write to")
    parser.add_argument("--epochs", type=int, default=12, help="passes over the training images")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights, order and augmentation")
    options = parser.parse_args()
    try:
        train_images, train_labels = load_split(options.data, "train")
        test_images, test_labels = load_split(options.data, "t10k")
    except FileNotFoundError as missing:
        print(f"error: Fashion-MNIST is missing: no file {missing.filename}", file=sys.stderr)
        print("  hint: apt-get install dataset-fashion-mnist, or name its folder with --data DIR", file=sys.stderr)
        return 2
    torch.manual_seed(options.seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(2)  # the order of float sums, and so the result, depends on it
    model = build_model()
    train(model, torch.from_numpy(train_images), torch.from_numpy(train_labels), options.epochs)

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "fashion_dscnn.onnx"
    export(model, path)
    evaluation = to_float(test_images[:EVALUATION_IMAGES])
    np.savez_compressed(options.out / "fashion_calib.npz", x=to_float(train_images[:CALIBRATION_IMAGES]))
    np.savez_compressed(options.out / "fashion_eval.npz", x=evaluation, y=test_labels[:EVALUATION_IMAGES])

    logits = run_onnx(path, test_images)
    expected = model(torch.from_numpy(evaluation)).detach().numpy()
    np.testing.assert_allclose(logits[:EVALUATION_IMAGES], expected, rtol=0, atol=1e-5)
    hits = logits.argmax(axis=1) == test_labels
    print(f"accuracy on {len(hits)} test images: {hits.mean():.2%}")
    print(f"accuracy on the first {EVALUATION_IMAGES}: {hits[:EVALUATION_IMAGES].mean():.2%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
