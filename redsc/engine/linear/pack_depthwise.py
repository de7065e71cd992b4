"""Weights of depthwise layers as the engine's kernels read them (redsc_depthwise.h)."""

from __future__ import annotations

import numpy as np

from redsc.ir import Array

__all__ = ["pack_direct", "pack_planar"]


def pack_planar(weight: Array, is_swapped: bool) -> bytes:
    """Return weights [1, 3, 3, C] for the planar kernel: 9 bytes per channel, so a level's are a prefix.

    A channel has three lines of three taps; lines are rows of the kernel, columns if it is swapped. Words
    are loaded from each line on: a byte that does not count lies behind the last one.
    """
    taps = weight[0].transpose(2, 1, 0) if is_swapped else weight[0].transpose(2, 0, 1)
    data: bytes = taps.astype(np.int8).tobytes()
    return data + b"\0"


def pack_direct(weight: Array) -> bytes:
    """Return weights [1, H, W, C] for the direct kernel: tap by tap; a level reads the first of each tap."""
    return np.ascontiguousarray(weight[0], np.int8).tobytes()
