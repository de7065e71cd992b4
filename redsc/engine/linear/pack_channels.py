"""What int8 linear layers have per output channel, in pairs: bias, multiplier and shift (redsc_rescale.h)."""

from __future__ import annotations

import numpy as np

from redsc.ir import Array

__all__ = ["PAIR_BYTES", "SHIFTS_RIGHT", "are_shifts_right", "name_shifts", "pack_channels"]

PAIR_BYTES = 20
SHIFTS_RIGHT, _SHIFTS_ANY = "REDSC_SHIFTS_RIGHT", "REDSC_SHIFTS_ANY"
"""What kernels are told of the shifts of a layer."""
_PAIR = np.dtype([("bias", "<i4", 2), ("doubled", "<i4", 2), ("shift", "i1", 2), ("unused", "i1", 2)])
_MOST_SHIFT = 21  # the rounding, up to 257 * 2^20, stays below 2^29
_MOST_BIAS = 1 << 29
_MOST_TERMS = (1 << 28) // (255 * 128)


def pack_channels(bias: Array, multipliers: Array, shifts: Array) -> bytes:
    """Return `redsc_channel_pair`s of the channels of a layer; an odd number of them ends in half a pair.

    Multipliers and shifts are those of TFLite's QuantizeMultiplier (tensorflow/lite/kernels/internal/
    quantization_util.cc), whose positive shifts go left; the kernels' go right.
    """
    count = len(bias)
    pairs = np.zeros(-(-count // 2), _PAIR)
    doubled = (2 * np.asarray(multipliers, np.int64)) & 0xFFFFFFFF
    _fill(pairs["bias"], bias)
    _fill(pairs["doubled"], doubled.astype(np.uint32).view(np.int32))
    _fill(pairs["shift"], -np.asarray(shifts))
    return pairs.tobytes()


def name_shifts(bias: Array, multipliers: Array, shifts: Array, terms: int) -> str:
    """Return what may be said of channels whose sums have so many products (`are_shifts_right`)."""
    return SHIFTS_RIGHT if are_shifts_right(bias, multipliers, shifts, terms) else _SHIFTS_ANY


def are_shifts_right(bias: Array, multipliers: Array, shifts: Array, terms: int) -> bool:
    """Whether REDSC_SHIFTS_RIGHT may be said of channels whose sums have so many products.

    1. No multiplier is 0: its double would be that of 2^31.
    2. Shifts are 1 to 21 to the right.
    3. 2 * |bias + products| + |rounding| < 2^31: |bias| up to 2^29, products up to 2^28, a rounding below 2^29.
    """
    right = -np.asarray(shifts, np.int64)
    return bool(
        np.all(np.asarray(multipliers) != 0)
        and np.all((right >= 1) & (right <= _MOST_SHIFT))
        and np.all(np.abs(np.asarray(bias, np.int64)) <= _MOST_BIAS)
        and terms <= _MOST_TERMS
    )


def _fill(field: Array, values: Array) -> None:
    """Write one value per channel into a field [pairs, 2]."""
    flat = np.zeros(field.size, field.dtype)
    flat[: len(values)] = values
    field[...] = flat.reshape(field.shape)
