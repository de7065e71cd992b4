"""What a hostile file puts where numbers, text and lists are: the values at which programs fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

__all__ = ["hostile", "hostile_bytes", "hostile_integer"]

_INTEGERS = (
    0,
    1,
    2,
    3,
    5,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**24,
    2**28,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
)
_FLOATS = (0.0, -0.0, -1.0, 1e-45, 1e-38, 1e38, 3e38, float("inf"), float("-inf"), float("nan"))
_TEXTS = ("", "\0", "..", "../x", "/etc/passwd", "a" * 5000, "\x1b[2J", "é", "*", "1e999", "-1", "\ud83d\ude00")
ByteChange = Callable[[Random, bytes, bytes], bytes]
_LONGEST = 2000  # items that a list may grow to


def hostile_integer(rng: Random, value: int = 0) -> int:
    """Return a number near the given one, or one at the end of some type."""
    if rng.random() < 0.4:
        return value + rng.choice((-2, -1, 1, 2))
    return rng.choice((1, -1)) * rng.choice(_INTEGERS)


def hostile_bytes(rng: Random, data: bytes, other: bytes = b"") -> bytes:
    """Return bytes with one to four changes; `other` gives pieces to splice."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        change: ByteChange = rng.choice(_BYTE_CHANGES)
        data = change(rng, data, other or data)
    return data


def hostile(rng: Random, value: Any) -> Any:
    """Return something else in place of a value, mostly of its type; lists and tables are new ones."""
    if rng.random() < 0.1:
        return rng.choice((None, True, -1, 1.5, "x", [], {}, [[]]))
    change = _CHANGES.get(type(value))
    return value if change is None else change(rng, value)


def _text(rng: Random, value: str) -> str:
    if rng.random() < 0.5:
        return rng.choice(_TEXTS)
    place = rng.randrange(len(value) + 1)
    return value[:place] + rng.choice((rng.choice(_TEXTS), value)) + value[place + rng.randrange(3) :]


def _list(rng: Random, value: list[Any]) -> list[Any]:
    if not value:
        return [rng.choice((0, -1, 1.5, "x", None))]
    place = rng.randrange(len(value))
    ways: tuple[Callable[[], list[Any]], ...] = (
        lambda: value[:place] + value[place + 1 :],
        lambda: [*value, value[place]],
        lambda: value[::-1],
        list,
        lambda: value[place:] + value[:place],
        lambda: (value * (_LONGEST // len(value) + 1))[:_LONGEST],
        lambda: [value],
    )
    return rng.choice(ways)()


def _table(rng: Random, value: dict[str, Any]) -> dict[str, Any]:
    if not value:
        return {"x": 1}
    name = rng.choice(sorted(value))
    others = {key: item for key, item in value.items() if key != name}
    ways = (others, {**others, _text(rng, name): value[name]}, {**value, "x": value[name]})
    return rng.choice(ways)


_CHANGES: Mapping[type, Callable[[Random, Any], Any]] = {
    bool: lambda rng, value: rng.choice((not value, 2, -1)),
    int: hostile_integer,
    float: lambda rng, value: rng.choice((*_FLOATS, -value, value * 1e30, value * 1e-30)),
    str: _text,
    bytes: lambda rng, value: hostile_bytes(rng, value),
    list: _list,
    dict: _table,
}


def _flip(rng: Random, data: bytes, _other: bytes) -> bytes:
    place = rng.randrange(len(data) or 1)
    return data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]


def _word(rng: Random, data: bytes, _other: bytes) -> bytes:
    size = rng.choice((2, 4, 8))
    place = rng.randrange(max(len(data) // size, 1)) * size
    word = (hostile_integer(rng) % (1 << 8 * size)).to_bytes(size, "little")
    return data[:place] + word + data[place + size :]


def _cut(rng: Random, data: bytes, _other: bytes) -> bytes:
    start, end = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    return rng.choice((data[:start], data[:start] + data[end:], data[:start] + data[min(start + 4, end) :]))


def _splice(rng: Random, data: bytes, other: bytes) -> bytes:
    start, size, target = (
        rng.randrange(len(other) + 1),
        rng.choice((1, 4, 16, 64, 1024)),
        rng.randrange(len(data) + 1),
    )
    piece = other[start : start + size]
    return data[:target] + piece + data[target + rng.choice((0, len(piece))) :]


def _noise(rng: Random, data: bytes, _other: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.randbytes(rng.choice((1, 4, 40))) + data[place:]


_BYTE_CHANGES = (_flip, _flip, _word, _word, _cut, _splice, _noise)
