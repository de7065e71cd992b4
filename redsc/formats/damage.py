"""Damaged model files: whatever a parser of foreign bytes raises becomes an error about the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redsc.errors import MalformedModel, RedscError

__all__ = ["INCOMPLETE", "damage_in"]

INCOMPLETE = "is the file whole? Export or download it again"


@contextmanager
def damage_in(what: str) -> Iterator[None]:
    """Run a block, or a function that this decorates, over bytes of which nothing is known.

    Parsers raise families of their own: the flatbuffers accessors struct.error, IndexError and TypeError, protobuf
    and onnx theirs.

    Raises:
        MalformedModel: the block raised an error that is not redsc's own; `what` says what is damaged.
    """
    try:
        yield
    except RedscError:
        raise
    except Exception as error:
        raise MalformedModel(f"damaged {what} ({type(error).__name__}: {error})", hint=INCOMPLETE) from error
