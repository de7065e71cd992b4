"""Change the structure of a file, not its bytes: every field of every object is a place for a hostile value."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, MutableMapping, MutableSequence
from copy import deepcopy
from functools import cache
from random import Random
from typing import Any

import numpy as np

from tests.fuzz.hostile import hostile, hostile_bytes, hostile_integer

__all__ = ["mutate_json", "mutate_npz", "mutate_text", "mutate_tflite"]

_MOST_CHANGES = 3
Place = tuple[Any, Any]
"""A container and the key of one of its values: an index, a key or the name of a field."""


def mutate_tflite(rng: Random, data: bytes, other: bytes) -> bytes:
    """Return a TFLite file with hostile fields, through the object form of its schema that LiteRT ships."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model, donor = schema.ModelT.InitFromPackedBuf(data, 0), schema.ModelT.InitFromPackedBuf(other, 0)
    _change(rng, model, list(places(donor)))
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def mutate_json(rng: Random, data: bytes, other: bytes) -> bytes:
    """Return JSON with hostile values, names and depths."""
    root = [json.loads(data)]
    if rng.random() < 0.05:
        depth = rng.choice((50, 2000, 100_000))
        return data.replace(b"[", b"[" * depth, 1)
    _change(rng, root, list(places([json.loads(other)])))
    return json.dumps(root[0], indent=rng.choice((None, 1))).encode()


def mutate_text(rng: Random, data: bytes, other: bytes) -> bytes:
    """Return lines of words in which lines and words were moved, dropped or replaced."""
    lines = data.decode().split("\n")
    for _ in range(rng.randrange(1, _MOST_CHANGES + 1)):
        place = rng.randrange(len(lines))
        words = lines[place].split(" ")
        index = rng.randrange(len(words))
        number = words[index].strip("[],")
        words[index] = str(hostile(rng, int(number) if number.isdecimal() else words[index]))
        foreign = rng.choice(other.decode().split("\n"))
        lines[place : place + 1] = rng.choice(
            ([" ".join(words)], [" ".join(words)], [], [lines[place]] * 2, [foreign, lines[place]], ["[" * 3000])
        )
        lines = lines or [""]
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def mutate_npz(rng: Random, data: bytes, _other: bytes) -> bytes:
    """Return an archive of arrays that lie about themselves: shapes, types, sizes, pickles, bombs."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(sorted(members))
    members[name] = rng.choice(_ARRAYS)(rng, members[name])
    if rng.random() < 0.2:
        members[hostile(rng, name) or "x"] = members.pop(name)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for key, content in members.items():
            archive.writestr(str(key)[:100], content)
    return file.getvalue() if rng.random() < 0.7 else hostile_bytes(rng, file.getvalue())


def places(root: Any, depth: int = 0) -> Iterator[Place]:
    """Yield every value below a root with what holds it; arrays as a whole."""
    for key, value in _items(root):
        yield root, key
        if depth < 40:
            yield from places(value, depth + 1)


def _items(root: Any) -> list[tuple[Any, Any]]:
    if isinstance(root, MutableSequence):
        return list(enumerate(root))[:500]
    if isinstance(root, MutableMapping):
        return list(root.items())
    return list(vars(root).items()) if hasattr(root, "__dict__") else []


def _change(rng: Random, root: Any, foreign: list[Place]) -> None:
    """Replace one to three values below a root, by hostile ones or by values of another file."""
    for _ in range(rng.randrange(1, _MOST_CHANGES + 1)):
        found = list(places(root))
        owner, key = rng.choice(found)
        value = _get(owner, key)
        if rng.random() < 0.2:
            alike = [place for place in (*found, *foreign) if type(_get(*place)) is type(value)]
            changed = deepcopy(_get(*rng.choice(alike)))  # what holds the place would hold itself else
        elif isinstance(value, np.ndarray):
            changed = _array(rng, value)
        else:
            changed = hostile(rng, value)
        if isinstance(owner, MutableSequence | MutableMapping):
            owner[key] = changed
        else:
            setattr(owner, key, changed)


def _get(owner: Any, key: Any) -> Any:
    return owner[key] if isinstance(owner, MutableSequence | MutableMapping) else getattr(owner, key)


def _array(rng: Random, value: np.ndarray[Any, Any]) -> Any:
    """Return an array with a hostile number, or of another length."""
    if value.dtype == np.uint8:
        return np.frombuffer(hostile_bytes(rng, value.tobytes()), np.uint8)
    changed = hostile(rng, value.tolist())
    if rng.random() < 0.7 and value.size:
        changed = value.tolist()
        place = rng.randrange(len(changed))
        changed[place] = hostile(rng, changed[place])
    if isinstance(changed, list) and all(type(n) in (int, float) for n in changed):
        with np.errstate(all="ignore"):
            return np.array(changed).astype(value.dtype)
    return value[: rng.randrange(len(value) + 1)]


def _header(rng: Random, data: bytes) -> bytes:
    """Return an array whose header promises another shape, order or type."""
    shape = rng.choice(("(99999999999,)", "(2147483647, 4)", "(-1,)", "()", "(0, 8)", "(1e3,)", "(" * 90, "('x',)"))
    descr = rng.choice(("<f4", "|O", "<U9999999", "<f8", "<c8", "|V4294967295", "<M8[ns]", "|i1", ">f4", "x" * 300))
    order = rng.choice(("False", "True", "None"))
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"
    size = rng.choice((len(text), len(text), 65535, 10))
    return b"\x93NUMPY\x01\x00" + size.to_bytes(2, "little") + text.encode() + data[128:]


def _saved(array: Callable[[Random], Any]) -> Callable[[Random, bytes], bytes]:
    def make(rng: Random, _data: bytes) -> bytes:
        file = io.BytesIO()
        np.save(file, array(rng), allow_pickle=True)
        return file.getvalue()

    return make


@cache
def _bombs() -> tuple[bytes, ...]:
    """Arrays of zeros, of which an archive keeps a thousandth: one that the model takes, one without a header."""
    headers = ("{'descr': '<f4', 'fortran_order': False, 'shape': (87381, 8, 8, 3), }", "{}")
    return tuple(
        b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(87381 * 192 * 4)
        for text in headers
    )


_ARRAYS: tuple[Callable[[Random, bytes], bytes], ...] = (
    _header,
    _header,
    lambda rng, data: hostile_bytes(rng, data),
    lambda rng, data: data + bytes(rng.choice((1, 64, 1 << 16))),
    lambda rng, _data: rng.choice(_bombs()),
    _saved(lambda rng: np.zeros(rng.choice(((0,), (1 << 20,), (9, 8, 8, 3), (1, 1, 1, 1, 1, 1))), np.float32)),
    _saved(lambda rng: np.full((9, 8, 8, 3), rng.choice((np.nan, np.inf, 1e38, -1e-45)), np.float32)),
    _saved(lambda _rng: np.array([{"x": 1}, print], object)),
    _saved(lambda rng: np.zeros(9, rng.choice(("U5", "c16", "M8[s]", "b1", [("a", "i4")])))),
    _saved(lambda rng: np.array([hostile_integer(rng) % 2**32 for _ in range(9)])),
)
