"""Which network of a TFLite file is meant: a file names the entries of its subgraphs by signatures.

Runtimes and readers take the first subgraph for the network. To choose another one is to make it the first, in the
file's own bytes: the table of subgraphs is a list of offsets, of which two change places. All other subgraphs keep
their numbers, by which CALL_ONCE and IF name them.
"""

from __future__ import annotations

import struct

import tflite

from redsc.errors import MalformedModel, UsageError, did_you_mean
from redsc.formats.damage import damage_in
from redsc.formats.tflite.accessors import text_of

__all__ = ["with_signature"]

_SUBGRAPHS = 8  # place of the field in the table's vtable (schema.fbs: table Model, field 2)
_OFFSET = struct.Struct("<I")


def with_signature(data: bytes, name: str | None) -> bytes:
    """Return the file with the subgraph of a signature in the first place; without a name that of the only one.

    A file with several signatures is taken as it is where none is named, as runtimes do.

    Raises:
        UsageError: there is no such signature.
        MalformedModel: the file is damaged.
    """
    found = _signatures(data)
    if name is None:
        name = next(iter(found)) if len(found) == 1 else None
    elif name not in found:
        known = f"the signatures are {', '.join(map(repr, found))}" if found else "the file has no signatures"
        hint = did_you_mean(name, found) or known
        raise UsageError(f"--signature {name}: there is no such signature", code="U228", hint=hint)
    index = 0 if name is None else found[name]
    return data if index == 0 else _with_first(data, index)


@damage_in("TFLite file")
def _signatures(data: bytes) -> dict[str, int]:
    """Return the subgraph of every signature, by name."""
    model = tflite.Model.GetRootAs(data, 0)
    entries = [model.SignatureDefs(i) for i in range(model.SignatureDefsLength())]
    found = {text_of(entry.SignatureKey()): entry.SubgraphIndex() for entry in entries}
    count = model.SubgraphsLength()
    for name, index in found.items():
        if not 0 <= index < count:
            raise MalformedModel(f"the signature {name!r} is of subgraph {index}, the file has {count}")
    return found


@damage_in("TFLite file")
def _with_first(data: bytes, index: int) -> bytes:
    """Return the file with the subgraph of this number in the first place, and the first one in its place."""
    table = tflite.Model.GetRootAs(data, 0)._tab
    start = table.Vector(table.Offset(_SUBGRAPHS))
    places = start, start + _OFFSET.size * index
    targets = [place + _OFFSET.unpack_from(data, place)[0] for place in places]
    changed = bytearray(data)
    for place, target in zip(places, reversed(targets), strict=True):
        _OFFSET.pack_into(changed, place, target - place)
    return bytes(changed)
