"""Packed weight rows of the engine's convolution and dense kernel (redsc_conv.h)."""

from __future__ import annotations

import numpy as np

from redsc.cost.engine.conv import GROUP_ELEMENTS, filled
from redsc.ir import Array

__all__ = ["fits_sums", "pack_rows"]

_ORDER = (0, 2, 1, 3)  # in which SXTB16 and SXTB16 with ROR #8 widen the bytes of a word
_REACH = 255  # of x - zero point, for int8 x and any int8 zero point
_SUM_LIMIT = 1 << 23


def fits_sums(weight: Array, reach: int = _REACH) -> bool:
    """Return whether rows may be packed as sums: `weight` is int8 [rows, ...], |x - zero point| is at most `reach`.

    A tile sums A = S0 and B = 256 * S1 + S0 modulo 2**32, S0 being the sum of w * (x - zero point) over an even row
    and S1 that over the odd row after it, and takes (B - A) / 256 for S1. B - A is 256 * S1 modulo 2**32, so this
    is right if and only if 256 * S1 lies in [-2**31, 2**31), that is S1 in [-2**23, 2**23). Every element adds at
    most reach * |w|, padding adds nothing: reach * sum |w| < 2**23 over every odd row suffices. It then holds for
    each level, as a level sums over a part of the row.

    The halfword 256 * w1 + w0 itself must be an int16. With w1 >= -127 it is at least -32512 - 128 = -32640, and
    at most 32639; with w1 = -128, which TFLite's own converter never writes, w0 must not be negative.
    """
    rows = weight.reshape(len(weight), -1).astype(np.int64)
    odd, even = rows[1::2], rows[0::2][: len(rows) // 2]
    is_halfword = (odd > -128) | (even >= 0)
    return bool((reach * np.abs(odd).sum(axis=1) < _SUM_LIMIT).all() and is_halfword.all())


def pack_rows(weight: Array, is_sums: bool) -> bytes:
    """Return rows in twos, two bytes per element: `weight` is int8 [rows, stretches, elements].

    A stretch is what the kernel pads to whole groups of four: a kernel row [kernel width * channels], or with taps
    apart a tap [channels]. The partner of an odd last row is zero. REDSC_SUMS if `is_sums`, else REDSC_BYTES.

    Raises:
        ValueError: a pair of weights is no int16 as a sum; `fits_sums` says so before.
    """
    rows, stretches, elements = weight.shape
    padded = np.zeros((rows + rows % 2, stretches, filled(elements)), np.int32)
    padded[:rows, :, :elements] = weight
    ordered = padded.reshape(len(padded) // 2, 2, stretches, -1, GROUP_ELEMENTS)[..., _ORDER]
    even, odd = ordered[:, 0], ordered[:, 1]
    if not is_sums:
        return np.stack([even, odd], axis=-1).astype(np.int8).tobytes()
    sums = 256 * odd + even
    if (sums < -(1 << 15)).any():
        raise ValueError("a weight of -128 below a negative one does not fit into a halfword")
    return sums.astype("<i2").tobytes()
