"""The one array of constants of all levels, and the table of parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from redsc.cost.engine import WORD_BYTES
from redsc.engine.call import Constant

__all__ = ["ConstantPool", "pool_constants"]


@dataclass(frozen=True, slots=True)
class ConstantPool:
    """The array, and where each constant starts in it, in bytes."""

    data: bytes
    starts: Mapping[Constant, int]


def pool_constants(constants: Iterable[Constant]) -> ConstantPool:
    """Lay constants behind one another, each at its alignment; one with which a longer one begins lies there."""
    kept: list[tuple[Constant, int]] = []
    starts: dict[Constant, int] = {}
    data = bytearray()
    for constant in sorted(dict.fromkeys(constants), key=lambda item: -len(item.data)):
        found = next((start for other, start in kept if _begins(other, start, constant)), None)
        if found is None:
            data += bytes(-len(data) % constant.alignment)
            found = len(data)
            data += constant.data
            kept.append((constant, found))
        starts[constant] = found
    data += bytes(-len(data) % WORD_BYTES)
    return ConstantPool(bytes(data), starts)


def _begins(other: Constant, start: int, constant: Constant) -> bool:
    return start % constant.alignment == 0 and other.data.startswith(constant.data)
