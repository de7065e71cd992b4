"""Real inputs for the models of the end-to-end tests, from the data sets of the zoo, in each model's own form."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from redsc.ir import Array
from tests.conftest import Zoo

COUNT = 16


def _keywords(zoo: Zoo) -> Array:
    """MLPerf's MFCC features, already int8."""
    data: Array = np.load(zoo("datasets/kws01/kws01_dev600.npz"))["x"]
    return data[:COUNT].reshape(COUNT, 1, 49, 10, 1)


def _keywords_float(zoo: Zoo) -> Array:
    """The MFCC features of ARM's models."""
    data: Array = np.load(zoo("datasets/kws01/kws01_dev600.npz"))["arm49x10"]
    return data[:COUNT].astype(np.float32).reshape(COUNT, 1, 490)


def _photos(zoo: Zoo) -> Array:
    """CIFAR-10 photos: raw pixels less 128."""
    data: Array = np.load(zoo("datasets/cifar10/cifar10_train_lossless_2000.npz"))["x"]
    return (data[:COUNT].astype(np.int16) - 128).astype(np.int8).reshape(COUNT, 1, 32, 32, 3)


def _large_photos(zoo: Zoo) -> Array:
    """The same photos three times as large, each pixel repeated."""
    return _photos(zoo).repeat(3, axis=2).repeat(3, axis=3)


def _machine_sound(zoo: Zoo) -> Array:
    """Five frames of 128 log energies of recordings, quantised as ad01 wants them (scale 0.391, zero point 89)."""
    waves: Array = np.load(zoo("datasets/kws01/kws01_dev_wav240_int16.npz"))["x"][:COUNT]
    frames = np.stack([waves[:, 4000 + 512 * i : 5024 + 512 * i] for i in range(5)], axis=1) / 32768
    power = (
        np.square(np.abs(np.fft.rfft(frames * np.hanning(1024))))[..., 1:].reshape(COUNT, 5, 128, 4).sum(axis=-1)
    )
    decibels = 10 * np.log10(power + 1e-10)
    steps: Array = np.clip(np.round(decibels / 0.391) + 89, -128, 127).astype(np.int8)
    return steps.reshape(COUNT, 1, 640)


REAL_INPUTS: dict[str, Callable[[Zoo], Array]] = {
    "kws_ref_model": _keywords,
    "ds_cnn_s_quantized": _keywords_float,
    "pretrainedResnet_quant": _photos,
    "vww_96_int8": _large_photos,
    "ad01_int8": _machine_sound,
}
