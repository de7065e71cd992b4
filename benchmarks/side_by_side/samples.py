"""What quantisers are fed: the models, and samples for each, in the layout of its .tflite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from redsc.ir import Array

from .process import ROOT

__all__ = ["EXPORTS", "MODELS", "Samples"]

Samples = Callable[[Path, int, tuple[int, ...]], Array]
"""From the zoo, how many samples are wanted, and the shape of one, to the samples."""

EXPORTS = ("ae", "conv1d", "det", "dscnn", "flatcnn", "mbv2", "miscacts", "resnet8", "silu_se")


def photos(zoo: Path, count: int, _shape: tuple[int, ...]) -> Array:
    """Return photos of CIFAR-10, 0 to 255."""
    data: Array = np.load(zoo / "datasets/cifar10/cifar10_train_lossless_2000.npz")["x"][:count]
    return data.astype(np.float32)


def large_photos(zoo: Path, count: int, shape: tuple[int, ...]) -> Array:
    """Return the same three times as large, 0 to 1."""
    return photos(zoo, count, shape).repeat(3, axis=1).repeat(3, axis=2) / np.float32(255)


def log_energies(zoo: Path, count: int, _shape: tuple[int, ...]) -> Array:
    """Return frames of speech as the network for the sound of machines has them: five of 128 bands, in dB."""
    waves: Array = np.load(zoo / "datasets/kws01/kws01_dev_wav240_int16.npz")["x"][:count]
    frames = np.stack([waves[:, 4000 + 512 * i : 5024 + 512 * i] for i in range(5)], axis=1) / 32768
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(1024))))[..., 1:]
    bands = power.reshape(len(waves), 5, 128, 4).sum(axis=-1)
    decibels: Array = (10 * np.log10(bands + 1e-10)).astype(np.float32)
    return decibels


def clothes(_zoo: Path, count: int, _shape: tuple[int, ...]) -> Array:
    """Return the example's own calibration data: one channel, so that its layout is of no matter."""
    data: Array = np.load(ROOT / "examples" / "fashion_calib.npz")["x"][:count]
    return data


def noise(_zoo: Path, count: int, shape: tuple[int, ...]) -> Array:
    """Return samples from a normal distribution, as PyTorch's recorded input."""
    return np.random.default_rng(1).standard_normal((count, *shape), np.float32)


MODELS: dict[str, Samples] = {
    "models/mlcommons+tiny/pretrainedResnet.tflite": photos,
    "models/mlcommons+tiny/vww_96_float.tflite": large_photos,
    "models/mlcommons+tiny/ad01_fp32.tflite": log_energies,
    f"{ROOT}/examples/fashion_dscnn.onnx": clothes,
    **{f"exports/{name}.dynamo18.onnx": noise for name in EXPORTS},
}
"""By the path of a float model, in the zoo or anywhere."""
