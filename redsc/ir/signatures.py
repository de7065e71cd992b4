"""Which element types an op takes and gives: rows of the table that each entry of the vocabulary has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from redsc.ir.types import DType

__all__ = ["BOOL", "F32", "I8", "I16", "I32", "I64", "U32", "U64", "Signature", "same_type", "signatures"]

F32, BOOL, U32, U64 = DType.FLOAT32, DType.BOOL, DType.UINT32, DType.UINT64  # short names for the rows
I8, I16, I32, I64 = DType.INT8, DType.INT16, DType.INT32, DType.INT64


@dataclass(frozen=True, slots=True)
class Signature:
    """One legal combination of element types; trailing inputs may be absent, outputs have one type, but for `more`.

    `repeats` allows any number of inputs of the last type; `more` are the types of the outputs after the first.
    """

    inputs: tuple[DType, ...]
    output: DType
    repeats: bool = False
    more: tuple[DType, ...] = ()

    def gives(self, found: Sequence[DType]) -> bool:
        """Whether outputs of these types fit."""
        wanted = (self.output, *self.more) if self.more else (self.output,) * len(found)
        return wanted == tuple(found)

    def takes(self, found: Sequence[DType | None]) -> bool:
        """Whether inputs of these types fit; None stands for an input that is left out."""
        more = len(found) - len(self.inputs)
        wanted = self.inputs + self.inputs[-1:] * more if self.repeats else self.inputs
        return len(found) <= len(wanted) and all(
            item in (None, kind) for item, kind in zip(found, wanted, strict=False)
        )


def signatures(*rows: tuple[tuple[DType, ...], DType], repeats: bool = False) -> tuple[Signature, ...]:
    """Return signatures from `((input dtypes), output dtype)` rows."""
    return tuple(Signature(inputs, output, repeats) for inputs, output in rows)


def same_type(dtypes: Iterable[DType], inputs: int = 1, *more: DType) -> tuple[Signature, ...]:
    """Return signatures with `inputs` operands and an output of one type, and operands of the types `more`."""
    return tuple(Signature((dtype,) * inputs + more, dtype) for dtype in dtypes)
