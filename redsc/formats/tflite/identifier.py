"""What a TFLite file begins with: the offset of its root, and an identifier (TensorFlow's schema.fbs)."""

from __future__ import annotations

__all__ = ["IDENTIFIER", "is_tflite"]

IDENTIFIER = b"TFL3"
_PLACE = 4  # bytes from the start of the model


def is_tflite(data: bytes, start: int = 0) -> bool:
    """Whether a TFLite model begins at a place in these bytes."""
    place = start + _PLACE
    return data[place : place + len(IDENTIFIER)] == IDENTIFIER
